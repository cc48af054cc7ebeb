"""``brainseg predict``: answers in the place and the size of the image, and errors as a new user meets them."""

import json
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pandas as pd
import pytest

from brainseg.app.prediction import (
    NOT_A_DEVICE,
    OUTLINE,
    Prediction,
    names,
    outlined,
    predict_slice,
    predict_slices,
    put_back,
    seen,
)
from brainseg.app.recompute import unseen
from brainseg.app.slices import AT_ONCE, Slice, read_slice
from brainseg.app.weights import SHIPPED, Weights, shipped
from brainseg.data.cheng import read_borders
from brainseg.data.coco import shrink
from brainseg.data.dataset import open_dataset
from brainseg.errors import BrainsegError
from brainseg.models import MODELS
from brainseg.models.predict import answered, predict
from brainseg.plotting.style import MASK_COLOURS
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice
from tests.app.test_explanation import bright_is_tumour
from tests.app.test_slices import dicom
from tests.conftest import Brainseg

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def picture() -> Any:
    """A dark image, wider than high, with a bright rectangle."""
    image = np.full((100, 160), 20, np.uint8)
    image[30:60, 90:130] = 250
    return image


@pytest.mark.parametrize("upright", [False, True])
def test_a_mask_has_the_size_and_the_place_of_the_image(picture: Any, upright: bool) -> None:
    found = predict_slice(bright_is_tumour(), picture, upright)
    assert found.mask.shape == found.probability.shape == (100, 160)
    assert dice(found.mask[np.newaxis], picture[np.newaxis] > 100)[0] > 0.9
    numbers = found.to_dict()
    assert numbers["area"] == np.count_nonzero(found.mask) == pytest.approx(30 * 40, rel=0.1)
    assert numbers["share"] == pytest.approx(numbers["area"] / 16000, abs=1e-4)
    assert numbers["components"] == 1
    assert 0.5 < numbers["mean_probability"] <= 1


def test_an_upright_image_is_transposed_for_the_network_and_back(picture: Any) -> None:
    network = bright_is_tumour()
    np.testing.assert_array_equal(seen(network, picture, upright=True), seen(network, picture, upright=False).T)
    values = np.random.default_rng(0).random((64, 64), np.float32)
    np.testing.assert_allclose(put_back(values, picture, True), put_back(values.T, picture, False), atol=1e-6)


def test_nothing_found_is_an_empty_mask_without_a_probability(picture: Any) -> None:
    numbers = predict_slice(bright_is_tumour(bias=-90.0), picture).to_dict()
    assert (numbers["area"], numbers["components"], numbers["mean_probability"]) == (0, 0, None)


def test_the_outline_runs_around_the_mask_and_leaves_the_rest() -> None:
    probability = np.zeros((40, 40), np.float32)
    probability[10:20, 10:20] = 1
    image = np.full((40, 40), 80, np.uint8)
    coloured = np.ptp(outlined(Prediction(image, probability)), axis=-1) > 0
    assert coloured[10, 10:20].all()
    assert coloured[10:20, 19].all()
    assert not coloured[13:17, 13:17].any()
    assert not coloured[25:].any()


def test_an_outline_has_the_colour_of_predictions_in_the_book() -> None:
    assert "#{:02x}{:02x}{:02x}".format(*OUTLINE) == MASK_COLOURS["prediction"]


def test_pieces_are_what_meets_at_an_edge_or_a_corner() -> None:
    probability = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], np.float32)
    assert Prediction(np.zeros((4, 4), np.uint8), probability).pieces == 3


def test_many_images_are_answered_like_each_by_itself_and_few_are_held() -> None:
    network, random = shipped("deeplab"), np.random.default_rng(0)
    images = [random.integers(0, 255, (20 + i, 30), np.uint8) for i in range(3 * AT_ONCE + 1)]
    given: list[weakref.ref[Slice]] = []

    def slices() -> Iterator[tuple[Slice, bool]]:
        for i, image in enumerate(images):
            copy = image.copy()
            given.append(weakref.ref(copy))
            yield copy, i % 2 == 0

    for i, found in enumerate(predict_slices(network, slices())):
        np.testing.assert_array_equal(found.image, images[i])
        if i % 5 == 0:
            alone = predict_slice(network, images[i], upright=i % 2 == 0)
            np.testing.assert_array_equal(found.probability, alone.probability)
        assert sum(copy() is not None for copy in given) <= 2 * AT_ONCE
    assert len(given) == i + 1 == len(images)


