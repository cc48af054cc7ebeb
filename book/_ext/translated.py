"""A Sphinx extension for a book in another language: numbers in translated sentences, and the words of cells.

Sphinx reads a translated sentence as a document of its own, which knows no cells.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
from docutils import nodes  # type: ignore[import-untyped]
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx import locale
from sphinx.application import Sphinx

from brainseg.paper.build.prose import glued, resolved

WORDS = "pages"
"""The catalogue of what is said on pages and by cells, beside those of the pages themselves."""

word = locale.get_translation(WORDS)


class Pasted(PasteTextRole):
    """``{glue:text}``, in translated sentences, too."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Run the role."""
        if not str(self.document.current_source).endswith("<translated>") or "::" in self.text:
            return super().run()
        env = self.document.settings.env
        text = resolved(f"{{glue:text}}`{self.text}`", _values(env.doc2path(env.docname)))
        return [nodes.inline(text, text, classes=["pasted-text"])], []


@cache
def _values(notebook: str) -> dict[str, str]:
    return glued(nbformat.read(notebook, as_version=4))


def open_words(app: Sphinx, *others: object) -> None:
    """Open the catalogue of words, once Sphinx has made it from its source."""
    locale.init([Path(app.srcdir, place) for place in app.config.locale_dirs], app.config.language, WORDS)


def mend(app: Sphinx, doctree: nodes.document) -> None:
    """Give what comes from cells a minus sign instead of a hyphen, and words the language of the book."""
    for node in doctree.findall(nodes.inline):
        if "pasted-text" in node["classes"]:
            node.children = [nodes.Text(re.sub(r"^-(?=\d)", "−", str(word(node.astext()))))]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all."""
    app.add_role_to_domain("glue", "text", Pasted(), override=True)
    app.connect("env-before-read-docs", open_words)
    app.connect("doctree-read", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
