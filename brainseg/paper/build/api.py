"""The reference of the package: one page for each room, which Sphinx fills from the docstrings."""

from pathlib import Path
from typing import Final

from brainseg.fingerprint import PACKAGE
from brainseg.paper.build.architecture import FLOORS, WORDS, room

COMMANDS: Final = ("brainseg.cli", "brainseg.paper.build")
"""What is called by its commands, not imported."""


def public() -> dict[str, list[str]]:
    """The modules that others may import, by room, from the ground up.

    >>> public()["scores"][:2]
    ['brainseg.scores', 'brainseg.scores.masks']
    """
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py"), key=lambda path: path.with_suffix("").parts):
        inside = path.relative_to(PACKAGE.parent).with_suffix("")
        name = ".".join(inside.parts).removesuffix(".__init__")
        if name != PACKAGE.name and not name.startswith(COMMANDS):
            found.setdefault(room(path), []).append(name)
    return {name: found[name] for name in FLOORS if name in found}


def page(name: str, modules: list[str]) -> str:
    """The page of a room, MyST.

    A search finds what is named here, but not the words that explain it.

    >>> print(page("scores", ["brainseg.scores"]).splitlines()[4])
    # scores: what an answer is worth
    """
    parts = ["---\nnosearch: true\n---", f"# {name}: {WORDS[name]}"]
    for module in modules:
        heading = f"## {module.removeprefix(f'{PACKAGE.name}.')}\n\n" if module.count(".") > 1 else ""
        parts.append(f"{heading}```{{eval-rst}}\n.. automodule:: {module}\n```")
    return "\n\n".join(parts) + "\n"


def write_pages(folder: Path) -> None:
    """Write the page of each room into a folder."""
    folder.mkdir()
    for name, modules in public().items():
        (folder / f"{name}.md").write_text(page(name, modules), encoding="utf-8")
