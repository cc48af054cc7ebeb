"""The built book as a set of files: which pages are missing, and which links inside it lead nowhere."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

STATIC = "_static"
"""Folder of what the pages need; the HTML files in it are templates of the theme, not pages."""

LINKS = {"a": "href", "img": "src", "script": "src", "link": "href"}


def missing_pages(site: Path, toc: Path) -> list[str]:
    """Pages that the table of contents names and the site lacks."""
    return [name for name in parse_toc_yaml(toc) if not (site / f"{name}.html").is_file()]


def broken_links(site: Path) -> list[str]:
    """Links between files of the site that lead nowhere, as ``page -> link``; links to other hosts are not followed."""
    site = site.resolve()
    files = [path for path in sorted(site.rglob("*.html")) if STATIC not in path.relative_to(site).parts]
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in files}
    anchors = {path: {str(tag["id"]) for tag in page.find_all(id=True)} for path, page in pages.items()}
    return [
        f"{path.relative_to(site)} -> {link}"
        for path, page in pages.items()
        for link in dict.fromkeys(str(tag.get(LINKS[tag.name], "")) for tag in page.find_all(list(LINKS)))
        if not _leads_somewhere(link, path, anchors)
    ]


def _leads_somewhere(link: str, page: Path, anchors: dict[Path, set[str]]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    anchor = unquote(parts.fragment)
    return target.is_file() and (not anchor or target not in anchors or anchor in anchors[target])
