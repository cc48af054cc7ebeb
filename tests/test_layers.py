"""The house has floors: each room of the package imports only from those below it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from brainseg.fingerprint import PACKAGE
from brainseg.paper.build.architecture import FLOORS, WORDS, arrows, imports, room
from brainseg.paper.build.graph import layered
from tests.conftest import REPOSITORY

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def test_every_module_has_a_room() -> None:
    assert {room(path) for path in MODULES} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_room_and_those_below(path: Path) -> None:
    own = room(path)
    above = FLOORS[FLOORS.index(own) + 1 :]
    assert [name for name in imports(path) if name in above] == []


def test_nothing_but_the_door_and_what_all_rooms_need_stands_at_the_top() -> None:
    modules = list(PACKAGE.glob("*.py"))
    packages = [path for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    assert len(modules) <= 7
    assert len(packages) <= 8


@pytest.mark.parametrize("module", ["experiments.plan", "paper.claims.ledger", "paper.narrate", "paper.build.__main__"])
def test_what_reads_and_compares_numbers_does_not_wait_for_keras(module: str) -> None:
    code = f"import sys, brainseg.{module}; print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_picture_in_the_book_shows_the_rooms_as_they_are() -> None:
    """If not: python -m brainseg.paper.build pictures"""
    drawn = (REPOSITORY / "book" / "_static" / "architecture.svg").read_text(encoding="utf-8")
    assert drawn == layered(arrows(), WORDS)


def test_an_import_anywhere_in_a_module_counts(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def f():\n    from brainseg.paper import study\n    import brainseg.cli\n    return study\n")
    assert imports(module) == {"paper", "cli"}


def test_the_backend_alone_names_the_libraries_beneath_keras() -> None:
    """Imports inside functions are for what Keras has no word for: gradients, and settings of one backend."""
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {"tensorflow", "jax", "torch"} & set(names), path
