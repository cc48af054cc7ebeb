"""``brainseg explain`` as a new user meets it, and what its report says."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.app.explanation import SHOWN, explain_slice, html, write_report
from brainseg.app.prediction import NOT_A_DEVICE
from brainseg.backend import keras
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from tests.conftest import Brainseg
from tests.data_fixtures import write_dataset

LAYERS = keras.layers


def bright_is_tumour(bias: float = -10.0) -> Any:
    """A run whose network takes for tumour what is bright: its logit is 20 x − 10, after a pooling and back."""
    image = keras.Input((64, 64, 3), name="image")
    x = LAYERS.UpSampling2D(2, name="up")(LAYERS.MaxPooling2D(2, name="pool")(image))
    x = LAYERS.Conv2D(1, 1, name="logits")(x)
    model = keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))
    model.get_layer("logits").set_weights([np.full((1, 1, 3, 1), 20 / 3, np.float32), np.array([bias], np.float32)])
    scores = pd.DataFrame({"split": ["train", "test", "test"], "dice": [1.0, 0.5, 0.7]})
    return SimpleNamespace(
        model=model, name="bright", recipe=recipe_at("corrected", "unet", SCALES["quick"]), scores=scores
    )


@pytest.fixture
def picture() -> Any:
    """A dark image, wider than high, with a bright square."""
    image = np.full((100, 160), 20, np.uint8)
    image[30:60, 90:120] = 250
    return image


@pytest.mark.parametrize("upright", [False, True])
def test_marks_and_maps_come_back_in_the_shape_and_place_of_the_image(picture: Any, upright: bool) -> None:
    found = explain_slice(bright_is_tumour(), picture, upright)
    assert found.mask.shape == found.probability.shape == (100, 160)
    assert set(found.maps) == set(SHOWN)
    for values in (found.mask, *found.maps.values()):
        assert values.shape == (100, 160)
        assert values[33:57, 93:117].mean() > 10 * abs(values[:, :60]).mean()
    assert found.mirrored_dice == pytest.approx(1, abs=0.05)


def test_words_say_what_is_marked_or_that_nothing_is(picture: Any) -> None:
    marked = " ".join(explain_slice(bright_is_tumour(), picture).sentences())
    assert "as tumour, in 1 piece." in marked
    assert "a Dice of 1.00" in marked or "a Dice of 0.9" in marked
    nothing = explain_slice(bright_is_tumour(bias=-90.0), picture)
    assert not nothing.found
    assert "marks nothing in this image. That does not mean that nothing is there" in nothing.sentences()[0]
    assert "0.00; above 0.5" in nothing.sentences()[1]


@pytest.mark.parametrize("bias", [-10.0, -90.0])
def test_a_report_is_one_page_and_one_picture(tmp_path: Path, picture: Any, bias: float) -> None:
    run = bright_is_tumour(bias)
    page = tmp_path / "new" / "report.html"
    drawn = write_report(explain_slice(run, picture), run, "phantom", "<b>.png", page)
    text = page.read_text(encoding="utf-8")
    assert NOT_A_DEVICE in text
    assert "&lt;b&gt;.png" in text
    assert "trained on simulated images: about real ones its answer means nothing" in text
    assert "On 2 test images that it had not seen, its Dice was 0.60 on average" in text
    assert text.count("data:image/png;base64,") == 3 + len(SHOWN)
    assert "http" not in text
    assert drawn == page.with_suffix(".png")
    picture_file = cv2.imread(str(drawn))
    assert picture_file is not None
    assert picture_file.shape[1] > 1000
    assert "one collection (Cheng 2017)" in html(explain_slice(run, picture), run, "tumorseg", "a")


@pytest.mark.slow
def test_the_command_says_in_words_what_it_writes(
    brainseg: Brainseg, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("BRAINSEG_WORKSPACE", str(tmp_path / "work"))
    cv2.imwrite(str(tmp_path / "slice.jpg"), np.eye(48, dtype=np.uint8) * 90)
    options = ["--dataset", "tumorseg", "--data", write_dataset(tmp_path / "data"), "--model", "deeplab"]
    options += ["--scale", "quick"]
    page = tmp_path / "page.html"
    assert brainseg("explain", tmp_path / "slice.jpg", *options, "-o", page) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("The network marks ")
    assert NOT_A_DEVICE in printed
    assert page.exists()
    assert page.with_suffix(".png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "received nowhere.png, which is no file: expected a JPEG, PNG, DICOM or NIfTI image"),
        (
            ["{image}", "--model", "resnet"],
            "received model 'resnet', expected one of: unet, linknet, segnet, deeplab",
        ),
        (["{image}", "-o", "report.pdf"], "received -o report.pdf, expected a name that ends in .html"),
        (["{image}", "--slice", "7"], "received slice 7 of"),
        (["{image}", "--seed", "1"], "received --seed without --scale: add it, or leave both out"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(
    brainseg: Brainseg,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("BRAINSEG_WORKSPACE", str(tmp_path / "work"))
    cv2.imwrite(str(tmp_path / "slice.png"), np.eye(8, dtype=np.uint8))
    assert brainseg("explain", *(a.format(image=tmp_path / "slice.png") for a in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"Error: {message}")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "work").exists()
