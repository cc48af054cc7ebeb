"""A Sphinx extension that writes formulas as MathML: browsers show it with no script and no network.

Sphinx's own way loads MathJax from another host, so a book that is read offline shows its formulas as TeX.
"""

import html
import re

from docutils import nodes  # type: ignore[import-untyped]
from docutils.utils.math import MathError  # type: ignore[import-untyped]
from docutils.utils.math.latex2mathml import tex2mathml  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

RENDERER = "mathml"
FRACTION_OF_BARE_DIGITS = re.compile(r"\\[dt]?frac\s*\d")

log = logging.getLogger(__name__)


def mathml(tex: str, as_block: bool = False) -> str:
    """Translate a formula, LaTeX without delimiters, in a line or as a block.

    Raises:
        ValueError: If docutils' translator does not know a command, or would misread it.
    """
    if FRACTION_OF_BARE_DIGITS.search(tex):
        raise ValueError(f"{tex!r}: write the parts of a fraction in braces, such as \\frac{{1}}{{2}}")
    try:
        return str(tex2mathml(tex, as_block=as_block))
    except MathError as error:
        raise ValueError(f"{tex!r}: {error}") from error


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula inside a line."""
    translator.body.append(_markup(node, as_block=False))
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(f'<div class="formula">{_markup(node, as_block=True)}</div></div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer; ``html_math_renderer = "mathml"`` chooses it."""
    app.add_html_math_renderer(RENDERER, (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _markup(node: nodes.Element, as_block: bool) -> str:
    try:
        return mathml(node.astext(), as_block)
    except ValueError as error:
        log.warning("formula not understood: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"
