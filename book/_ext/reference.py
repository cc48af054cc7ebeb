"""A Sphinx extension for the reference of the package: what is in it, and links to it from code that chapters show."""

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from typing import Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

DEFINED = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


def ours(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a class got from another library."""
    home = getattr(member, "__module__", None) or ""
    return None if home.startswith("brainseg") or not callable(member) else True


def signature(thing: Any) -> tuple[str | None, str | None]:
    """The arguments of a function or a dataclass, and the result, with their types as the code names them.

    >>> signature(defined)
    ('(code: str, known: list[str])', 'list[str]')
    """
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(thing)))).body
    except (TypeError, OSError, SyntaxError):  # it is no Python code, or cannot be read without what is around it
        return None, None
    if isinstance(tree, ast.FunctionDef):
        tree.args.args = [given for given in tree.args.args if given.arg not in ("self", "cls")]
        return f"({ast.unparse(tree.args)})", ast.unparse(tree.returns) if tree.returns else None
    if isinstance(tree, ast.ClassDef) and is_dataclass(thing):
        return f"({', '.join(ast.unparse(line) for line in tree.body if isinstance(line, ast.AnnAssign))})", None
    return None, None


def as_written(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, given: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Give a function its signature as the code has it: evaluated, a type can be three lines long."""
    written, returned = signature(thing) if what in ("function", "method", "class") else (None, None)
    return written or given, returned or result


def without_index(app: Sphinx, env: BuildEnvironment) -> None:
    """Take the reference out of the index, which every page loads for its search; names are found without it."""
    entries = env.get_domain("index").data["entries"]
    for page in entries:
        if page.startswith("book/api/"):
            entries[page] = []


def defined(code: str, known: list[str]) -> list[str]:
    """Full names of what code defines, of those that are known; a name that two have is none.

    >>> defined("def dice(prediction, truth):", ["brainseg.scores.metrics.dice", "brainseg.scores.metrics.iou"])
    ['brainseg.scores.metrics.dice']
    """
    found = []
    for name in DEFINED.findall(code):
        full = [entry for entry in known if entry.rpartition(".")[2] == name]
        found += full if len(full) == 1 else []
    return found


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Name under each function or class that a chapter shows its place in the reference."""
    objects = app.env.domaindata["py"]["objects"]
    known = [name for name, entry in objects.items() if entry.objtype in ("function", "class")]
    for block in list(doctree.findall(nodes.literal_block)):
        if "cell_output" not in block.parent.get("classes", []):
            continue
        line = nodes.paragraph(classes=["where"])
        for name in defined(block.astext(), known):
            entry, text = objects[name], nodes.literal(text=name)
            line += [make_refnode(app.builder, page, entry.docname, entry.node_id, text), nodes.Text(" ")]
        if line.children:
            block.parent.insert(block.parent.index(block) + 1, line)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all."""
    app.connect("autodoc-skip-member", ours)
    app.connect("autodoc-process-signature", as_written)
    app.connect("env-check-consistency", without_index)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
