"""Morphology against scikit-image, drawn grids, and the laws that the operations obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import measure
from skimage import morphology as reference

from brainseg import morphology
from brainseg.errors import BrainsegError
from brainseg.morphology import CANDIDATES, Operation, Pipeline, apply, choose, disc, drawing

FOUR = ("dilation", "erosion", "opening", "closing")
radii = st.integers(0, 3)
stacks = arrays(np.uint8, (2, 14, 17), elements=st.integers(0, 1))


def blobs(seed: int = 0) -> np.ndarray:
    """Smooth random masks that reach the edge of the image."""
    noise = np.random.default_rng(seed).normal(size=(3, 40, 50))
    shifted = [np.roll(noise, (i, j), (1, 2)) for i in range(-3, 4) for j in range(-3, 4)]
    return np.asarray(np.sum(shifted, axis=0) > 3, np.uint8)


def components(mask: np.ndarray) -> np.ndarray:
    """Labels by scikit-image, pixels touching at corners included."""
    return np.asarray(measure.label(mask, connectivity=2))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("name", FOUR)
def test_the_four_agree_with_scikit_image(name: str, radius: int) -> None:
    masks = blobs()
    ours = getattr(morphology, name)(masks, radius)
    theirs = {"dilation": reference.dilation, "erosion": reference.erosion, "opening": reference.opening}
    padded = np.pad(masks, [(0, 0), (9, 9), (9, 9)])  # ours continues the image by background where a mask grows
    for mask, wide, result in zip(masks, padded, ours, strict=True):
        if name == "closing":
            expected = reference.closing(wide, disc(radius))[9:-9, 9:-9]
        else:
            expected = theirs[name](mask, disc(radius))
        np.testing.assert_array_equal(result, expected)


@given(stacks, radii)
def test_opening_and_closing_are_bounds_and_need_no_second_time(masks: np.ndarray, radius: int) -> None:
    opened, closed = morphology.opening(masks, radius), morphology.closing(masks, radius)
    assert (opened <= masks).all()
    assert (masks <= closed).all()
    np.testing.assert_array_equal(morphology.opening(opened, radius), opened)
    np.testing.assert_array_equal(morphology.closing(closed, radius), closed)


@given(stacks, radii)
def test_eroding_a_mask_is_dilating_the_rest(masks: np.ndarray, radius: int) -> None:
    np.testing.assert_array_equal(morphology.erosion(masks, radius), 1 - morphology.dilation(1 - masks, radius))


@given(stacks)
def test_the_largest_component_is_one_and_the_largest(masks: np.ndarray) -> None:
    for mask, kept in zip(masks, morphology.largest_component(masks), strict=True):
        areas = np.bincount(components(mask).ravel())[1:]
        assert components(kept).max() == (1 if len(areas) else 0)
        assert kept.sum() == max(areas, default=0)
        assert (kept <= mask).all()


@given(stacks, st.integers(1, 30))
def test_small_components_go_and_the_others_stay(masks: np.ndarray, pixels: int) -> None:
    for mask, kept in zip(masks, morphology.remove_small(masks, pixels), strict=True):
        labels = components(mask)
        large = [label for label in range(1, labels.max() + 1) if (labels == label).sum() >= pixels]
        np.testing.assert_array_equal(kept, np.isin(labels, large))


def test_a_component_of_exactly_the_threshold_stays() -> None:
    mask = drawing("##--", "#---", "---#")
    assert morphology.remove_small(mask, 3).sum() == 3
    assert morphology.remove_small(mask, 4).sum() == 0
    np.testing.assert_array_equal(morphology.remove_small(mask, 1), mask)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("#####", "#---#", "#####"), ("#####", "#####", "#####")),
        (("##-##", "#---#", "#####"), ("##-##", "#---#", "#####")),  # open to the edge: no hole
        (("-#-", "#-#", "-#-"), ("-#-", "###", "-#-")),  # closed although its pixels touch at corners only
    ],
)
def test_holes_are_what_is_enclosed(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    np.testing.assert_array_equal(morphology.fill_holes(drawing(*before)), drawing(*after))


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 10), st.integers(0, 10), radii)
def test_closing_a_box_changes_nothing(height: int, width: int, top: int, left: int, radius: int) -> None:
    box = np.zeros((1, 20, 20), np.uint8)
    box[0, top : top + height, left : left + width] = 1
    np.testing.assert_array_equal(morphology.closing(box, radius), box)


@pytest.mark.parametrize("kind", [np.uint8, bool])
@pytest.mark.parametrize("pipeline", CANDIDATES, ids=str)
def test_every_candidate_keeps_type_shape_and_input(pipeline: Pipeline, kind: type) -> None:
    masks: np.ndarray = blobs().astype(kind)
    before = masks.copy()
    result = apply(pipeline, masks)
    assert (result.dtype, result.shape) == (masks.dtype, masks.shape)
    assert set(np.unique(result)) <= {0, 1}
    np.testing.assert_array_equal(masks, before)


def test_pipelines_survive_the_way_through_text() -> None:
    assert [Pipeline.parse(str(pipeline)) for pipeline in CANDIDATES] == list(CANDIDATES)
    assert str(CANDIDATES[0]) == "nothing"


def test_amounts_are_for_128_pixels_and_scale_with_the_image() -> None:
    square = np.zeros((1, 64, 64), np.uint8)
    square[0, 20:23, 20:24] = 1  # 12 pixels: as many as 48 at 128 pixels
    assert Operation("remove_small", 48)(square).any()
    assert not Operation("remove_small", 50)(square).any()
    np.testing.assert_array_equal(Operation("dilation", 4)(square), morphology.dilation(square, 2))


def test_the_choice_is_the_best_on_the_given_images() -> None:
    truth = np.zeros((2, 40, 40), np.uint8)
    truth[:, 10:20, 10:20] = 1
    speckled = truth.copy()
    speckled[0, 30, 30] = speckled[1, 2, 35] = 1
    chosen, table = choose(speckled, truth)
    table = table.set_index("candidate")
    assert table.loc[str(chosen), "dice"] == table["dice"].max() == 1
    assert tuple(table.loc["largest_component", ["better", "worse"]]) == (1, 0)
    assert tuple(table.loc["nothing", ["better", "worse"]]) == (0, 0)


def test_nothing_is_done_where_nothing_helps() -> None:
    truth = blobs()
    assert str(choose(truth, truth)[0]) == "nothing"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: morphology.dilation(np.zeros((3, 3), np.uint8), 1), r"shape \(3, 3\), expected \(n, h, w\)"),
        (lambda: morphology.fill_holes(np.full((1, 3, 3), 2)), "values from 2 to 2, expected only 0 and 1"),
        (lambda: morphology.opening(blobs(), -1), "radius of -1 pixels, expected 0 or more"),
        (lambda: apply(Pipeline.parse("sharpen 2"), blobs()), "received the operation 'sharpen 2', expected one of"),
        (lambda: apply(Pipeline.parse("opening"), blobs()), "received the operation 'opening'"),
        (lambda: choose(blobs(), blobs(), []), "received no candidate"),
    ],
)
def test_wrong_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        call()  # type: ignore[operator]
