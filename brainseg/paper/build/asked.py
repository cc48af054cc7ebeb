"""Which networks a chapter asks for, found in the chapter itself."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import STEPS
from brainseg.experiments.matrix import Planned
from brainseg.models import MODELS

NAMES: Final[dict[str, Any]] = {"MODELS": MODELS, "STEPS": STEPS}
"""What the arguments and loops of a call may name."""


def asked_for(chapter: Path) -> list[str]:
    """Names of the runs whose recipes a chapter makes with ``workspace.recipe(…)``, in order, each once.

    Raises:
        BrainsegError: If what is asked for depends on more than constants and :data:`NAMES`.

    >>> chapter = getfixture("tmp_path") / "chapter.py"
    >>> _ = chapter.write_text("runs = [workspace.run(workspace.recipe(name, 'corrected')) for name in MODELS]")
    >>> asked_for(chapter)[:2]
    ['unet-corrected-published', 'linknet-corrected-published']
    """
    calls = _calls(ast.parse(chapter.read_text(encoding="utf-8")), [])
    return list(dict.fromkeys(name for call, loops in calls for name in _runs(call, loops, chapter)))


def _calls(node: ast.AST, loops: list[ast.comprehension]) -> Iterator[tuple[ast.Call, list[ast.comprehension]]]:
    """Calls of a method ``recipe`` below a node, each with the comprehensions around it."""
    loops = [*loops, *getattr(node, "generators", [])]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "recipe":
        yield node, loops
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, loops)


def _runs(call: ast.Call, loops: list[ast.comprehension], chapter: Path) -> list[str]:
    if (said := ast.unparse(call.func)) != "workspace.recipe":
        raise BrainsegError(f"{chapter}, line {call.lineno}: received {said}(…), expected workspace.recipe(…)")
    run = ast.Call(ast.Name("run", ast.Load()), call.args, call.keywords)
    every = ast.ListComp(run, loops) if loops else ast.List([run], ast.Load())
    code = compile(ast.fix_missing_locations(ast.Expression(every)), str(chapter), "eval")
    try:
        names: list[str] = eval(code, {"__builtins__": {}, "run": _name, **NAMES})
    except (NameError, TypeError, AttributeError) as error:
        raise BrainsegError(
            f"{chapter}, line {call.lineno}: received {ast.unparse(call)}, expected constants and loops over "
            f"{' or '.join(NAMES)}, so that the networks are known before the chapter is executed ({error})"
        ) from error
    return names


def _name(
    model: str,
    step: str = "published",
    attention: str | None = "published",
    guidance: float = 0.0,
    fold: int | None = None,
) -> str:
    planned = Planned("", "quick", model, step, attention or "none", guidance, 0, fold)
    trained = planned.recipe.trained
    return next(
        name
        for name in (Planned("", "quick", model, other, attention or "none", guidance, 0, fold) for other in STEPS)
        if name.recipe.trained == trained
    ).name