def test_answers_need_names_that_differ() -> None:
    with pytest.raises(BrainsegError, match="received several images called a, expected names that differ"):
        names([Path("x/a.png"), Path("y/a.nii.gz"), Path("b.png")])


def real_test_images(root: Path, network: Weights, every: int) -> tuple[pd.DataFrame, list[Slice]]:
    """Some of a network's test images as they are on disk, and their rows in its record."""
    rows = network.scores[network.scores["split"] == "test"].iloc[::every]
    files = [next((root / "tumorseg-coco").glob(f"*/{number}_jpg*.jpg")) for number in rows["number"]]
    return rows, [read_slice(file) for file in files]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_shipped_network_answers_real_images_as_its_record_says(model: str, real_data: Path) -> None:
    network = shipped(model)
    rows, images = real_test_images(real_data, network, every=12)
    squares = np.stack([seen(network, image, upright=False) for image in images])
    marked = predict(network.model, squares, mirrored=True) > THRESHOLD
    np.testing.assert_allclose(marked.mean(axis=(1, 2)), rows["predicted"], atol=3 / squares[0].size)
    borders = read_borders(real_data)
    truth = np.stack([shrink(borders[number].mask(640), network.recipe.size) for number in rows["number"]])
    np.testing.assert_allclose(dice(marked, truth), rows["border_dice"], atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_follows_a_mirrored_and_an_upright_real_image(model: str, real_data: Path) -> None:
    network = shipped(model)
    _, images = real_test_images(real_data, network, every=40)
    straight = np.stack([predict_slice(network, image).mask for image in images])
    assert straight.any(axis=(1, 2)).mean() > 0.5
    for mirror in (np.fliplr, np.flipud):
        answers = [predict_slice(network, np.ascontiguousarray(mirror(image))).mask for image in images]
        assert np.nanmin(dice(np.stack([mirror(answer) for answer in answers]), straight)) > 0.95
    turned = [predict_slice(network, np.ascontiguousarray(image.T), upright=True).mask.T for image in images]
    assert np.nanmin(dice(np.stack(turned), straight)) > 0.99


@pytest.fixture
def predict_files(brainseg: Brainseg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Brainseg:
    """Runs ``brainseg predict``."""
    monkeypatch.setenv("BRAINSEG_WORKSPACE", str(tmp_path / "work"))
    return partial(brainseg, "predict")


def test_the_command_answers_files_of_every_kind(
    predict_files: Brainseg, capsys: Captured, tmp_path: Path, picture: Any
) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), picture)
    cv2.imwrite(str(tmp_path / "deep.png"), picture.astype(np.uint16) * 100)
    cv2.imwrite(str(tmp_path / "two.jpg"), picture)
    dicom(tmp_path / "three.dcm", picture)
    volume = nibabel.Nifti1Image(np.stack([picture.T] * 3, -1), np.diag([-1, -1, 1, 1]))  # type: ignore[no-untyped-call]
    nibabel.save(volume, tmp_path / "four.nii.gz")
    files = [tmp_path / name for name in ("one.png", "deep.png", "two.jpg", "three.dcm", "four.nii.gz")]
    out = tmp_path / "new" / "answers"
    assert predict_files(*files, "-o", out, "--model", MODELS[0]) == 0
    captured = capsys.readouterr()
    assert captured.err.endswith(NOT_A_DEVICE + "\n")
    answers = [json.loads(line) for line in captured.out.splitlines()]
    assert [answer["image"] for answer in answers] == [str(file) for file in files]
    assert [answer["upright"] for answer in answers] == [False, False, False, True, True]
    for answer, name in zip(answers, ("one", "deep", "two", "three", "four"), strict=True):
        mask = cv2.imread(answer["mask"], cv2.IMREAD_UNCHANGED)
        assert mask is not None
        assert mask.shape == (answer["height"], answer["width"]) == (100, 160)
        assert set(np.unique(mask)) <= {0, 255}
        assert np.count_nonzero(mask) == answer["area"]
        assert Path(answer["mask"]).name == f"{name}-mask.png"
        outline = cv2.imread(answer["outline"], cv2.IMREAD_UNCHANGED)
        assert outline is not None
        assert outline.shape == (100, 160, 3)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("model", MODELS)
