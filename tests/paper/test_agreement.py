import base64
import itertools
import re
import struct
from collections.abc import Callable
from typing import Any

import cv2
import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.paper.build.agreement import (
    PIXELS,
    compare,
    compare_drawings,
    compare_pictures,
    compare_texts,
    differing,
)
from brainseg.paper.build.marks import MARKS, PNG, PNG_HEADER, SVG, marked, marks, unmarked
from brainseg.plotting.style import plate
from tests.conftest import REPOSITORY

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
def test_rounding_and_layout_may_differ_in_other_arithmetic_only(reference: str, output: str) -> None:
    assert compare_texts(reference, output, rounded=True).level == "within rounding"
    assert not compare_texts(reference, output).agrees


@pytest.mark.parametrize(("reference", "output", "message"), DISAGREE)
def test_words_and_numbers_may_not(reference: str, output: str, message: str) -> None:
    found = compare_texts(reference, output, rounded=True)
    assert not found.agrees
    assert found.message == message
    assert not compare_texts(reference, output).agrees


@given(st.text(), st.booleans())
def test_every_text_agrees_with_itself(text: str, rounded: bool) -> None:
    found = compare_texts(text, text, rounded)
    assert (found.level, found.difference, found.message) == ("bitwise", 0, "")


@given(st.text(), st.text())
def test_a_text_agrees_with_no_other_in_the_same_arithmetic(one: str, other: str) -> None:
    assert compare_texts(one, other).agrees == (one == other)


def test_the_largest_difference_is_the_one_reported() -> None:
    found = compare_texts("0.10 0.20 0.30", "0.11 0.25 0.30", rounded=True)
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
        ([stream("1"), shown(text_plain="2")], [stream("1"), shown(text_plain="3")], ["", "2 became 3"]),
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


def test_a_picture_agrees_with_itself_and_in_other_arithmetic_with_other_rims(curve: NDArray[np.uint8]) -> None:
    assert compare_pictures(png(curve), png(curve)).level == "bitwise"
    softened = curve.copy()
    softened[curve < 250] += 3
    assert compare_pictures(png(curve), png(softened), rounded=True).level == "within rounding"
    assert not compare_pictures(png(curve), png(softened)).agrees


def test_an_empty_plot_an_empty_picture_and_another_curve_do_not_agree(curve: NDArray[np.uint8]) -> None:
    frame = np.full_like(curve, 255)
    cv2.rectangle(frame, (30, 20), (380, 270), (90, 90, 90), 2)
    colours = cv2.cvtColor(curve, cv2.COLOR_BGR2RGB).astype(np.uint8)
    for other in (frame, np.full_like(curve, 255), curve[::-1], colours, np.pad(curve, ((0, 1), (0, 0), (0, 0)))):
        assert not compare_pictures(png(curve), png(other), rounded=True).agrees


def test_what_is_no_picture_is_refused(curve: NDArray[np.uint8]) -> None:
    with pytest.raises(BrainsegError, match="7 bytes that are no picture"):
        differing(b"nothing", base64.b64decode(png(curve)))


def test_a_picture_in_a_text_is_compared_as_a_picture(curve: NDArray[np.uint8]) -> None:
    softened = curve.copy()
    softened[curve < 250] += 3
    one, other, flat = (f"<img src='data:image/png;base64,{png(picture)}'>" for picture in (curve, softened, curve * 0))
    assert compare_texts(one, other, rounded=True).level == "within rounding"
    assert not compare_texts(one, other).agrees
    assert not compare_texts(one, flat, rounded=True).agrees


FIGURES = {
    f"{path.stem}, {cell.id}": output
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    for cell in nbformat.read(path, as_version=4).cells
    for output in cell.get("outputs", [])
    if MARKS.keys() & output.get("data", {}).keys()
}


def relabelled(data: dict[str, str], name: str) -> dict[str, str]:
    """The same picture in a file that says that it is of another cell."""
    forged = dict(data)
    if PNG in data:
        content = base64.b64decode(data[PNG])
        (length,) = struct.unpack(">I", content[PNG_HEADER : PNG_HEADER + 4])
        forged[PNG] = base64.b64encode(content[:PNG_HEADER] + content[PNG_HEADER + 12 + length :]).decode()
    forged = marked(forged, name)
    assert marks(forged) == [name]
    return forged


def test_no_figure_of_the_book_passes_for_another_with_the_text_in_its_file_rewritten() -> None:
    """All pairs, and in other arithmetic, too: they differ by far more than rounding can do."""
    assert len(FIGURES) > 40
    for (name, own), (_, other) in itertools.combinations(FIGURES.items(), 2):
        mine, forged = own["data"], relabelled(other["data"], name)
        if SVG in mine and SVG in forged:
            assert not compare_drawings(mine[SVG], forged[SVG], rounded=True).agrees, name
        if PNG in mine and PNG in forged:
            pictures = [base64.b64decode(data[PNG]) for data in (mine, forged)]
            if pictures[0][16:24] == pictures[1][16:24]:  # width and height
                share = differing(*pictures)
                assert share is not None
                assert share > 3 * PIXELS, name


def _shifted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.roll(picture, 2, axis=1)


