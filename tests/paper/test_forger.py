"""Whatever is changed in committed files is seen, without executing anything: by name, and 1,000 times at random."""

import gzip
import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

from brainseg.fingerprint import code_fingerprint
from brainseg.paper.build.committed import faults
from brainseg.paper.build.inputs import digest, inputs, shown_by
from tests.conftest import REPOSITORY
from tests.paper import forger

LOCK = REPOSITORY / "requirements.lock"
SCRIPTS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.py"))
SMALL, PICTURES = (REPOSITORY / "notebooks" / f"{name}.py" for name in ("06_table", "05_deeplab"))


@cache
def made_from(script: Path) -> dict[str, Any]:
    return inputs(script, LOCK, {})


@cache
def sound(script: Path) -> str:
    """The committed notebook of a chapter, its hashes as ``make reference`` would write them today."""
    text = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    return forger.refreshed(text, script, made_from(script))


def found(text: str, script: Path) -> list[str]:
    return faults(text, script, made_from(script))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_is_found_where_nothing_was_changed(script: Path) -> None:
    assert found(sound(script), script) == []


@pytest.mark.parametrize("tampering", forger.NOTEBOOK)
def test_what_is_changed_in_a_notebook_alone_is_named(tampering: str) -> None:
    script = PICTURES if {"picture", "figure"} & set(tampering.split()) else SMALL
    notebook = nbformat.reads(sound(script), as_version=4)
    forger.NOTEBOOK[tampering](notebook)
    said = found(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", script)
    assert said
    assert all(len(line) < 1000 and "\n" not in line for line in said)


def test_the_book_says_how_many_changes_of_a_notebook_are_tried() -> None:
    page = (REPOSITORY / "book/reviewing.md").read_text(encoding="utf-8")
    assert f"{len(forger.NOTEBOOK)} changes of a notebook alone" in page


def test_a_number_typed_in_prose_is_seen_with_every_hash_refreshed(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "book").symlink_to(REPOSITORY / "book")
    script = folder / "02_unet.py"
    original, told = REPOSITORY / "notebooks" / script.name, "A tumour is found by looking at the whole head"
    script.write_text(original.read_text(encoding="utf-8").replace(told, f"{told} (0.0067)"), encoding="utf-8")
    forged = sound(original).replace(told, f"{told} (0.0067)")
    forged = forger.refreshed(forged, script, made_from(original))
    (fault,) = faults(forged, script, made_from(original))
    assert "numbers were typed that should come from a cell" in fault
    assert "(0.0067)" in fault


Edit = Callable[[str, random.Random], str]
NOTEBOOK_EDITS: tuple[Edit, ...] = (forger.digit, forger.line, forger.exchanged, forger.doubled)
TEXT_EDITS: tuple[Edit, ...] = (forger.digit, forger.line, forger.doubled_block)

NOT_READ = "no chapter depends on this file; the tests of the package do"
WORDS = "docstrings, comments, layout and the words of errors decide nothing"
SAME = "the edit gives the same text"
REASONS = (NOT_READ, WORDS, SAME)
"""Why an edit may change nothing that the book shows."""


FOLDERS = ("results/", "brainseg/")


@cache
def files() -> dict[str, list[Path]]:
    """Committed files by kind."""
    command = ["git", "ls-files", "-z", "results", "brainseg"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    results, package = (
        [REPOSITORY / name for name in listed.split("\0") if name.startswith(folder)] for folder in FOLDERS
    )
    return {
        "notebook": [path.with_suffix(".ipynb") for path in SCRIPTS],
        "script": SCRIPTS,
        "record": [path for path in results if path.suffix != ".onnx"],
        "network": [path for path in results if path.suffix == ".onnx"],
        "claims": [REPOSITORY / "book" / "claims.yml", REPOSITORY / "experiments.yml"],
        "source": [path for path in package if path.suffix == ".py"],
    }


def edited(path: Path, kind: str, chance: random.Random, folder: Path) -> str:
    """What is said of one random edit of a file: how it is seen, or why it changes nothing."""
    if kind == "notebook":
        script = path.with_suffix(".py")
        before, edit = sound(script), chance.choice(NOTEBOOK_EDITS)
        after = edit(before, chance)
        return SAME if after == before else seen_in_notebook(after, script, data_of(script))
    content = path.read_bytes()
    packed = path.suffix == ".gz"
    if kind == "network":
        place = chance.randrange(len(content))
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    else:
        before = (gzip.decompress(content) if packed else content).decode()
        after = chance.choice(TEXT_EDITS)(before, chance)
        if after == before:
            return SAME
        changed = gzip.compress(after.encode(), mtime=0) if packed else after.encode()
    return seen_in_file(path, changed, folder)


@cache
def data_of(script: Path) -> str:
    """Name of the data set that a committed notebook says it is of."""
    return str(nbformat.reads(sound(script), as_version=4).metadata.brainseg.data)


shown = cache(shown_by)


def seen_in_notebook(text: str, script: Path, data: str) -> str:
    said = found(text, script)
    if not said and nbformat.reads(text, as_version=4).metadata.brainseg.data != data:
        return "another data set than the other chapters"
    return said[0] if said else ""


def seen_in_file(path: Path, content: bytes, folder: Path) -> str:
    name = path.relative_to(REPOSITORY).as_posix()
    readers = [script for script in SCRIPTS if name in made_from(script)["files"]]
    if not readers:
        return NOT_READ
    copied = folder / path.name
    copied.write_bytes(content)
    try:
        for script in readers:
            if digest(copied, None if path == script else shown(script)) != made_from(script)["files"][name]:
                return f"{name} has changed, so {script.stem} is stale"
        return WORDS if code_fingerprint([copied]) == code_fingerprint([path]) else ""
    except SyntaxError:
        return f"{name} cannot be parsed"


SHARES = {"notebook": 30, "script": 12, "record": 25, "claims": 8, "source": 20, "network": 5}
"""Of 100 edits."""


@pytest.mark.parametrize(("count", "seed"), [(100, 0), pytest.param(1000, 1, marks=pytest.mark.slow)])
def test_random_edits_are_seen_or_change_nothing(count: int, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    unseen, excused, reasons = [], set[str](), Counter[str]()
    for kind in chance.choices(list(SHARES), list(SHARES.values()), k=count):
        path = chance.choice(files()[kind])
        said = edited(path, kind, chance, tmp_path)
        if not said:
            unseen.append(path.name)
        if said in REASONS:
            excused.add(kind)
        reasons[said if said in REASONS else "seen"] += 1
    assert unseen == []
    assert excused == {"source"}
    assert reasons["seen"] > 0.8 * (count - reasons[NOT_READ]), reasons