def test_known_patients_are_those_that_a_record_is_not_checked_on(model: str) -> None:
    network = shipped(model)
    foreign = set(network.scores["number"].iloc[unseen(network.scores)])
    assert network.known == set(network.scores["number"]) - foreign


def test_an_answer_to_an_image_of_a_known_patient_is_said_to_be_too_good(
    predict_files: Brainseg, capsys: Captured, tmp_path: Path, picture: Any
) -> None:
    network = shipped("deeplab")
    known, foreign = min(network.known), min(set(network.scores["number"]) - network.known)
    files = [tmp_path / f"{number}_jpg.rf.0f.jpg" for number in (known, foreign)]
    for file in files:
        cv2.imwrite(str(file), picture)
    assert predict_files(*files, "-o", tmp_path / "both") == 0
    assert "1 of 2 images is named like those of patients" in capsys.readouterr().err
    assert predict_files(files[1], "-o", tmp_path / "one") == 0
    assert capsys.readouterr().err.endswith(NOT_A_DEVICE + "\n")


def test_what_is_said_of_the_head_comes_before_the_format(
    predict_files: Brainseg, capsys: Captured, tmp_path: Path, picture: Any
) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), picture)
    assert predict_files(tmp_path / "one.png", "-o", tmp_path / "out", "--upright", "--model", MODELS[0]) == 0
    assert json.loads(capsys.readouterr().out)["upright"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}"], "the slice of {tmp}/empty.nii.gz is empty: all its pixels are 0; choose another"),
        (["{tmp}/nowhere.png"], "received {tmp}/nowhere.png, which is no file: expected a JPEG, PNG, DICOM or NIfTI"),
        (["{tmp}/notes.txt"], "{tmp}/notes.txt cannot be read: expected a JPEG, PNG, DICOM or NIfTI image"),
        (["{tmp}/photo.jpg"], "{tmp}/photo.jpg is a picture in colour, expected shades of grey"),
        (["{tmp}/empty.nii.gz"], "the slice of {tmp}/empty.nii.gz is empty: all its pixels are 0; choose another"),
        (["{tmp}/good.png", "{tmp}/photo.jpg"], "{tmp}/photo.jpg is a picture in colour"),
        (["{tmp}/good.png", "{tmp}/good.png"], "received several images called good"),
        (["{tmp}/good.png", "--model", "resnet"], "received model 'resnet', expected one of: unet, linknet"),
        (["{tmp}/good.png", "--scale", "huge"], "received scale 'huge', expected one of: quick, small, laptop, full"),
        (["{tmp}/good.png", "--data", "x"], "received --data without --scale: add it, or leave both out"),
        (["{tmp}/good.png", "-o", "{tmp}/notes.txt"], "the folder {tmp}/notes.txt cannot be made: File exists"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line_and_nothing_is_written(
    predict_files: Brainseg, capsys: Captured, tmp_path: Path, arguments: list[str], message: str
) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "notes.txt").write_text("not an image")
    cv2.imwrite(str(tmp_path / "good.png"), random.integers(0, 255, (20, 20), np.uint8))
    cv2.imwrite(str(tmp_path / "photo.jpg"), cv2.resize(random.integers(0, 255, (4, 4, 3), np.uint8), (64, 64)))
    empty = nibabel.Nifti1Image(np.zeros((4, 5, 3), np.int16), np.eye(4))  # type: ignore[no-untyped-call]
    nibabel.save(empty, tmp_path / "empty.nii.gz")
    before = sorted(tmp_path.iterdir())
    default = [] if "-o" in arguments else ["-o", tmp_path / "out"]
    chosen = [] if "--model" in arguments else ["--model", MODELS[0]]
    assert predict_files(*(argument.format(tmp=tmp_path) for argument in arguments), *default, *chosen) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"Error: {message.format(tmp=tmp_path)}")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_damaged_installation_says_what_to_do(
    predict_files: Brainseg, capsys: Captured, tmp_path: Path, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), picture)
    copy = tmp_path / "weights"
    shutil.copytree(SHIPPED, copy)
    (copy / f"{MODELS[0]}.onnx").write_bytes(b"cut off")
    monkeypatch.setattr("brainseg.app.weights.shipped.__defaults__", (copy,))
    assert predict_files(tmp_path / "one.png", "-o", tmp_path / "out", "--model", MODELS[0]) == 2
    assert "has changed since its export" in capsys.readouterr().err


