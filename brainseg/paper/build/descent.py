"""Which cells of a chapter show what a network answered, found from what they compute."""

import ast
from collections.abc import Iterable, Iterator, Sequence

ANSWERING = frozenset({"workspace.run", "workspace.result"})
"""Calls that give the answers of a network of this copy of the book."""

COPY = frozenset({"Workspace", "open_dataset"})
"""What gives the images of this copy of the book, and everything that is computed from them."""

RECORDED = frozenset({"recorded", "recorded_runs", "recorded_at_every_scale", "recorded_saliency", "recorded_labels"})
"""Functions that read recorded results."""


def answered(cells: Sequence[str]) -> list[bool]:
    r"""Which code cells, of a chapter in order, descend from the answers of a network and from nothing recorded.

    A name descends from what is assigned to it, put into it, or read by the function that it names; a module from
    nothing. A cell that joins answers and recorded results counts as recorded.

    >>> answered(["x = workspace.run(recipe).scores", "y = x.mean()", "y", "recorded('a')", "recorded('a') + y"])
    [True, True, True, False, False]
    >>> answered(["rows = []", "for run in map(workspace.run, recipes):\n    rows.append(run)", "rows"])
    [False, True, True]
    """
    live, kept = _descending(cells, ANSWERING), _descending(cells, RECORDED)
    return [one and not other for one, other in zip(live, kept, strict=True)]


def origins(cells: Sequence[str]) -> list[str]:
    """What each code cell of a chapter is about.

    ``"study"``: recorded on its images; ``"copy"``: the images that this copy of the book is made with; ``""``: of
    neither. A cell that joins both is about the study's.

    >>> origins(["space = Workspace()", "space.prepared", "recorded('a')", "1 + 1"])
    ['copy', 'copy', 'study', '']
    """
    study, copy = _descending(cells, RECORDED), _descending(cells, COPY)
    return ["study" if one else "copy" if other else "" for one, other in zip(study, copy, strict=True)]


def _descending(cells: Sequence[str], sources: frozenset[str]) -> list[bool]:
    """Which cells descend from calls of functions with these names."""
    names, modules, found = set(sources), set[str](), []
    for cell in cells:
        touched = False
        for statement in ast.parse(cell).body:
            modules |= set(_imported(statement))
            names -= set(_rebound(statement, names))
            before = None
            while before != names:  # what a loop puts into a name late is read early in its next turn
                before = set(names)
                names |= set(_given(statement, names)) - modules
            touched = touched or _mentions(statement, names)
        found.append(touched)
    return found


def _imported(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in statement.names)


def _rebound(statement: ast.stmt, names: set[str]) -> Iterator[str]:
    """Names that get a value which descends from none of ``names``."""
    if isinstance(statement, ast.Assign) and not _mentions(statement.value, names):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _given(statement: ast.stmt, names: set[str]) -> Iterator[str]:
    """Names that something is given to which descends from ``names``."""
    for node in ast.walk(statement):
        if _mentions(node, names):
            yield from (name for target in _targets(node, names) for name in _bases(target))


def _mentions(tree: ast.AST, names: set[str]) -> bool:
    inner = {name for node in ast.walk(tree) if isinstance(node, ast.comprehension) for name in _bases(node.target)}
    return any(
        (isinstance(node, ast.Name) and node.id in names - inner)
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in names)
        for node in ast.walk(tree)
    )


def _targets(node: ast.AST, names: set[str]) -> Iterator[ast.expr]:
    """What a node gives a value to. Variables of comprehensions are known inside these only."""
    if isinstance(node, ast.Assign):
        yield from node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr | ast.For):
        yield node.target
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield ast.Name(node.name, ast.Store())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(_mentions(argument, names) for argument in arguments):
            yield node.func.value


def _bases(target: ast.AST) -> Iterable[str]:
    """Names that hold what is assigned to a target: of ``rows[0].x`` it is ``rows``."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for part in target.elts for name in _bases(part)]
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        target = target.value
    return [target.id] if isinstance(target, ast.Name) else []
