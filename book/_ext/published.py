"""A Sphinx extension for what stands around the pages: buttons, previews, the version, whose images they are.

Two settings decide, both empty for a book that is read at home: ``repository.url``, from which the buttons follow, and
``html.baseurl``, the address of all versions of the book, in which each has a folder of its name.
"""

import re
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docutils import nodes  # type: ignore[import-untyped]
from pybtex.database import parse_file  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.config import Config

import brainseg

IMAGES = ("pkdarabi2023", "cheng2017")
"""The data sets of the study's images, as the bibliography names them."""

LICENCE = '<a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>'
CITATION = re.compile(r"\s*\[[^\]]*\]")
PREVIEW = "_static/box-and-border.png"
THEME = (
    '<script>if (!localStorage.getItem("mode")) {localStorage.setItem("mode", "auto"); localStorage.setItem("theme", '
    'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")}</script>'
)
"""The theme asks for a mode before there is one, and says in the console that it is invalid."""


def settle(app: Sphinx, config: Config) -> None:
    """Derive from the two settings what follows from them."""
    config.version = config.release = brainseg.__version__
    options = config.html_theme_options
    url = options.get("repository_url") or ""
    options |= buttons(url)
    if config.html_baseurl:
        config.html_baseurl = f"{config.html_baseurl.rstrip('/')}/{brainseg.__version__}/"


def buttons(repository: str) -> dict[str, Any]:
    """Options of the theme for the buttons of a repository; without an address, there are none.

    >>> buttons("")["use_repository_button"], buttons("https://gitlab.com/a/b")["launch_buttons"]["colab_url"]
    (False, '')
    """
    colab = "https://colab.research.google.com" if "github.com/" in repository else ""  # it reads no other host
    launch = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org" if repository else "",
        "colab_url": colab,
    }
    named = dict.fromkeys(("use_repository_button", "use_issues_button"), bool(repository))
    return {**named, "repository_url": repository, "launch_buttons": launch}


def attribution(bibliography: Path) -> str:
    """Whose images are shown, and under what licence, HTML."""
    entries = parse_file(str(bibliography)).entries
    sets = []
    for key in IMAGES:
        fields = {name: re.sub(r"[{}]", "", value) for name, value in entries[key].fields.items()}
        (author,) = entries[key].persons["author"]
        who = " ".join([*author.first_names, *author.last_names]).strip("{}")
        address = fields.get("url") or f"https://doi.org/{fields['doi']}"
        sets.append(f'<a href="{address}">{escape(fields["title"])}</a> by {escape(who)} ({fields["year"]})')
    return f"Images of patients: {' and '.join(sets)}, both {LICENCE}; resized, and drawn upon."


def description(doctree: nodes.document, length: int = 200) -> str:
    """The first paragraph of a page, cut at a word."""
    paragraphs = (part for part in doctree.findall(nodes.paragraph) if isinstance(part.parent, nodes.section))
    text = " ".join(CITATION.sub("", next((part.astext() for part in paragraphs), "")).split())
    return text if len(text) <= length else f"{text[:length].rpartition(' ')[0].rstrip(' ,.;:–')} …"


def preview(title: str, text: str, base: str, page: str) -> str:
    """What a link to a page shows elsewhere: Open Graph, and a description for search engines.

    >>> preview("Dice", "", "", "index")
    '<meta property="og:title" content="Dice"><meta property="og:type" content="article">'
    """
    about = {"og:title": title, "og:type": "article", "og:description": text}
    if base:  # both have to be whole addresses
        about |= {"og:url": f"{base}{page}.html", "og:image": f"{base}{PREVIEW}"}
    given = [f'<meta property="{name}" content="{escape(value)}">' for name, value in about.items() if value]
    return "".join([*given, f'<meta name="description" content="{escape(text)}">' if text else ""])


def colab(repository: str) -> str:
    """What has to be typed first in a notebook that Colab opens, HTML: the package with the Keras of the networks."""
    command = f'%pip install "brainseg[tensorflow] @ git+{repository}" keras=={version("keras")}'
    return f'<p class="facts">In Colab, first run <code>{escape(command)}</code></p>'


def surround(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give a page its preview and its footer, and take away what no page needs."""
    base = app.config.html_baseurl
    text = description(doctree) if doctree is not None else ""
    context["metatags"] = context.get("metatags", "") + THEME + preview(context.get("title", ""), text, base, page)
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if not _of_thebe(file)]
    copy = Path(app.srcdir, "book", "copy.txt")
    footer = [f"Version {brainseg.__version__}."]
    if base:
        versions = f"{base.removesuffix(f'{brainseg.__version__}/')}versions.html"
        footer = [f'Version {brainseg.__version__} · <a href="{escape(versions)}">all versions</a>']
    if copy.is_file() and copy.read_text(encoding="utf-8") == "tumorseg":
        footer.append(attribution(Path(app.srcdir, "book", "references.bib")))
    context["theme_extra_footer"] = "".join(f"<p>{line}</p>" for line in footer)
    launch = app.config.html_theme_options["launch_buttons"]
    if launch["colab_url"] and page.startswith("notebooks/"):
        line = colab(app.config.html_theme_options["repository_url"])
        context["body"] = context["body"].replace("</h1>", f"</h1>{line}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("config-inited", settle)
    app.connect("html-page-context", surround, priority=900)  # after the theme has chosen its files
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _of_thebe(file: Any) -> bool:
    """Whether a script or style is Thebe's, which starts nothing here, and whose script is declared twice."""
    return "thebe" in f"{file.filename} {file.attributes.get('body', '')}".lower()
