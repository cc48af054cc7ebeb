"""The book for a host of static files: a folder for each version, the newest one first to be met."""

import re
import shutil
from html import escape
from pathlib import Path
from typing import Final

VERSIONS: Final = "versions.html"
"""The page that lists the versions."""

UNUSED: Final = shutil.ignore_patterns("*.map", "fontawesome.js*", "*.ttf", "*.woff2")
"""What no page asks for: sources of the theme's scripts, and its icons before only those remained that are shown."""

PAGE: Final = (
    '<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>{}</title>{}</head><body>{}</body></html>\n'
)


def add_version(book: Path, site: Path, version: str, title: str) -> None:
    """Put a built book into the folder of a site, beside the versions that are there; the same version is replaced."""
    shutil.rmtree(site / version, ignore_errors=True)
    shutil.copytree(book, site / version, ignore=UNUSED)
    (site / ".nojekyll").touch()  # else GitHub leaves out folders whose name begins with an underscore
    names = versions(site)
    links = "".join(f'<li><a href="{name}/">{name}</a></li>' for name in names)
    listed = PAGE.format(escape(title), "", f"<h1>{escape(title)}</h1><ul>{links}</ul>")
    newest = f'<meta http-equiv="refresh" content="0; url={names[0]}/">'
    (site / VERSIONS).write_text(listed, encoding="utf-8")
    link = f'<a href="{names[0]}/">{escape(title)}</a>'
    (site / "index.html").write_text(PAGE.format(escape(title), newest, link), encoding="utf-8")


def versions(site: Path) -> list[str]:
    """Versions of the book that a site has, the newest first.

    >>> site = getfixture("tmp_path")
    >>> for name in ("1.9.0", "1.10.0", "other"):
    ...     (site / name).mkdir()
    >>> versions(site)
    ['1.10.0', '1.9.0']
    """
    names = [path.name for path in site.iterdir() if re.fullmatch(r"\d+(\.\d+)*", path.name)]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")], reverse=True)
