"""Morphology against SciPy and scikit-image, drawn grids, and the laws that the operations obey."""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure
from skimage import morphology as skimage

from brainseg.errors import BrainsegError
from brainseg.morphology import (
    CANDIDATES,
    Operation,
    Pipeline,
    apply,
    choose,
    closing,
    dilation,
    disc,
    erosion,
    fill_holes,
    largest_component,
    opening,
    published_closing,
    remove_small,
)

Mask = NDArray[np.uint8]

radii = st.integers(0, 3)
stacks = arrays(np.uint8, (2, 14, 17), elements=st.integers(0, 1))
ELLIPSE = """
--#--
#####
#####
#####
--#--
"""
DISC = """
--#--
-###-
#####
-###-
--#--
"""


def drawing(text: str) -> Mask:
    """One mask, (1, h, w), from lines of dashes and crosses."""
    return np.array([[[character == "#" for character in line] for line in text.split()]], np.uint8)


def blobs() -> Mask:
    """Three masks of smooth shapes, some of which the edge of the image cuts."""
    noise = np.random.default_rng(0).normal(size=(3, 40, 50))
    masks = (ndimage.gaussian_filter(noise, (0, 2, 2)) > 0.05).astype(np.uint8)
    assert masks[:, 0].any()
    assert masks[:, :, 0].any()
    return masks


def components(mask: Mask) -> NDArray[np.int64]:
    """Labels by scikit-image, pixels that meet at a corner included."""
    return np.asarray(measure.label(mask, connectivity=2))  # type: ignore[no-untyped-call]


def test_the_disc_is_that_of_scikit_image_and_not_the_ellipse_of_opencv() -> None:
    for radius in range(7):
        np.testing.assert_array_equal(disc(radius), skimage.disk(radius))  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(disc(2), drawing(DISC)[0])
    np.testing.assert_array_equal(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)), drawing(ELLIPSE)[0])


@pytest.mark.parametrize("radius", [1, 2, 3, 5])
def test_dilation_and_erosion_agree_with_scipy(radius: int) -> None:
    for mask, dilated, eroded in zip(blobs(), dilation(blobs(), radius), erosion(blobs(), radius), strict=True):
        np.testing.assert_array_equal(dilated, ndimage.binary_dilation(mask, disc(radius)))
        np.testing.assert_array_equal(eroded, ndimage.binary_erosion(mask, disc(radius), border_value=1))


@pytest.mark.parametrize("radius", [1, 2, 3, 5])
def test_opening_and_closing_agree_with_scikit_image(radius: int) -> None:
    for mask, opened, closed in zip(blobs(), opening(blobs(), radius), closing(blobs(), radius), strict=True):
        np.testing.assert_array_equal(opened, skimage.opening(mask, disc(radius), mode="ignore"))
        with_margin = skimage.closing(np.pad(mask, 9), disc(radius))
        np.testing.assert_array_equal(closed, with_margin[9:-9, 9:-9])


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        (dilation, "##--- ----- ----- ----#", "###-- ##--- ----# ---##"),
        (erosion, "###-- ###-- #####", "##--- ##--- ###--"),
        (erosion, "### ### ###", "### ### ###"),
        (opening, "###-- ##--- #---- ---#- --###", "###-- ##--- #---- ---#- --###"),  # discs cut by the edge fit in
        (opening, "##-- --## --##", "---- ---# --##"),
        (opening, "----- -##-- -##-- -----", "----- ----- ----- -----"),  # no disc of radius 1 fits in
        (closing, "##-## ##-## ##-## ##-##", "##-## ##### ##### ##-##"),  # the edge shuts no gap
        (closing, "-#--- -#--- -#---", "-#--- -#--- -#---"),
        (closing, "----- --#-- -#-#- --#-- -----", "----- --#-- -###- --#-- -----"),
    ],
)
def test_discs_of_radius_1_change_drawn_masks_as_drawn(
    operation: Callable[[Mask, int], Mask], before: str, after: str
) -> None:
    np.testing.assert_array_equal(operation(drawing(before), 1), drawing(after))


@given(stacks, radii)
def test_opening_only_removes_closing_only_adds_and_neither_acts_twice(masks: Mask, radius: int) -> None:
    opened, closed = opening(masks, radius), closing(masks, radius)
    assert (opened <= masks).all()
    assert (masks <= closed).all()
    np.testing.assert_array_equal(opening(opened, radius), opened)
    np.testing.assert_array_equal(closing(closed, radius), closed)


