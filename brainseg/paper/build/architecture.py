"""The rooms of the package, which of them import which, and the picture of that."""

import ast
from pathlib import Path
from typing import Final

from brainseg.fingerprint import PACKAGE

FLOORS: Final = (
    *("errors", "fingerprint", "opencv", "backend", "scores", "data", "models", "morphology", "saliency", "plotting"),
    *("experiments", "app", "paper", "cli"),
)
"""The rooms, from the ground up: each imports only from those before it."""

WORDS: Final = {
    "errors": "what a user reads",
    "fingerprint": "has it changed?",
    "opencv": "the same pixels",
    "backend": "Keras and beneath",
    "scores": "what an answer is worth",
    "data": "files → arrays",
    "models": "networks and losses",
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


def arrows() -> list[tuple[str, str]]:
    """Which rooms import from which others, (from, to), sorted; without those that a longer way shows too.

    >>> ("saliency", "models") in arrows(), ("saliency", "backend") in arrows()
    (True, False)
    """
    modules = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    below = {name: set().union(*(imports(path) for path in modules if room(path) == name)) - {name} for name in FLOORS}
    reached: dict[str, set[str]] = {}
    for name in FLOORS:  # from the ground up, so that what a room imports from is known already
        reached[name] = below[name].union(*(reached[other] for other in below[name]))
    return sorted(
        (name, other)
        for name, others in below.items()
        for other in others
        if not any(other in reached[between] for between in others - {other})
    )
