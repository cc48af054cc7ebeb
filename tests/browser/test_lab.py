"""The interactive parts in a real browser, by mouse, by keyboard and by finger; their numbers are those of Python."""

import base64
import random
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from brainseg.app.pictures import png
from brainseg.app.prediction import NOT_A_DEVICE, predict_slice
from brainseg.app.slices import read_slice
from brainseg.app.weights import shipped
from brainseg.data.dataset import open_dataset
from brainseg.opencv import cv2
from brainseg.paper.claims.checker import check
from brainseg.paper.claims.pooled import SCORES
from brainseg.plotting.lab import pixels
from brainseg.plotting.viewer import viewer
from brainseg.scores import metrics
from brainseg.scores.published import published_scores
from tests.paper.test_table_checker import rounded, scores_of

pytestmark = pytest.mark.slow
Open = Callable[..., Any]


def part(page: Any, name: str) -> Any:
    return page.locator(f'[data-lab="{name}"]')


def asked(page: Any, name: str, expression: str) -> Any:
    return part(page, name).evaluate(f"element => element.lab.{expression}")


def number(page: Any, name: str, title: str) -> float:
    line = part(page, name).get_by_role("row").filter(has=page.get_by_role("rowheader", name=title, exact=True))
    return float(line.locator(".lab-number").inner_text())


def value(page: Any, name: str, label: str) -> float:
    return float(part(page, name).get_by_role("slider", name=label).input_value())


def scores(page: Any) -> dict[str, float]:
    titles = {
        "accuracy": "Accuracy",
        "dice": "Dice",
        "iou": "IoU",
        "mean_iou": "Mean IoU",
        "published": "The study's mean IoU",
    }
    return {score: number(page, "scores", title) for score, title in titles.items()}


def pythons(answer: NDArray[Any], truth: NDArray[Any], certainty: float) -> dict[str, float]:
    probability = np.where(answer, certainty, 1 - certainty)[np.newaxis]
    study = published_scores(probability, truth[np.newaxis])
    return {
        "accuracy": study["accuracy"],
        "dice": float(metrics.dice(answer[np.newaxis], truth[np.newaxis])[0]),
        "iou": float(metrics.iou(answer[np.newaxis], truth[np.newaxis])[0]),
        "mean_iou": published_scores(answer[np.newaxis].astype(float), truth[np.newaxis])["mean_iou"],
        "published": study["mean_iou"],
    }


def compare_scores(page: Any, made: SimpleNamespace, slice_number: int = 0) -> NDArray[Any]:
    truth = made.border[slice_number]
    answer = np.array(asked(page, "scores", "answer()"), bool).reshape(truth.shape)
    certainty = value(page, "scores", "How sure it is")
    assert scores(page) == pytest.approx(pythons(answer, truth, certainty), abs=5.01e-4)
    return answer