IMPORTED = """
import sys
from brainseg.cli import app
sys.argv[1:] = {arguments!r}
try:
    app()
except SystemExit as stopped:
    assert not stopped.code, stopped
print(*sorted(name for name in sys.modules if "." not in name))
print(next((line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), 0))
"""


def alone(*arguments: object) -> tuple[set[str], float]:
    """Run ``brainseg predict`` in a process of its own: the packages that it imports, and its peak of memory in MB."""
    code = IMPORTED.format(arguments=["predict", *map(str, arguments)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *_, modules, kilobytes = done.stdout.splitlines()
    return set(modules.split()), int(kilobytes) / 1000


def test_an_answer_waits_for_no_package_that_it_does_not_need(tmp_path: Path, picture: Any) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), picture)
    modules, _ = alone(tmp_path / "one.png", "-o", tmp_path / "out")
    assert "onnxruntime" in modules
    assert not modules & {"tensorflow", "jax", "torch", "keras", "pandas", "matplotlib", "scipy", "sklearn", "skimage"}
    assert not modules & {"nibabel", "pydicom", "h5py", "onnx", "requests", "jsonschema"}


def test_a_folder_is_answered_in_the_order_of_its_names(
    predict_files: Brainseg, capsys: Captured, tmp_path: Path, picture: Any
) -> None:
    expected = [f"{number:02}" for number in range(AT_ONCE + 2)]
    (tmp_path / "slices").mkdir()
    for name in reversed(expected):
        cv2.imwrite(str(tmp_path / "slices" / f"{name}.png"), picture)
    (tmp_path / "slices" / ".hidden").touch()
    assert predict_files(tmp_path / "slices", "-o", tmp_path / "out", "--model", "deeplab") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(json.loads(line)["image"]).stem for line in lines] == expected
    assert len(list((tmp_path / "out").iterdir())) == 2 * len(expected)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of memory is read from Linux")
def test_many_slices_take_no_more_memory_than_few(tmp_path: Path, picture: Any) -> None:
    content = cv2.imencode(".png", picture)[1].tobytes()
    for folder, number in (("few", 20), ("many", 400)):
        (tmp_path / folder).mkdir()
        for i in range(number):
            (tmp_path / folder / f"{i:03}.png").write_bytes(content)
    few, many = (alone(tmp_path / name, "-o", tmp_path / "out", "--model", "deeplab")[1] for name in ("few", "many"))
    assert many < few + 10


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_onnx_runtime_marks_what_keras_marks_on_all_slices_of_the_phantom(model: str) -> None:
    network = shipped(model)
    images = open_dataset("phantom").prepared(network.recipe.size).images
    keras, runtime = (answered(one, images, mirrored=True) for one in (network.model.predict_on_batch, network.answer))
    np.testing.assert_allclose(runtime, keras, rtol=0, atol=1e-5)
    differs = (runtime > THRESHOLD) != (keras > THRESHOLD)
    assert abs(keras[differs] - THRESHOLD).max(initial=0) < 1e-5
    assert (keras > THRESHOLD).any(axis=(1, 2)).mean() > 0.5
