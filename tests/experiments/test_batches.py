"""What models are fed: as the study fed it, or varied with masks that follow their images."""

import numpy as np
import pytest
from numpy.typing import NDArray

from brainseg.experiments.batches import Batches, augment
from brainseg.experiments.recipe import CORRECTED, Augmentation
from brainseg.models import as_input

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture
def discs() -> Pair:
    """Bright discs on black, somewhere in the image, and their masks."""
    rows, columns = np.mgrid[:48, :48]
    centres = np.random.default_rng(0).uniform(16, 32, (20, 2))
    masks = np.stack([(rows - y) ** 2 + (columns - x) ** 2 < 81 for y, x in centres]).astype(np.uint8)
    return 200 * masks, masks


def test_batches_are_what_the_study_fed(discs: Pair) -> None:
    images, masks = discs
    batches = Batches(images, masks, 8)
    assert len(batches) == 3
    fed, labels = batches[2]
    assert (fed.shape, labels.shape) == ((4, 48, 48, 3), (4, 48, 48, 1))
    np.testing.assert_array_equal(fed[0, ..., 2], (images[16] / 255).astype("float32"))
    np.testing.assert_array_equal(labels[3, ..., 0], masks[19])


def test_grey_images_get_three_equal_channels() -> None:
    fed = as_input(np.array([[[0, 255]]], np.uint8))
    assert fed.tolist() == [[[[0, 0, 0], [1, 1, 1]]]]
    assert fed.dtype == np.float32


def test_augmented_masks_stay_binary_and_on_their_tumours(discs: Pair) -> None:
    assert CORRECTED.augmentation is not None
    images, masks = augment(*discs, CORRECTED.augmentation, seed=1)
    assert images.dtype == masks.dtype == np.uint8
    assert set(np.unique(masks)) == {0, 1}
    bright = images > 100
    overlap = 2 * (bright & (masks == 1)).sum(axis=(1, 2)) / (bright.sum(axis=(1, 2)) + masks.sum(axis=(1, 2)))
    assert overlap.min() > 0.9
    assert np.abs(masks.astype(int) - discs[1]).sum(axis=(1, 2)).max() > 20


def test_what_comes_into_view_is_black_and_unlabelled() -> None:
    white = np.full((16, 32, 32), 255, np.uint8)
    images, masks = augment(white, white // 255, Augmentation(rotation=0, zoom=0, shift=0.3, contrast=0), seed=0)
    outside = masks == 0
    assert outside.any()
    assert images[outside].max() < 255
    assert images[outside].mean() < 30


def test_the_seed_decides_the_changes(discs: Pair) -> None:
    assert CORRECTED.augmentation is not None
    once, again, other = (augment(*discs, CORRECTED.augmentation, seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
