"""Which networks a chapter asks for, found in the chapter itself."""

import ast
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import STEPS
from brainseg.experiments.matrix import Planned
from brainseg.experiments.recipe import Recipe
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
    return list(dict.fromkeys(_asked(chapter, _name)))


def _asked(chapter: Path, make: Callable[..., Any]) -> Iterator[Any]:
    for call, loops in _calls(ast.parse(chapter.read_text(encoding="utf-8")), []):
        yield from _runs(call, loops, chapter, make)


def _calls(node: ast.AST, loops: list[ast.comprehension]) -> Iterator[tuple[ast.Call, list[ast.comprehension]]]:
    """Calls of a method ``recipe`` below a node, each with the comprehensions around it."""
    loops = [*loops, *getattr(node, "generators", [])]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "recipe":
        yield node, loops
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, loops)


def _runs(call: ast.Call, loops: list[ast.comprehension], chapter: Path, make: Callable[..., Any]) -> list[Any]:
    if (said := ast.unparse(call.func)) != "workspace.recipe":
        raise BrainsegError(f"{chapter}, line {call.lineno}: received {said}(…), expected workspace.recipe(…)")
    run = ast.Call(ast.Name("run", ast.Load()), call.args, call.keywords)
    every = ast.ListComp(run, loops) if loops else ast.List([run], ast.Load())
    code = compile(ast.fix_missing_locations(ast.Expression(every)), str(chapter), "eval")
    try:
        made: list[Any] = eval(code, {"__builtins__": {}, "run": make, **NAMES})  # noqa: S307 (a chapter's own constants)
    except (NameError, TypeError, AttributeError) as error:
        raise BrainsegError(
            f"{chapter}, line {call.lineno}: received {ast.unparse(call)}, expected constants and loops over "
            f"{' or '.join(NAMES)}, so that the networks are known before the chapter is executed ({error})"
        ) from error
    return made


def recipes(folder: Path) -> list[Recipe]:
    """What is trained for all chapters in a folder, as they are by default; each training once."""
    asked = (call for chapter in sorted(folder.glob("[0-9]*.py")) for call in _asked(chapter, _planned))
    return list(dict.fromkeys(planned.recipe.trained for planned in asked))


def _planned(
    model: str,
    step: str = "published",
    attention: str | None = "published",
    guidance: float = 0.0,
    fold: int | None = None,
) -> Planned:
    return Planned("", "quick", model, step, attention or "none", guidance, 0, fold)


def _name(*given: Any, **options: Any) -> str:
    """Of the first step that shares the training."""
    planned = _planned(*given, **options)
    same = (dataclasses.replace(planned, step=step) for step in STEPS)
    return next(one.name for one in same if one.recipe.trained == planned.recipe.trained)
