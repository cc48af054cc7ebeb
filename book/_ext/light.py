"""A Sphinx extension that makes the built book light, without changing what is seen.

Charts and slices become WebP without loss, and of the theme's icons only those that a page shows stay.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset  # type: ignore[import-untyped]
from PIL import Image
from sphinx.application import Sphinx

STYLE = Path("_static", "styles", "pydata-sphinx-theme.css")
FONTS = Path("_static", "vendor", "fontawesome", "webfonts")
PICTURE = re.compile(r'(_images/[^"]+)\.png"')
SCRIPT = re.compile(r"<script[^>]*/fontawesome\.js[^>]*></script>\s*")
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
    """Take the script that draws icons out of a site, and what no page shows out of its fonts and style sheet."""
    for page in _pages(site):
        page.write_text(SCRIPT.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
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
    for page in _pages(site):
        page.write_text(PICTURE.sub(r'\1.webp"', page.read_text(encoding="utf-8")), encoding="utf-8")


def lighten(app: Sphinx, failure: Exception | None) -> None:
    """Lighten what was built."""
    if failure is None and app.builder.format == "html":
        reduce_pictures(Path(app.outdir))
        reduce_icons(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _pages(site: Path) -> list[Path]:
    return [path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts]