def test_the_metric_lab_by_mouse(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened()
    frame = part(page, "scores").locator(".lab-picture")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    before = compare_scores(page, made_up)

    def drag(*places: tuple[float, float]) -> None:
        for i, (x, y) in enumerate(places):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if i == 0:
                page.mouse.down()
        page.mouse.up()

    drag((0.5, 0.5), (0.55, 0.5), (0.7, 0.4))
    moved = compare_scores(page, made_up)
    rows, columns = np.nonzero(moved)
    assert (columns.mean() + 0.5) / made_up.size == pytest.approx(0.7, abs=0.02)
    assert (rows.mean() + 0.5) / made_up.size == pytest.approx(0.4, abs=0.02)
    assert moved.sum() == pytest.approx(before.sum(), rel=0.1)
    drag((0.85, 0.55), (0.8, 0.5), (0.75, 0.45))
    assert compare_scores(page, made_up).sum() < moved.sum() / 4
    drag((0.1, 0.9), (0.1, 0.9))  # beside the ellipse: it comes
    assert np.nonzero(compare_scores(page, made_up))[1].mean() < made_up.size / 4


@pytest.mark.parametrize(
    ("press", "certainty"), [("Blank sheet", 0.9), ("Perfect, 99 % sure", 0.99), ("Perfect, 100 % sure", 1.0)]
)
def test_the_answers_of_the_metric_lab(opened: Open, made_up: SimpleNamespace, press: str, certainty: float) -> None:
    page = opened()
    part(page, "scores").get_by_label("Slice").select_option("two")
    part(page, "scores").get_by_role("button", name=press).press("Enter")
    assert value(page, "scores", "How sure it is") == certainty
    answer = compare_scores(page, made_up, 1)
    np.testing.assert_array_equal(answer, made_up.border[1] & (press != "Blank sheet"))
    half = (1 - made_up.border[1].mean()) / 2
    assert scores(page)["published"] == pytest.approx(1.0 if certainty == 1 else half, abs=5.01e-4)


def test_the_metric_lab_by_keyboard(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened()
    before = compare_scores(page, made_up)
    for label, key in [
        ("Across", "ArrowRight"),
        ("Up", "ArrowUp"),
        ("Width", "ArrowRight"),
        ("How sure it is", "End"),
    ]:
        part(page, "scores").get_by_label(label).focus()
        for _ in range(8):
            page.keyboard.press(key)
    after = compare_scores(page, made_up)
    assert value(page, "scores", "How sure it is") == 1
    assert after.sum() > before.sum()
    assert np.nonzero(after)[0].mean() < np.nonzero(before)[0].mean()
    part(page, "scores").get_by_role("status").filter(has_text="the study's mean IoU sees the answer").wait_for()


def test_the_metric_lab_by_finger(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened(width=390, touch=True)
    frame = part(page, "scores").locator(".lab-picture")
    box = frame.bounding_box()
    frame.tap(position={"x": 0.2 * box["width"], "y": 0.8 * box["height"]})
    rows, columns = np.nonzero(compare_scores(page, made_up))
    assert rows.mean() > 0.7 * made_up.size
    assert columns.mean() < 0.3 * made_up.size
    touch, scrolled = page.context.new_cdp_session(page), page.evaluate("scrollY")

    def swipe(*places: tuple[float, float]) -> None:
        for i, (x, y) in enumerate(places):
            point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            kind = "touchMove" if i else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe((0.2, 0.8), (0.2, 0.6), (0.2, 0.4), (0.2, 0.3))
    rows, columns = np.nonzero(compare_scores(page, made_up))
    assert (rows.mean() + 0.5) / made_up.size == pytest.approx(0.3, abs=0.03)
    assert page.evaluate("scrollY") == scrolled
    swipe((0.8, 0.9), (0.8, 0.7), (0.8, 0.4), (0.8, 0.1))  # beside the ellipse the finger scrolls
    page.wait_for_function("before => scrollY > before", arg=scrolled)


def rows_of_papers(count: int) -> list[dict[str, str]]:
    """Half of them of real counts, half with one number wrong, with two to seven digits."""
    draw = random.Random(0)
    rows = []
    for i in range(count):
        cells = [draw.choice([draw.randint(1, 30), draw.randint(1, 10**5)]) for _ in range(4)]
        found, names = scores_of(*cells), draw.sample(SCORES, draw.randint(1, 6))
        places = draw.randint(2, 7)
        row = {name: rounded(found[name], places) for name in names}
        if i % 2:
            row[names[0]] = rounded(min(Fraction(1), found[names[0]] * Fraction(draw.randint(80, 120), 100)), places)
        rows.append(row)
    return rows


def test_the_checker_of_the_page_says_what_that_of_python_says(opened: Open) -> None:
    page = opened()
    rows = [*rows_of_papers(150), {"dice": "13.1321", "iou": "0.0541"}, {"dice": "35.9 %", "accuracy": "96.6%"}]
    answers = page.evaluate("rows => rows.map(row => ({...brainsegLab.check(row), intervals: null}))", rows)
    for row, answer in zip(rows, answers, strict=True):
        found = check("a row", row)
        assert answer["verdict"] == found.verdict, row
        sets = {(*others, score) for score, others, _ in found.contradictions}
        assert {tuple(some) for some in answer["contradictions"]} == sets, row
        for score, interval in found.implied.items():
            expected = (float(interval.low), float(interval.high))
            assert answer["implied"][score] == pytest.approx(expected, abs=1e-6), (row, score)
        assert set(answer["implied"]) == set(found.implied)


def test_the_checker_by_keyboard(opened: Open) -> None:
    page = opened()
    checker = part(page, "table")
    said = checker.get_by_role("status")
    said.filter(has_text="Mean IoU 0.4798 cannot stand beside Accuracy 0.9661").wait_for()
    checker.get_by_label("Example").focus()
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    said.filter(has_text="Impossible, however it was averaged").wait_for()
    for label, text in {"Dice": "0.3624", "IoU": "", "Accuracy": "0.9661"}.items():
        checker.get_by_label(label, exact=True).focus()
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        page.keyboard.type(text)
    said.filter(has_text="Nothing contradicts itself").wait_for()
    row = checker.get_by_role("row").filter(has=page.get_by_label("Mean IoU"))
    assert row.locator(".lab-number").inner_text() == "0.5935 to 0.5936"
    assert checker.get_by_label("Example").evaluate("select => select.selectedOptions[0].text") == "your own"
    checker.get_by_label("Dice", exact=True).fill("much")
    assert checker.get_by_label("Dice", exact=True).get_attribute("aria-invalid") == "true"


@pytest.mark.parametrize("case", [0, 2])
def test_the_threshold_by_keyboard(opened: Open, made_up: SimpleNamespace, case: int) -> None:
    page = opened()
    threshold = part(page, "threshold")
    threshold.get_by_label("Slice", exact=True).select_option(index=case)
    slider = threshold.get_by_role("slider", name="Threshold")
    levels = np.rint(255 * made_up.probability[case]) / 255
    slider.focus()
    for key, expected in [("ArrowRight", 0.51), ("Home", 0.01), ("PageUp", None), ("End", 0.99)]:
        page.keyboard.press(key)
        at = value(page, "threshold", "Threshold")
        assert expected in (None, at)
        dice = metrics.dice(levels[np.newaxis] > at, made_up.border[case : case + 1])[0]
        assert number(page, "threshold", "Dice of this slice") == pytest.approx(dice, abs=5.01e-4)
        everywhere = np.nanmean(metrics.dice(made_up.probability > at, made_up.border))
        assert number(page, "threshold", "Mean Dice of all test slices") == pytest.approx(everywhere, abs=1e-3)
    curve = [metrics.dice(levels[np.newaxis] > i / 100, made_up.border[case : case + 1])[0] for i in range(1, 100)]
    best = (1 + int(np.argmax(curve))) / 100
    label = threshold.locator(".lab-chart").get_attribute("aria-label")
    assert f"This slice is best at {best:.2f}," in label


def test_the_threshold_by_mouse(opened: Open) -> None:
    page = opened()
    slider = part(page, "threshold").get_by_role("slider", name="Threshold")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    assert value(page, "threshold", "Threshold") == pytest.approx(0.25, abs=0.03)
    part(page, "threshold").get_by_label("Show the probabilities").check()
    shown = part(page, "threshold").locator("canvas").nth(1)
    assert shown.evaluate("c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)")


def paired(counts: list[int]) -> list[int]:
    """By place, as the study does: the image whose annotation each image gets."""
    annotations = [image for image, count in enumerate(counts) for _ in range(count)]
    return [annotations[i] if i < len(annotations) else -1 for i in range(len(counts))]


def test_the_pairing_slip(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened()
    pairing = part(page, "pairing")
    cards = pairing.get_by_role("list").get_by_role("button")
    counts = [1] * 12

    def compare() -> None:
        expected = paired(counts)
        assert asked(page, "pairing", "pairs()") == expected
        dice = [
            0.0 if label < 0 else float(metrics.dice(made_up.box[[label]], made_up.box[[image]])[0])
            for image, label in enumerate(expected)
        ]
        assert asked(page, "pairing", "agreement()") == pytest.approx(np.mean(dice))
        wrong = sum(label not in (-1, image) for image, label in enumerate(expected))
        pairing.get_by_role("status").filter(has_text=f"{wrong} of 12 images have another").wait_for()

    compare()
    cards.nth(4).click()
    counts[4] = 0
    compare()
    assert "label of 6" in cards.nth(4).inner_text()
    cards.nth(1).focus()
    for count, key in [(0, "Enter"), (2, " ")]:
        page.keyboard.press(key)
        counts[1] = count
        compare()
    pairing.get_by_label("Pair by the image's id").press(" ")
    assert asked(page, "pairing", "pairs()") == [0, 1, 2, 3, -1, 5, 6, 7, 8, 9, 10, 11]
    pairing.get_by_label("Pair by the image's id").uncheck()
    pairing.get_by_role("button", name="As in the training images").click()
    counts = [1, 1, 2, 1, 1, 1, 1, 1, 1, 0, 1, 1]
    compare()


def test_find_the_tumour_by_mouse_and_by_keyboard(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened()
    find = part(page, "find")
    frame = find.locator(".lab-picture")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    assert frame.locator('.lab-line.lab-border:not([d=""])').count() == 0
    frame.click(position={"x": 0.3 * box["width"], "y": 0.6 * box["height"]})

    def cross() -> tuple[float, float]:
        return value(page, "find", "Across"), 1 - value(page, "find", "Up")

    x, y = cross()
    assert (x, y) == pytest.approx((0.3, 0.6), abs=0.02)

    def far(case: int, x: float, y: float) -> float:
        away: NDArray[np.float64] = distance_transform_edt(~made_up.border[case])
        return float(away[int(y * made_up.size), int(x * made_up.size)])

    assert asked(page, "find", "distance()") == pytest.approx(far(0, x, y))
    find.get_by_role("button", name="Reveal").click()
    assert frame.locator('.lab-line.lab-border:not([d=""])').count() == 1
    find.get_by_role("button", name="Next slice").press("Enter")
    assert frame.locator('.lab-line.lab-border:not([d=""])').count() == 0
    rows, columns = np.nonzero(made_up.border[1])
    for label, at in [("Across", columns.mean()), ("Up", made_up.size - 1 - rows.mean())]:
        find.get_by_label(label).focus()
        steps = round(100 * (at + 0.5) / made_up.size) - 50
        for _ in range(abs(steps)):
            page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
    assert asked(page, "find", "distance()") == 0 == far(1, *cross())
    find.get_by_role("button", name="Reveal").press(" ")
    find.get_by_role("status").filter(has_text="Inside the tumour.").wait_for()


def test_two_maps_beside_each_other(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened()
    maps = part(page, "maps")
    maps.get_by_label("Image").select_option("middle")
    maps.get_by_label("Second network").select_option("SegNet")
    maps.get_by_label("Second method").focus()
    page.keyboard.press("End")
    assert maps.get_by_label("Second method").evaluate("select => select.selectedOptions[0].text") == "gradient"
    energy = (np.maximum(made_up.maps["SegNet"]["gradient"][1], 0) * made_up.border[1]).sum()
    assert maps.locator(".lab-note").nth(1).inner_text() == f"energy inside: {energy:.2f}"
    shown = maps.locator(".lab-picture").nth(1)
    assert shown.get_attribute("aria-label") == "middle: gradient of SegNet"
    assert (
        shown.locator("img").nth(1).evaluate("image => image.decode().then(() => image.naturalWidth)") == made_up.size
    )
    maps.get_by_label("Draw the border").uncheck()
    assert shown.locator('.lab-line.lab-border:not([d=""])').count() == 0
    maps.get_by_label("Opacity").focus()
    page.keyboard.press("Home")
    assert shown.locator("img").nth(1).evaluate("image => image.style.opacity") == "0"


ANSWER = "({ size, share, probability, mask }) => ({ size, share, probability: [...probability], mask: [...mask] })"


def network_answer(page: Any) -> SimpleNamespace:
    """What the network of the page has found, once it has; it may take a while where many tests run."""
    page.wait_for_function("document.querySelector('[data-lab=network]').lab.found()", timeout=120_000)
    found = part(page, "network").evaluate(f"element => ({ANSWER})(element.lab.found())")
    probability, mask = (np.reshape(found[name], (found["size"], -1)) for name in ("probability", "mask"))
    return SimpleNamespace(probability=probability, mask=mask == 1, share=found["share"])


def compare_network(page: Any, file: Path, upright: bool = False) -> None:
    """The page's answer to a file is Python's: probabilities to 1/1000, and the mask but for five pixels."""
    part(page, "network").get_by_label("The head stands upright").set_checked(upright)
    part(page, "network").get_by_label("Or an image of yours").set_input_files(file)
    part(page, "network").get_by_role("img", name=f"{file.name}. ").wait_for()
    image = read_slice(file)
    height, width = image.shape
    top, left = (max(image.shape) - height) // 2, (max(image.shape) - width) // 2
    within = np.s_[top : top + height, left : left + width]
    expected, found = predict_slice(shipped("deeplab"), image, upright), network_answer(page)
    assert expected.found
    np.testing.assert_allclose(found.probability[within], expected.probability, rtol=0, atol=1e-3)
    assert np.count_nonzero(found.mask[within] != expected.mask) <= 5
    assert found.mask.sum() == found.mask[within].sum()
    assert found.share == pytest.approx(expected.mask.mean(), abs=5 / image.size)


@pytest.fixture(scope="module")
def phantom() -> NDArray[Any]:
    """Three slices of the phantom with large tumours, (3, 128, 128)."""
    prepared = open_dataset("phantom").prepared(128)
    large = prepared.masks["border"].sum(axis=(1, 2)).argsort(kind="stable")
    return np.asarray(prepared.images[large[[-3, -40, -90]]])


def test_the_network_in_the_page_marks_what_python_marks(opened: Open, phantom: NDArray[Any], tmp_path: Path) -> None:
    page = opened()
    files = {
        "first.png": phantom[0],
        "second.png": phantom[1],
        "third.png": phantom[2],
        "wide.jpg": cv2.resize(phantom[0], (500, 420)),
        "upright.png": phantom[1].T[10:],
    }
    for name, image in files.items():
        content = cv2.imencode(Path(name).suffix, image)[1].tobytes()
        (tmp_path / name).write_bytes(content)
        compare_network(page, tmp_path / name, upright=name.startswith("upright"))
    assert len(page.workers) == 1


def test_the_network_answers_in_a_browser_without_workers(opened: Open, phantom: NDArray[Any], tmp_path: Path) -> None:
    page = opened()
    page.evaluate("Worker = undefined")
    (file := tmp_path / "slice.png").write_bytes(png(phantom[0]))
    compare_network(page, file)
    assert page.workers == []


def test_the_network_by_keyboard(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened(width=320, touch=True)
    network = part(page, "network")
    assert network.locator('.lab-line.lab-border:not([d=""])').count() == 1
    assert page.locator('script[src*="weights"]').count() == 0
    network.get_by_label("Slice", exact=True).focus()
    page.keyboard.press("ArrowDown")
    for label in ("Or an image of yours", "The head stands upright", "Try it"):
        page.keyboard.press("Tab")
        focused = "document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent"
        assert page.evaluate(focused) == label
    page.keyboard.press("Enter")
    found = network_answer(page)
    expected = predict_slice(shipped("deeplab"), made_up.images[1])
    np.testing.assert_allclose(found.probability, expected.probability, rtol=0, atol=1e-2)
    network.get_by_role("status").filter(has_text="seconds. This is no diagnosis.").wait_for()
    assert network.get_by_role("img").get_attribute("aria-label").startswith("Slice 2 of 4. ")
    assert NOT_A_DEVICE in network.inner_text()
    network.get_by_label("The head stands upright").press(" ")
    assert asked(page, "network", "found()") is None


GREY = np.arange(64 * 48, dtype=np.uint8).reshape(64, 48)


def encoded(ending: str, image: NDArray[Any], *how: int) -> bytes:
    return bytes(cv2.imencode(ending, image, how)[1].tobytes())


def as_large(content: bytes, width: int, height: int) -> bytes:
    """A PNG file that says that it is of another size."""
    head = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]


WRONG = {
    "letter.png": (b"Dear reader, this is no image.", "no JPEG or PNG image"),
    "empty.png": (b"", "no JPEG or PNG image"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "no JPEG or PNG image"),
    "cut.png": (encoded(".png", GREY)[:-20], "cut off or damaged"),
    "cut.jpg": (encoded(".jpg", GREY)[:-20], "cut off or damaged"),
    "damaged.png": (as_large(encoded(".png", GREY), 64, 64)[:50] + b"\0\0\0\0IEND\xaeB`\x82", "damaged"),
    "colour.png": (encoded(".png", np.dstack([GREY, GREY, 255 - GREY])), "in colour"),
    "transparent.png": (encoded(".png", np.dstack([GREY] * 4)), "transparent"),
    "flat.png": (encoded(".png", 0 * GREY + 9), "all its pixels are equal"),
    "deep.png": (encoded(".png", GREY.astype(np.uint16)), "16 bits"),
    "huge.png": (as_large(encoded(".png", GREY), 60_000, 60_000), "60000 × 60000 pixels"),
    "long.png": (encoded(".png", np.resize(GREY, (2, 100))), "100 × 2 pixels"),
    "<img src=x onerror=alert(1)>.png": (b"x", "no JPEG or PNG image"),
}


def test_a_wrong_file_gives_one_line_and_nothing_else(opened: Open, tmp_path: Path) -> None:
    page = opened()
    network = part(page, "network")
    before = network.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")
    for name, (content, words) in WRONG.items():
        given = {"name": name, "mimeType": "image/png", "buffer": content}
        network.get_by_label("Or an image of yours").set_input_files(given)
        said = network.get_by_role("status").filter(has_text=f"{name}: ").filter(has_text=words)
        said.wait_for()
        assert "\n" not in said.inner_text()
    sparse = tmp_path / "endless.png"
    with sparse.open("wb") as file:
        file.truncate(51_000_000)
    network.get_by_label("Or an image of yours").set_input_files(sparse)
    network.get_by_role("status").filter(has_text="more than 50 MB").wait_for()
    assert network.locator("canvas").first.evaluate("canvas => canvas.toDataURL()") == before
    assert network.get_by_label("Slice", exact=True).locator("option").count() == 4
    assert network.locator("img").count() == 0
    assert asked(page, "network", "found()") is None
    assert page.locator('script[src*="weights"]').count() == 0


def test_an_image_that_is_dropped_is_shown_and_marked(opened: Open, made_up: SimpleNamespace) -> None:
    page = opened()
    name = "<b>mine</b>.png"
    dropped = page.evaluate_handle(
        """([text, name]) => {
            const dropped = new DataTransfer(), content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            dropped.items.add(new File([content], name));
            return dropped;
        }""",
        [base64.b64encode(png(made_up.images[5])).decode(), name],
    )
    part(page, "network").locator(".lab-picture").dispatch_event("drop", {"dataTransfer": dropped})
    network_answer(page)
    chosen = part(page, "network").get_by_label("Slice", exact=True)
    assert chosen.evaluate("select => select.selectedOptions[0].textContent") == name
    assert part(page, "network").locator('.lab-line.lab-border:not([d=""])').count() == 0
    part(page, "network").get_by_role("status").filter(has_text="marked").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe(opened: Open, axe: str, theme: str) -> None:
    page = opened(theme)
    part(page, "find").get_by_role("button", name="Reveal").click()
    part(page, "pairing").get_by_role("button", name="Take one away").click()
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {preload: false}).then(found => found.violations)")
    serious = [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_is_wider_than_the_page(opened: Open, width: int) -> None:
    page = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut_off = (
        "element => [...element.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)"
    )
    assert part(page, "table").evaluate(f"{cut_off}") == []


def test_without_a_script_there_are_pictures_and_numbers(opened: Open) -> None:
    page = opened(scripts=False)
    for name in ("scores", "threshold", "pairing", "find", "maps"):
        figure = part(page, name).locator("figure")
        assert figure.locator("img").bounding_box()["width"] > 250
        assert figure.locator("figcaption").inner_text()
    assert part(page, "table").locator("tr").count() == 9
    assert part(page, "table").locator("input").count() == 0
    assert NOT_A_DEVICE in part(page, "network").inner_text()


def test_a_notebook_carries_what_its_viewer_needs(browser: Any, made_up: SimpleNamespace) -> None:
    content = viewer(
        made_up.images[:1], ["one"], {"U-Net": {}}, {"U-Net": made_up.border[:1]}, made_up.border[:1], {}
    ).data
    page = browser.new_page()
    page.set_content(f"<!doctype html><html><body>{content}{content}</body></html>")
    assert page.locator('.lab[data-lab="maps"] select').count() == 2 * 5
    assert pixels(made_up.images[0])["size"] == made_up.size
    page.close()