@given(stacks, radii)
def test_opening_and_closing_are_their_two_steps(masks: Mask, radius: int) -> None:
    wide = np.pad(masks, [(0, 0), (9, 9), (9, 9)])
    np.testing.assert_array_equal(opening(masks, radius), dilation(erosion(masks, radius), radius))
    np.testing.assert_array_equal(closing(masks, radius), erosion(dilation(wide, radius), radius)[:, 9:-9, 9:-9])


@given(stacks, radii)
def test_eroding_a_mask_is_dilating_the_rest(masks: Mask, radius: int) -> None:
    np.testing.assert_array_equal(erosion(masks, radius), 1 - dilation(1 - masks, radius))


@given(stacks)
def test_radius_0_changes_nothing(masks: Mask) -> None:
    for operation in (dilation, erosion, opening, closing):
        np.testing.assert_array_equal(operation(masks, 0), masks)


@given(stacks)
def test_the_largest_component_is_one_and_the_largest(masks: Mask) -> None:
    for mask, kept in zip(masks, largest_component(masks), strict=True):
        areas = np.bincount(components(mask).ravel())[1:]
        assert components(kept).max() == (1 if len(areas) else 0)
        assert kept.sum() == max(areas, default=0)
        assert (kept <= mask).all()


def test_of_equal_components_the_first_is_kept() -> None:
    np.testing.assert_array_equal(largest_component(drawing("---#- ##-#- -----")), drawing("---#- ---#- -----"))


@given(stacks, st.integers(1, 30))
def test_small_components_go_and_the_others_stay(masks: Mask, pixels: int) -> None:
    for mask, kept in zip(masks, remove_small(masks, pixels), strict=True):
        labels = components(mask)
        large = [label for label in range(1, labels.max() + 1) if (labels == label).sum() >= pixels]
        np.testing.assert_array_equal(kept, np.isin(labels, large))
    np.testing.assert_array_equal(remove_small(masks, 1), masks)


def test_a_component_of_exactly_the_threshold_stays() -> None:
    mask = drawing("##--- #---# ---#- ----#")  # two of 3 pixels
    np.testing.assert_array_equal(remove_small(mask, 3), mask)
    np.testing.assert_array_equal(remove_small(mask, 4), 0 * mask)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("##### #---# #####", "##### ##### #####"),
        ("##-## #---# #####", "##-## #---# #####"),  # open to the edge: no hole
        ("-#- #-# -#-", "-#- ### -#-"),  # enclosed although the pixels meet at corners only
        ("##### #---# #-#-# #---# #####", "##### ##### ##### ##### #####"),
    ],
)
def test_holes_are_what_is_enclosed(before: str, after: str) -> None:
    np.testing.assert_array_equal(fill_holes(drawing(before)), drawing(after))


@given(stacks)
def test_filled_masks_leave_only_background_that_reaches_the_edge(masks: Mask) -> None:
    for mask, filled in zip(masks, fill_holes(masks), strict=True):
        outside = measure.label(np.pad(1 - mask, 1, constant_values=1), connectivity=1)  # type: ignore[no-untyped-call]
        np.testing.assert_array_equal(filled, (outside != outside[0, 0])[1:-1, 1:-1])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 11), st.integers(0, 11), radii)
def test_closing_a_filled_rectangle_changes_nothing(height: int, width: int, top: int, left: int, radius: int) -> None:
    box = np.zeros((1, 20, 20), np.uint8)
    box[0, top : top + height, left : left + width] = 1
    np.testing.assert_array_equal(closing(box, radius), box)
    inside = np.pad(box, [(0, 0), (3, 3), (3, 3)])
    np.testing.assert_array_equal(published_closing(inside), inside)


@pytest.mark.parametrize(
    ("margin", "grown"), [(0, [0, 0, 0, 0]), (1, [7, 0, 0, 0]), (2, [3, 3, 0, 0]), (3, [0, 0, 0, 0])]
)
def test_the_published_closing_joins_a_rectangle_to_a_near_edge(margin: int, grown: list[int]) -> None:
    box = np.zeros((1, 20, 20), np.uint8)
    box[0, margin : margin + 6, 8:15] = 1
    added = published_closing(box) - box
    assert added[0, :4].sum(axis=1).tolist() == grown
    assert added.sum() == sum(grown)
    np.testing.assert_array_equal(closing(box, 2), box)


