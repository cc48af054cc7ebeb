"""The whole book as one page of HTML, and that on paper, as PDF."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from sphinx_external_toc.parsing import parse_toc_yaml

from brainseg.errors import BrainsegError

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
ON_SCREEN: Final = "script, style, button, form, .headerlink, details.hide, .facts, .onlyprint, .toctree-wrapper"
"""What paper has no use for, as a CSS selector."""

REFERENCE: Final = "book/api/"
"""The pages that are looked up, not read: paper does without."""


def whole(site: Path, toc: Path) -> str:
    """All pages of a built book in their order as one, with links between them; it belongs beside the site's folder."""
    names = [name for name in parse_toc_yaml(toc) if not name.startswith(REFERENCE)]
    pages = {site / f"{name}.html": name.replace("/", "-") for name in names}
    soups = {page: BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser") for page in pages}
    titles = {pages[page]: _title(soup) for page, soup in soups.items()}
    parts = [_part(soup, page, site, pages) for page, soup in soups.items()]
    root, first = next(iter(soups.items()))
    contents = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title in titles.items())
    return (
        f'<!doctype html><html lang="en-GB" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{escape(titles[pages[root]])}</title>{''.join(_styles(first, root, site))}"
        f"<style>{_rules(first)}</style></head><body>"
        '<div class="bd-content"><div class="bd-article-container"><article class="bd-article">'
        f"{parts[0]}<section class='page'><h1>Contents</h1><ol>{contents}</ol></section>"
        f"{''.join(parts[1:])}</article></div></div></body></html>"
    )


def find_browser() -> str | None:
    """The browser that BRAINSEG_BROWSER names, or Chromium; None where there is neither."""
    names = [os.environ.get("BRAINSEG_BROWSER"), *BROWSERS]
    return next((path for path in (shutil.which(name) for name in names if name) if path), None)


def print_pdf(page: Path, target: Path) -> None:
    """Print a page of HTML with the browser that BRAINSEG_BROWSER names, or with Chromium.

    Raises:
        BrainsegError: If there is no browser, or it prints nothing.
    """
    if (browser := find_browser()) is None:
        raise BrainsegError(f"found none of {', '.join(BROWSERS)}: install Chromium, or name it in BRAINSEG_BROWSER")
    target.unlink(missing_ok=True)
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has no sandbox, and the page is our own
    command = [browser, "--headless", *alone, "--no-pdf-header-footer", "--generate-pdf-document-outline"]
    made = subprocess.run(  # noqa: S603
        [*command, f"--print-to-pdf={target.resolve()}", page.resolve().as_uri()],
        capture_output=True,
        text=True,
        check=False,
    )
    if not target.is_file():
        raise BrainsegError(f"{browser} printed nothing: {made.stderr.strip()[-200:]}")


def _part(soup: BeautifulSoup, page: Path, site: Path, pages: dict[Path, str]) -> str:
    """A page as a section of the whole: its own anchors, links inside the book, pictures beside it."""
    article = soup.select_one("article")
    if article is None:
        raise BrainsegError(f"{page} has no article: build the book again")
    for tag in article.select(ON_SCREEN):
        tag.decompose()
    for tag in article.find_all(id=True):
        if tag.find_parent("svg") is None:
            tag["id"] = f"{pages[page]}--{tag['id']}"
    for tag in article.find_all("a", href=True):
        if (address := _address(str(tag["href"]), page, pages)) is None:
            del tag["href"]
        else:
            tag["href"] = address
    for tag in article.find_all(src=True):
        tag["src"] = _beside(str(tag["src"]), page, site)
    return f'<section class="page" id="{pages[page]}">{article.decode_contents()}</section>'


def _address(link: str, page: Path, pages: dict[Path, str]) -> str | None:
    """Where a link leads in the whole: to an anchor, or to another host; None if what it leads to is not there."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return link
    target = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
    key = pages.get(target)
    return key and f"#{key}--{parts.fragment}" if parts.fragment else key and f"#{key}"


def _beside(link: str, page: Path, site: Path) -> str:
    """The address of a file of the site from beside the site's folder."""
    if urlsplit(link).scheme:
        return link
    return os.path.relpath(page.parent / link, site.parent)


def _styles(soup: BeautifulSoup, page: Path, site: Path) -> Iterator[str]:
    for tag in soup.select("link[rel=stylesheet]"):
        yield f'<link rel="stylesheet" href="{escape(_beside(urlsplit(str(tag["href"])).path, page, site))}">'


def _rules(soup: BeautifulSoup) -> str:
    footer = soup.select_one(".extra_footer")
    words = " ".join(footer.get_text(" ").split()) if isinstance(footer, Tag) else ""
    rules = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    return rules.replace("FOOTER", words.replace("\\", "").replace('"', "”"))


def _title(soup: BeautifulSoup) -> str:
    heading = soup.select_one("article h1")
    return heading.get_text().strip().removesuffix("#") if heading else ""
