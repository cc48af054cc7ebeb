import base64
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.paper.build.agreement import TOLERANCES, UNSTABLE, compare, compare_pictures, compare_texts, distance

TRAINED = TOLERANCES["trained"]
AGREE = [
    ("a   1.50\nb  10.25", "a 1.50\nb 10.25"),
    ("1.0e-03", "1.1e-03"),
    ("---- ----\n0.99 1.00", "----- ----\n1.00 1.00"),
    ("-0.10", "-0.11"),
]
DISAGREE = [
    ("0.50", "0.52", "0.50 became 0.52; 0.01 is allowed"),
    ("images 215", "images 216", "215 became 216; 0 is allowed"),
    ("unet 0.5", "segnet 0.5", "'unet' became 'segnet'"),
    ("0.5 0.5", "0.5", "'#' became 'nothing'"),
    ("0.5", "", "'#' became 'nothing'"),
    ("0.5", "nan", "'#' became 'nan'"),
    ("-0.50", "0.50", "-0.50 became 0.50; 0.01 is allowed"),
    ("−0.50", "0.50", "−0.50 became 0.50; 0.01 is allowed"),
    ("run 64-70e9999", "run 64-70e9998", "'70e9999' became '70e9998'"),
    ("2026-11-24", "2026-11-25", "24 became 25; 0 is allowed"),
]


@pytest.mark.parametrize(("reference", "output"), AGREE)
def test_rounding_and_layout_may_differ(reference: str, output: str) -> None:
    assert compare_texts(reference, output).agrees


@pytest.mark.parametrize(("reference", "output", "message"), DISAGREE)
def test_words_and_numbers_may_not(reference: str, output: str, message: str) -> None:
    found = compare_texts(reference, output)
    assert not found.agrees
    assert found.message == message


@given(st.text())
def test_every_text_agrees_with_itself(text: str) -> None:
    found = compare_texts(text, text)
    assert (found.agrees, found.difference, found.message) == (True, 0, "")


@given(st.sampled_from(sorted(TOLERANCES)), st.floats(-1, 1), st.floats(-1, 1))
def test_trained_numbers_agree_exactly_within_the_tolerance(tag: str, one: float, other: float) -> None:
    difference, most = abs(float(f"{one:.3f}") - float(f"{other:.3f}")), TOLERANCES[tag].numbers
    assert most is not None
    if abs(difference - most) > 1e-6:
        (found,) = compare([stream(f"Dice {one:.3f}")], [stream(f"Dice {other:.3f}")], ["hide-input", tag], exact=False)
        assert found.agrees == (difference < most)
        assert found.difference == pytest.approx(difference / most)


def test_whole_numbers_of_a_trained_network_may_differ_by_a_fraction() -> None:
    assert compare_texts("1000 pixels", "1240 pixels", TRAINED).agrees
    assert not compare_texts("1000 pixels", "1260 pixels", TRAINED).agrees


def test_the_largest_difference_is_the_one_reported() -> None:
    found = compare_texts("0.10 0.20 0.30", "0.11 0.25 0.30")
    assert found.message == "0.20 became 0.25; 0.01 is allowed"
    assert found.difference == pytest.approx(5)


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {kind.replace("_", "/"): content for kind, content in data.items()}}


@pytest.mark.parametrize(
    ("reference", "output", "messages"),
    [
        ([], [], []),
        ([stream("1")], [], ["the output is missing"]),
        ([], [stream("1")], ["the reference has no such output"]),
        ([stream("1"), shown(text_plain="2")], [stream("1"), shown(text_plain="3")], ["", "2 became 3; 0 is allowed"]),
        (
            [shown(text_html="<b>1</b>")],
            [shown(text_plain="1")],
            ["the output is missing", "the reference has no such output"],
        ),
        ([shown(text_plain="1")] * 2, [shown(text_plain="1")], ["", "the output is missing"]),
        (
            [stream("all is well")],
            [{"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}],
            ["the output is missing", "the reference has no such output"],
        ),
    ],
)
def test_all_outputs_are_compared(reference: list[Any], output: list[Any], messages: list[str]) -> None:
    found = compare(reference, output)
    assert [one.message for one in found] == messages
    assert all(one.agrees == (not one.message) for one in found)


def png(pixels: NDArray[np.uint8]) -> str:
    return base64.b64encode(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes()).decode()


@pytest.fixture
def curve() -> NDArray[np.uint8]:
    """A frame with a falling curve in it, as a plot has."""
    picture = np.full((300, 400, 3), 255, np.uint8)
    cv2.rectangle(picture, (30, 20), (380, 270), (90, 90, 90), 2)
    x = np.arange(35, 375)
    cv2.polylines(
        picture, [np.stack([x, 40 + 200 * (x - 35) // 340], axis=1).astype(np.int32)], False, (178, 114, 0), 4
    )
    return picture


def test_a_picture_agrees_with_itself_and_with_one_a_little_larger(curve: NDArray[np.uint8]) -> None:
    assert compare_pictures(png(curve), png(curve)).difference == 0
    padded = np.pad(curve, ((0, 2), (0, 1), (0, 0)), constant_values=255)
    assert compare_pictures(png(curve), png(padded), TRAINED).agrees


def test_an_empty_plot_an_empty_picture_and_another_curve_do_not_agree(curve: NDArray[np.uint8]) -> None:
    frame = np.full_like(curve, 255)
    cv2.rectangle(frame, (30, 20), (380, 270), (90, 90, 90), 2)
    for other in (frame, np.full_like(curve, 255), curve[::-1]):
        assert not compare_pictures(png(curve), png(other), TRAINED).agrees


def test_without_training_another_colour_is_another_picture(curve: NDArray[np.uint8]) -> None:
    assert not compare_pictures(png(curve), png(cv2.cvtColor(curve, cv2.COLOR_BGR2RGB).astype(np.uint8))).agrees


def test_what_is_no_picture_is_refused(curve: NDArray[np.uint8]) -> None:
    with pytest.raises(BrainsegError, match="7 bytes that are no picture"):
        distance(b"nothing", base64.b64decode(png(curve)))


def test_transparency_counts_as_paper() -> None:
    opaque, clear = np.zeros((40, 40, 4), np.uint8), np.zeros((40, 40, 4), np.uint8)
    opaque[:20, :, 3] = 255
    white = np.full((40, 40, 3), 255, np.uint8)
    assert distance(base64.b64decode(png(clear)), base64.b64decode(png(white))) == 0
    assert distance(base64.b64decode(png(opaque)), base64.b64decode(png(white))) == 1


@pytest.mark.parametrize(
    ("output", "exact", "level"),
    [
        ("Dice 0.713", True, "bitwise"),
        ("Dice 0.714", True, "within rounding"),
        ("Dice 0.75", True, ""),
        ("Dice 0.713", False, "bitwise"),
        ("Dice 0.75", False, "statistical"),
        ("Dice 0.98", False, ""),
    ],
)
def test_wide_tolerances_are_for_other_arithmetic_only(output: str, exact: bool, level: str) -> None:
    (found,) = compare([stream("Dice 0.713")], [stream(output)], ["trained"], exact)
    assert (found.level, found.agrees) == (level, bool(level))


def test_what_other_arithmetic_turns_over_is_compared_in_the_same_only() -> None:
    outputs = [stream("median filter")], [stream("opening")], [UNSTABLE]
    assert [one.agrees for one in compare(*outputs, exact=True)] == [False]
    assert compare(*outputs, exact=False) == []