@given(stacks)
def test_the_published_closing_is_that_of_scikit_image_with_the_same_ellipse(masks: Mask) -> None:
    for mask, closed in zip(masks, published_closing(masks), strict=True):
        np.testing.assert_array_equal(closed, skimage.closing(mask, drawing(ELLIPSE)[0], mode="ignore"))


@given(arrays(np.uint8, (14, 17)), st.integers(0, 255))
def test_closing_grey_values_before_the_threshold_is_closing_the_mask(grey: Mask, threshold: int) -> None:
    closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    np.testing.assert_array_equal(published_closing((grey > threshold)[np.newaxis])[0], closed > threshold)


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "dilation": partial(dilation, radius=2),
    "erosion": partial(erosion, radius=2),
    "opening": partial(opening, radius=2),
    "closing": partial(closing, radius=2),
    "published_closing": published_closing,
    "fill_holes": fill_holes,
    "largest_component": largest_component,
    "remove_small": partial(remove_small, pixels=200),
}


@pytest.mark.parametrize("kind", [np.uint8, bool])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_type_and_shape_stay_the_input_too_and_images_do_not_mix(
    operation: Callable[[Any], Any], kind: type[np.generic]
) -> None:
    masks = blobs().astype(kind)
    masks.flags.writeable = False
    before = masks.copy()
    result = operation(masks)
    assert (result.dtype, result.shape) == (masks.dtype, masks.shape)
    assert not np.array_equal(result, masks)
    assert not np.shares_memory(result, masks)
    np.testing.assert_array_equal(masks, before)
    np.testing.assert_array_equal(result.astype(np.uint8), operation(blobs()))
    np.testing.assert_array_equal(result, np.concatenate([operation(masks[i : i + 1]) for i in range(len(masks))]))
    assert operation(masks[:0]).shape == masks[:0].shape


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_is_no_stack_of_binary_masks_is_refused(operation: Callable[[Any], Any]) -> None:
    with pytest.raises(BrainsegError, match=r"shape \(40, 50\), expected \(n, h, w\)"):
        operation(blobs()[0])
    with pytest.raises(BrainsegError, match="values from 0 to 255, expected only 0 and 1"):
        operation(255 * blobs())
    with pytest.raises(BrainsegError, match="expected only 0 and 1"):
        operation(blobs() / 2)


@pytest.mark.parametrize("operation", [dilation, erosion, opening, closing])
def test_a_negative_radius_is_refused(operation: Callable[[Mask, int], Mask]) -> None:
    with pytest.raises(BrainsegError, match="radius of -1 pixels, expected 0 or more"):
        operation(blobs(), -1)


@pytest.mark.parametrize("pipeline", CANDIDATES, ids=str)
def test_a_pipeline_is_its_text(pipeline: Pipeline) -> None:
    assert Pipeline.parse(str(pipeline)) == pipeline


def test_operations_are_applied_from_left_to_right() -> None:
    ring = np.pad(drawing("### #-# ###"), [(0, 0), (0, 0), (0, 61)])  # 8 pixels, 9 filled: 36 at 128 pixels
    assert apply(Pipeline.parse("remove_small 36, fill_holes"), ring).sum() == 0
    assert apply(Pipeline.parse("fill_holes, remove_small 36"), ring).sum() == 9
    np.testing.assert_array_equal(apply(Pipeline.parse("nothing"), ring), ring)


@pytest.mark.parametrize(
    "text",
    [
        "sharpen 2",
        "opening",
        "opening two",
        "opening 1.5",
        "opening -1",
        "opening 1 2",
        "fill_holes 3",
        "",
        "nothing, fill_holes",
        "fill_holes,",
    ],
)
def test_a_text_that_is_no_pipeline_is_refused(text: str) -> None:
    with pytest.raises(BrainsegError, match=r"received the operation '.*', expected one of fill_holes, .*opening N"):
        Pipeline.parse(text)


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(BrainsegError, match="received the operation 'opening -1'"):
        Operation("opening", -1)