def _one_level(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    changed = picture.copy()
    changed[100, 100, 0] ^= 1
    return changed


def _one_stroke(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    changed = picture.copy()
    changed[100:130, 150:200] = (0, 0, 255)
    return changed


def _smaller(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.resize(cv2.resize(picture, None, fx=0.5, fy=0.5), picture.shape[1::-1]).astype(np.uint8)


PICTURES: dict[str, Callable[..., NDArray[np.uint8]]] = {
    "upside down": lambda picture: picture[::-1],
    "mirrored": lambda picture: picture[:, ::-1],
    "turned": lambda picture: np.rot90(picture),
    "negative": lambda picture: 255 - picture,
    "cropped": lambda picture: picture[:-1],
    "shifted": _shifted,
    "enlarged from half its size": _smaller,
    "with a stroke": _one_stroke,
    "grey": lambda picture: picture.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8),
    "blank": lambda picture: np.full_like(picture, 255),
    "black": np.zeros_like,
}


@pytest.mark.parametrize("tampering", PICTURES)
def test_a_picture_that_was_tampered_with_does_not_agree_in_any_arithmetic(
    curve: NDArray[np.uint8], tampering: str
) -> None:
    changed = png(PICTURES[tampering](curve))
    assert not compare_pictures(png(curve), changed).agrees
    assert not compare_pictures(png(curve), changed, rounded=True).agrees


def test_in_the_same_arithmetic_one_level_of_one_pixel_is_another_picture(curve: NDArray[np.uint8]) -> None:
    assert not compare_pictures(png(curve), png(_one_level(curve))).agrees


@pytest.fixture(scope="module")
def drawing() -> str:
    """A chart as a chapter shows it, with its mark."""
    figure = plate(2)
    ax = figure.subplots()
    ax.plot([0, 1, 2], [0.2, 0.9, 0.4], color="#123e45", lw=1.8)
    ax.set_title("Dice")
    return marked({SVG: str(figure._repr_mimebundle_()[SVG])}, "01_chapter, cell-04")[SVG]


def _replaced(old: str, new: str) -> Callable[[str], str]:
    def change(drawing: str) -> str:
        changed = re.sub(old, new, drawing, count=1)
        assert changed != drawing
        return changed

    return change


LINE = r'<path d="M [^"]*" clip-path="[^"]*" style="fill: none; stroke: #123e45[^"]*"/>'
DRAWINGS: dict[str, Callable[[str], str]] = {
    "a point moved": _replaced(
        r'(?<=d="M )\d+\.\d\d(?= [^"]*" clip-path="[^"]*" style="fill: none; stroke: #123e45)', "99.50"
    ),
    "another colour": _replaced("#123e45", "#123e46"),
    "a colour that looks like a power of ten": _replaced("#123e45", "#124e45"),
    "another width": _replaced("stroke-width: 1.8", "stroke-width: 2"),
    "a width that is none": _replaced("stroke-width: 1.8", "stroke width: 1.8"),
    "another letter": _replaced('href="#DejaVuSans-13', 'href="#DejaVuSans-11'),
    "a letter's shape": _replaced(r'(?<=id="DejaVuSans-13" d="M )\d+', "100"),
    "a line dropped": _replaced(LINE, ""),
    "a line twice": _replaced(f"({LINE})", r"\1\n\1"),
    "a line hidden": _replaced("(stroke: #123e45)", r"\1; opacity: 0"),
    "a line in a comment": _replaced(f"({LINE})", r"<!--\1-->"),
    "a line in a mark": _replaced(f"({LINE})", r"<metadata>\1</metadata>"),
    "a mark that draws": _replaced("(?<=<metadata>)", "<path d='M 0 0 L 9 9'/>"),
    "a second mark": _replaced("(?<=</metadata>)", "<metadata>more</metadata>"),
    "a mark around a comment": _replaced("<metadata>", "<!--<metadata>"),
    "a sheet over all": _replaced("</svg>", '<rect width="999" height="999" style="fill: #ffffff"/></svg>'),
    "another size": _replaced('viewBox="0 0 460.8', 'viewBox="0 0 230.4'),
    "text behind its end": lambda drawing: drawing + "<!-- more -->",
}


@pytest.mark.parametrize("tampering", DRAWINGS)
def test_a_drawing_that_was_tampered_with_does_not_agree_in_any_arithmetic(drawing: str, tampering: str) -> None:
    changed = DRAWINGS[tampering](drawing)
    for rounded in (False, True):
        assert not compare_drawings(drawing, changed, rounded).agrees
        assert not compare_drawings(changed, drawing, rounded).agrees


def test_a_drawing_agrees_without_its_mark_and_in_other_arithmetic_with_a_last_decimal(drawing: str) -> None:
    assert compare_drawings(drawing, unmarked(drawing)).level == "bitwise"
    moved = re.sub(r"(\d+\.\d)(\d)(?!\d)", lambda found: f"{found[1]}{abs(int(found[2]) - 1)}", drawing)
    moved = re.sub(r'(id="|url\(#)[pm]', r"\1q", moved).replace('href="#m', 'href="#q')  # names are hashes of numbers
    assert compare_drawings(drawing, moved, rounded=True).level == "within rounding"
    assert not compare_drawings(drawing, moved).agrees


@given(st.data())
def test_in_the_same_arithmetic_every_sign_of_a_drawing_counts(drawing: str, data: st.DataObject) -> None:
    begins = len(drawing) - len(unmarked(drawing)) + drawing.index(">") + 1
    place = data.draw(st.integers(begins, len(drawing) - 1))
    sign = data.draw(st.characters(codec="ascii").filter(lambda sign: sign != drawing[place]))
    assert not compare_drawings(drawing, drawing[:place] + sign + drawing[place + 1 :]).agrees
