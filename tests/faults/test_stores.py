"""What is stored and damaged is named, or made again; disks that are full and interruptions lose nothing."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from brainseg.app.weights import SHIPPED, shipped
from brainseg.data.prepare import prepare
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES, Scale
from brainseg.experiments.run import Run
from brainseg.experiments.stored import unpack
from brainseg.experiments.train import train
from tests.conftest import Brainseg
from tests.data_fixtures import write_dataset
from tests.faults.cases import edit, mat, picture, put
from tests.faults.test_cases import contents

TINY = Scale("tiny", 32, 2, 2, epochs=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


@pytest.mark.parametrize(
    "damage",
    [
        edit("images.npy", lambda content: content[:200] + bytes(len(content) - 200)),
        edit("box.npy", lambda content: content[:-1]),
        edit("table.csv", lambda content: content[: len(content) // 2]),
        lambda folder: (folder / "border.npy").unlink(),
        lambda folder: (folder / "SHA256SUMS").unlink(),
        put("SHA256SUMS", b"\xff\0"),
        put("images.npy", b""),
    ],
)
def test_damaged_arrays_are_named_with_what_makes_them_anew(
    root: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    prepared = prepare(root, 32, tmp_path / "cache")
    damage(prepared.folder)
    with pytest.raises(BrainsegError) as refused:
        prepare(root, 32, tmp_path / "cache")
    assert str(prepared.folder) in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"tumorseg-coco": [1, 2]}', "\0"])
def test_a_damaged_memory_of_digests_counts_as_absent(root: Path, tmp_path: Path, content: str) -> None:
    before = prepare(root, 32, tmp_path / "cache")
    for memory in (tmp_path / "cache").glob("digests-*.json"):
        memory.write_text(content)
    assert prepare(root, 32, tmp_path / "cache").folder == before.folder


def test_what_an_interrupted_preparation_left_is_removed(root: Path, tmp_path: Path) -> None:
    folder = prepare(root, 32, tmp_path / "cache").folder
    folder.rename(folder.with_name(f"{folder.name}.partial"))
    assert prepare(root, 32, tmp_path / "cache").folder == folder
    assert not folder.with_name(f"{folder.name}.partial").exists()


def test_an_image_of_any_ending_that_changes_is_prepared_anew(root: Path, tmp_path: Path) -> None:
    file = next((root / "tumorseg-coco" / "train").glob("11_*.jpg"))
    about = root / "tumorseg-coco" / "train" / "_annotations.coco.json"
    about.write_text(about.read_text().replace(file.name, "11.JPG"))
    before = prepare(root, 32, tmp_path / "cache") if file.rename(file.with_name("11.JPG")) else None
    other = next((root / "tumorseg-coco" / "train").glob("12_*.jpg"))
    shutil.copy(other, root / "tumorseg-coco" / "train" / "11.JPG")
    after = prepare(root, 32, tmp_path / "cache")
    assert before is not None
    assert not np.array_equal(before.images[0], after.images[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Prepared]:
    """A run, trained for one epoch."""
    folder = tmp_path_factory.mktemp("store")
    prepared = prepare(write_dataset(folder / "data"), 32, folder / "cache")
    return train(recipe_at("published", "deeplab", TINY), prepared, folder / "runs"), prepared


def other_model(folder: Path) -> None:
    about = json.loads((folder / "run.json").read_text())
    about["recipe"]["model"] = "linknet"
    (folder / "run.json").write_text(json.dumps(about))


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        edit("run.json", lambda content: content[: len(content) // 2]),
        put("run.json", "{}"),
        put("run.json", b"\xff"),
        other_model,
        edit("history.csv", lambda content: content[: len(content) // 2]),
        lambda folder: (folder / "history.csv").unlink(),
        put("model.keras", b""),
        edit("model.keras", lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:]),
    ],
)
def test_a_damaged_run_is_named(made: tuple[Run, Prepared], tmp_path: Path, damage: Callable[[Path], object]) -> None:
    run, prepared = made
    shutil.copytree(run.folder.parent, tmp_path / "runs")
    folder = tmp_path / "runs" / run.folder.name
    damage(folder)
    with pytest.raises(BrainsegError, match=f"the run {folder} is damaged .*: remove that folder"):
        train(run.recipe, prepared, tmp_path / "runs")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["probability-*.npy", "scores-*.csv", "answers.json"])
@pytest.mark.parametrize("content", [b"", b"split,dice\n1,1\n"])
def test_damaged_answers_and_scores_are_made_again(
    made: tuple[Run, Prepared], tmp_path: Path, name: str, content: bytes
) -> None:
    run, prepared = made
    shutil.copytree(run.folder.parent, tmp_path / "runs")
    (file,) = (tmp_path / "runs" / run.folder.name).glob(name)
    file.write_bytes(content)
    again = train(run.recipe, prepared, tmp_path / "runs")
    np.testing.assert_array_equal(again.probability, run.probability)
    assert again.scores.equals(run.scores)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"PK\5\6" + bytes(18), b"no state"])
def test_a_damaged_state_lets_a_training_begin_anew(made: tuple[Run, Prepared], tmp_path: Path, content: bytes) -> None:
    run, prepared = made
    folder = tmp_path / "runs" / run.folder.name
    folder.mkdir(parents=True)
    (folder / "state.npz").write_bytes(content)
    again = train(run.recipe, prepared, tmp_path / "runs")
    assert again.provenance["weights"] == run.provenance["weights"]


@pytest.mark.parametrize(
    "damage",
    [
        edit("unet.json.gz", lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:]),
        edit("unet.json.gz", lambda content: content[:900]),
        put("unet.json.gz", b""),
        put("unet.json.gz", "{}"),
        lambda folder: shutil.copy(SHIPPED / "linknet.json.gz", folder / "unet.json.gz"),
        lambda folder: (folder / "unet.json.gz").unlink(),
    ],
)
def test_a_damaged_network_that_is_shipped_is_named(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    for file in ("unet.json.gz", "unet.onnx"):
        shutil.copy(SHIPPED / file, tmp_path)
    damage(tmp_path)
    with pytest.raises(BrainsegError, match=str(tmp_path / "unet")) as refused:
        shipped("unet", tmp_path)
    assert str(refused.value).isprintable()


def test_a_damaged_network_of_the_phantom_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results" / "phantom-quick-networks"
    folder.mkdir(parents=True)
    for ending in ("onnx", "json"):
        (folder / f"run.{ending}").write_bytes(b"{}")
    monkeypatch.setattr("brainseg.experiments.stored.resource", lambda name: tmp_path / name)
    with pytest.raises(BrainsegError, match=r"run\.onnx is damaged .*: check it out again"):
        unpack(recipe_at("published", "unet", SCALES["quick"]), tmp_path / "run")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], capture_output=True)
    if not made or made.returncode:
        pytest.skip("a small file system cannot be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def filled(folder: Path) -> None:
    """Leave nothing of a file system."""
    with contextlib.suppress(OSError), (folder / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize(
    "command",
    [
        ("data", "prepare", "{}/data", "--workspace", "{}/full/work"),
        ("data", "check", "{}/data", "--record", "{}/full/check.json"),
        ("data", "import-cheng", "{}/mats", "{}/full/borders.json"),
        ("data", "make-phantom", "{}/full/phantom", "--patients", "8"),
        ("predict", "{}/slice.png", "-o", "{}/full"),
        ("explain", "{}/slice.png", "-o", "{}/full/report.html"),
        ("claims", "--json", "{}/full/claims.json"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
@pytest.mark.parametrize("nothing_left", [False, True])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    command: tuple[str, ...],
    nothing_left: bool,
    full: Path,
    root: Path,
    tmp_path: Path,
    brainseg: Brainseg,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mat(tmp_path)
    picture(tmp_path)
    if nothing_left:
        filled(full)
    elif command[0] in ("predict", "claims") or command[1] in ("check", "import-cheng"):
        pytest.skip("what it writes has room")
    before = contents(full)
    assert brainseg(*(part.format(tmp_path) for part in command)) == 2
    err = capfd.readouterr().err
    assert err.splitlines()[-1].startswith("Error: ")
    assert "No space left on device" in err
    assert "Traceback" not in err
    kept = {name: content for name, content in contents(full).items() if not name.startswith("work/prepared/digests-")}
    left = {name: content for name, content in kept.items() if content}  # locks are empty
    assert left == {name: content for name, content in before.items() if content}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_among_the_images_is_not_waited_for(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "tumorseg-coco" / "train" / "99.jpg")
    assert len(prepare(root, 32, tmp_path / "cache").table) == 9
