"""A Sphinx extension that goes over the built pages once more: lighter, and with names for those who listen to them.

Charts and slices become WebP without loss; of the theme's icons only those stay that a page shows, as a font.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset  # type: ignore[import-untyped]
from PIL import Image
from sphinx.application import Sphinx

STYLE = Path("_static", "styles", "pydata-sphinx-theme.css")
FONTS = Path("_static", "vendor", "fontawesome", "webfonts")
MENDED = {
    r"<script[^>]*/fontawesome\.js[^>]*></script>\s*": "",  # draws the icons again, with 1.5 MB
    r'(_images/[^"]+)\.png"': r'\1.webp"',
    r'<summary><span class="toctree-toggle" role="presentation">': (
        '<summary aria-label="More pages"><span class="toctree-toggle" aria-hidden="true">'
    ),
    r'(<button class="btn search-button-field[^>]*?)\s+aria-label="Search"': r"\1",  # it reads "Search", and its keys
    r'<div role="list" class="citation-list">': '<div class="citation-list">',  # no item of it is one of a list
}
"""What is replaced in pages, as regular expressions."""

ICON = re.compile(r"\bfa-[a-z0-9-]+")
RULE = re.compile(r'(?:\.fa-[a-z0-9-]+::?before,?)+\{content:"\\[0-9a-f]+"\}')
CHARACTER = re.compile(r'"(?:\\([ef][0-9a-f]{3})|([\ue000-\uf8ff]))"')
SOURCE = re.compile(r"(fa-[a-z]+-\d+)\.woff2\) format\(\"woff2\"\)")


def kept(style: str, used: set[str]) -> str:
    r"""A style sheet without the rules of icons that are not used.

    >>> kept(r'.fa-bars:before,.fa-navicon:before{content:"\f0c9"}.fa-bell:before{content:"\f0f3"}', {"fa-bars"})
    '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}'
    """
    return RULE.sub(lambda found: found[0] if used & set(ICON.findall(found[0])) else "", style)


def characters(styles: Iterable[str]) -> set[int]:
    r"""The characters of icon fonts that style sheets show.

    >>> characters([r'.fa-bars:before{content:"\f0c9"}', 'html{--pst-icon-bell:"\uf0f3"}']) == {0xF0C9, 0xF0F3}
    True
    """
    return {int(code, 16) if code else ord(sign) for style in styles for code, sign in CHARACTER.findall(style)}


def reduce_icons(site: Path) -> None:
    """Take out of the fonts and the style sheet of a site the icons that no page shows."""
    files = [*_pages(site), *site.glob("_static/scripts/*-theme.js")]
    used = {icon for file in files for icon in ICON.findall(file.read_text(encoding="utf-8"))}
    style = kept((site / STYLE).read_text(encoding="utf-8"), used)
    (site / STYLE).write_text(SOURCE.sub(r'\1.woff) format("woff")', style), encoding="utf-8")
    shown = characters(file.read_text(encoding="utf-8") for file in site.glob("_static/**/*.css"))
    options = subset.Options(flavor="woff", notdef_outline=True, recalc_timestamp=False)
    for file in (site / FONTS).glob("*.ttf"):
        font = subset.load_font(str(file), options)
        chooser = subset.Subsetter(options)
        chooser.populate(unicodes=shown)
        chooser.subset(font)
        subset.save_font(font, str(file.with_suffix(".woff")), options)


def reduce_pictures(site: Path) -> None:
    """Store the pictures of a site as WebP, without loss."""
    for picture in (site / "_images").glob("*.png"):
        with Image.open(picture) as image:
            image.save(picture.with_suffix(".webp"), lossless=True, method=4)
        picture.unlink()


def mended(page: str) -> str:
    """A page with everything replaced that is to be.

    >>> mended('<img src="_images/a.png"><script defer src="x/fontawesome.js"></script>')
    '<img src="_images/a.webp">'
    """
    for pattern, replacement in MENDED.items():
        page = re.sub(pattern, replacement, page)
    return page


def finish(app: Sphinx, failure: Exception | None) -> None:
    """Go over what was built."""
    if failure is None and app.builder.format == "html":
        for page in _pages(Path(app.outdir)):
            page.write_text(mended(page.read_text(encoding="utf-8")), encoding="utf-8")
        reduce_pictures(Path(app.outdir))
        reduce_icons(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _pages(site: Path) -> list[Path]:
    return [path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts]
