"""The built book as a set of files: which pages are missing, and which links inside it lead nowhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

STATIC = "_static"
"""Folder of what the pages need; the HTML files in it are templates of the theme, not pages."""


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif (tag, name) in {("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")}:
                self.links.append(value)


def missing_pages(site: Path, toc: Path) -> list[str]:
    """Pages that the table of contents names and the site lacks."""
    return [name for name in toc_files(yaml.safe_load(toc.read_text())) if not (site / f"{name}.html").is_file()]


def broken_links(site: Path) -> list[str]:
    """Links between files of the site that lead nowhere, as ``page -> link``; links to other hosts are not followed."""
    files = [path.resolve() for path in sorted(site.rglob("*.html")) if STATIC not in path.relative_to(site).parts]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in files}
    return [
        f"{path.relative_to(site.resolve())} -> {link}"
        for path, page in pages.items()
        for link in dict.fromkeys(page.links)
        if not _leads_somewhere(link, path, pages)
    ]


def _leads_somewhere(link: str, page: Path, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return False
    anchor = unquote(parts.fragment)
    return not anchor or target not in pages or anchor in pages[target].anchors


def toc_files(entry: object) -> list[str]:
    """Pages that an entry of the table of contents names, the whole table included, in order."""
    if isinstance(entry, list):
        return [name for item in entry for name in toc_files(item)]
    if isinstance(entry, dict):
        own = [entry[key] for key in ("root", "file") if key in entry]
        return own + [name for value in entry.values() for name in toc_files(value) if isinstance(value, list)]
    return []
