"""The rooms of the package, which of them import which, and the picture of that."""

import ast
from collections import Counter
from pathlib import Path
from typing import Final

from brainseg.fingerprint import PACKAGE

FLOORS: Final = (
    *("errors", "fingerprint", "backend", "scores", "data", "models", "morphology", "saliency", "plotting"),
    *("experiments", "app", "paper", "cli"),
)
"""The rooms, from the ground up: each imports only from those before it."""

WORDS: Final = {
    "errors": "what a user reads",
    "fingerprint": "has it changed?",
    "backend": "Keras and beneath",
    "scores": "what an answer is worth",
    "data": "files → arrays",
    "models": "networks, losses, answers",
    "morphology": "clean masks",
    "saliency": "why this answer?",
    "plotting": "arrays → pictures",
    "experiments": "recipe → run → record",
    "app": "a picture of one's own",
    "paper": "record → sentence, book",
    "cli": "the door",
}
"""What each room is for."""


def room(path: Path) -> str:
    """The room that a module of the package stands in.

    >>> room(PACKAGE / "data" / "coco.py"), room(PACKAGE / "cli.py")
    ('data', 'cli')
    """
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The rooms that a module imports from, anywhere in it.

    >>> sorted(imports(PACKAGE / "models" / "predict.py"))
    ['backend', 'models']
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE.name:
            found |= {alias.name for alias in node.names if alias.name in FLOORS}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{PACKAGE.name}."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {name[1] for name in names if name[0] == PACKAGE.name and len(name) > 1}
    return found


def arrows() -> Counter[tuple[str, str]]:
    """Which rooms import from which others: pairs (from, to), with the number of modules that do."""
    return Counter(
        (room(path), other)
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "__init__.py"
        for other in imports(path)
        if other != room(path)
    )