@given(arrays(np.uint8, (1, 64, 64), elements=st.integers(0, 1)), st.integers(0, 60))
def test_areas_mean_the_same_at_every_width(small: Mask, area: int) -> None:
    large = np.kron(small, np.ones((1, 2, 2), np.uint8))
    removed = np.kron(Operation("remove_small", area)(small), np.ones((1, 2, 2), np.uint8))
    np.testing.assert_array_equal(Operation("remove_small", area)(large), removed)


@pytest.mark.parametrize(("width", "radius"), [(32, 1), (64, 2), (128, 3), (192, 5), (256, 6)])
def test_radii_grow_with_the_width_and_are_rounded_up(width: int, radius: int) -> None:
    dot = np.zeros((1, 21, width), np.uint8)
    dot[0, 10, 10] = 1
    np.testing.assert_array_equal(Operation("dilation", 3)(dot), dilation(dot, radius))


SPECKED, RIGHT, MISSED, HEALTHY = "##--#", "##---", "-----", "-----"


def masks_of(*lines: str) -> Mask:
    return np.concatenate([drawing(line) for line in lines])


def test_the_table_is_as_computed_by_hand() -> None:
    """Dice before: 4/5, 1, 0, none. A dilation gives 2·2/(5+2), 2·2/(3+2), 0, none; the largest component 1, 1, 0."""
    chosen, table = choose(
        masks_of(SPECKED, RIGHT, MISSED, HEALTHY),
        masks_of(RIGHT, RIGHT, RIGHT, HEALTHY),
        [Pipeline.parse("dilation 1"), Pipeline.parse("largest_component")],
    )
    assert str(chosen) == "largest_component"
    assert table["candidate"].tolist() == ["nothing", "dilation 1", "largest_component"]
    expected = {
        "dice": [1.8 / 3, (4 / 7 + 4 / 5) / 3, 2 / 3],
        "change": [0, (4 / 7 + 4 / 5 - 1.8) / 3, 0.2 / 3],
        "better": [0, 0, 1 / 4],
        "worse": [0, 2 / 4, 0],
    }
    assert table.columns.tolist() == ["candidate", *expected]
    for column, values in expected.items():
        assert table[column].tolist() == pytest.approx(values)


@given(stacks, stacks.filter(lambda truth: bool(truth.any())))
def test_the_choice_is_never_worse_than_nothing(masks: Mask, truth: Mask) -> None:
    chosen, table = choose(masks, truth)
    scores = table.set_index("candidate")["dice"]
    assert scores[str(chosen)] == scores.max()
    assert (scores.max() > scores["nothing"]) == (str(chosen) != "nothing")


def test_masks_are_left_alone_where_every_candidate_harms() -> None:
    chosen, table = choose(blobs(), blobs(), [Pipeline.parse("dilation 9"), Pipeline.parse("erosion 9")])
    assert str(chosen) == "nothing"
    assert (table["change"] < 0).tolist() == [False, True, True]


def test_of_equal_pipelines_the_shorter_is_chosen_then_the_earlier() -> None:
    texts = ["fill_holes, largest_component", "remove_small 60", "largest_component"]
    chosen, table = choose(masks_of(SPECKED), masks_of(RIGHT), [Pipeline.parse(text) for text in texts])
    assert str(chosen) == "largest_component"  # at 5 pixels, areas up to 655 are 1
    assert table["dice"].tolist() == pytest.approx([0.8, 1, 0.8, 1])
    texts = ["remove_small 1300", "largest_component"]
    assert str(choose(masks_of(SPECKED), masks_of(RIGHT), [Pipeline.parse(text) for text in texts])[0]) == texts[0]


def test_a_false_alarm_that_is_removed_raises_the_mean() -> None:
    masks, truth = masks_of(RIGHT, "----#"), masks_of(RIGHT, HEALTHY)
    chosen, table = choose(masks, truth, [Pipeline.parse("remove_small 1300")])
    assert str(chosen) == "remove_small 1300"
    assert table["dice"].tolist() == [0.5, 1]
    assert table["change"].tolist() == [0, 0]


def test_without_a_tumour_there_is_nothing_to_choose_by() -> None:
    with pytest.raises(BrainsegError, match="without a tumour in any image, expected at least one"):
        choose(masks_of(RIGHT), masks_of(HEALTHY))
