"""A Sphinx extension that makes pages quieter: code folds to one word, and glued numbers have real minus signs."""

import re
from typing import Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx

FOLD = re.compile(r'(<details class="hide[^"]*">\s*<summary)[^>]*>.*?</summary>', re.DOTALL)


def fold(page: str) -> str:
    """Replace the bar above each output, whose label is not what it shows, by one word.

    >>> fold('<details class="hide above-input"><summary aria-label="Toggle"><span>Show code</span></summary>')
    '<details class="hide above-input"><summary>Code</summary>'
    """
    return FOLD.sub(r"\1>Code</summary>", page)


def quieten(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Fold the code of a page."""
    if "body" in context:
        context["body"] = fold(context["body"])


def mend_minus(app: Sphinx, doctree: nodes.document) -> None:
    """Give negative numbers that come from cells a minus sign instead of a hyphen."""
    for node in doctree.findall(nodes.inline):
        if "pasted-text" in node["classes"] and re.match(r"-\d", node.astext()):
            node.children = [nodes.Text(f"−{node.astext()[1:]}")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("html-page-context", quieten)
    app.connect("doctree-read", mend_minus)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
