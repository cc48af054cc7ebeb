"""Scores of saliency maps: by hand on small grids, and on models whose answer is known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from brainseg.errors import BrainsegError
from brainseg.saliency.scores import (
    controls,
    deletion,
    energy_inside,
    insertion,
    localisation_auc,
    pointing_game,
    rank_correlation,
    sensitivity,
    stability,
)
from brainseg.saliency.target import Target
from tests.toy_models import SIZE, images, square, toy

GRID = np.array([[[4.0, 1.0, 0.0], [2.0, -3.0, 1.0]]])
INSIDE = np.array([[[1, 0, 0], [1, 1, 0]]])
LOCALISATION = [energy_inside, pointing_game, localisation_auc]


def test_localisation_of_a_small_grid() -> None:
    assert energy_inside(GRID, INSIDE) == pytest.approx([6 / 8])
    assert pointing_game(GRID, INSIDE).tolist() == [1]
    assert pointing_game(-GRID, INSIDE).tolist() == [1]
    assert pointing_game(-GRID, 1 - INSIDE).tolist() == [0]
    pairs = [(i > o) + 0.5 * (i == o) for i in (4, 2, -3) for o in (1, 0, 1)]
    assert localisation_auc(GRID, INSIDE) == pytest.approx([np.mean(pairs)])


@pytest.mark.parametrize("score", LOCALISATION)
def test_without_a_tumour_nothing_can_be_pointed_at(score: Any) -> None:
    assert np.isnan(score(GRID, np.zeros_like(INSIDE))).all()
    assert np.isnan(energy_inside(-np.abs(GRID), INSIDE)).all()


@pytest.mark.parametrize("score", LOCALISATION)
def test_shapes_and_masks_that_do_not_fit_are_refused(score: Any) -> None:
    with pytest.raises(BrainsegError, match="expected both"):
        score(GRID[0], INSIDE[0])
    with pytest.raises(BrainsegError, match="expected only 0 and 1"):
        score(GRID, 2 * INSIDE)


@given(arrays(np.float64, (1, 4, 4), elements=st.floats(0, 100)), st.integers(1, 15))
def test_localisation_knows_only_order_or_share(maps: Any, pixels: int) -> None:
    mask = (np.arange(16) < pixels).reshape(1, 4, 4)
    np.testing.assert_allclose(energy_inside(3 * maps, mask), energy_inside(maps, mask), rtol=1e-9)
    np.testing.assert_allclose(localisation_auc(-maps, mask), 1 - localisation_auc(maps, mask), atol=1e-12)
    assert 0 <= pointing_game(maps, mask)[0] <= 1


def test_an_even_map_is_at_chance() -> None:
    even = np.ones((1, SIZE, SIZE))
    assert energy_inside(even, square()[np.newaxis]) == pytest.approx([9 / 64])
    assert pointing_game(even, square()[np.newaxis]) == pytest.approx([9 / 64])
    assert localisation_auc(even, square()[np.newaxis]) == pytest.approx([0.5])


def region(n: int = 1) -> Any:
    return np.repeat(square()[np.newaxis], n, axis=0)


def test_deletion_is_the_area_under_the_falling_probability() -> None:
    """All pixels are white; those of the region go black first, or last."""
    model, white = toy(weight=4.0, bias=-2.0), np.ones((1, SIZE, SIZE, 1), np.float32)
    high, low = 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))
    curve = np.concatenate([np.linspace(high, low, 10), np.full(55, low)])
    found = deletion(Target(model, white, region()), region(), steps=64)
    assert found == pytest.approx([np.trapezoid(curve, dx=1 / 64)], rel=1e-5)
    last = deletion(Target(model, white, region()), -region(), steps=64)
    assert last == pytest.approx([np.trapezoid(np.concatenate([np.full(56, high), curve[1:10]]), dx=1 / 64)], rel=1e-5)


def test_insertion_begins_with_a_blur_and_prefers_what_counts() -> None:
    x = np.zeros((1, SIZE, SIZE, 1), np.float32)
    x[0, 2:5, 3:6] = 1
    model = toy(weight=8.0, bias=-4.0)
    assert insertion(Target(model, x, region()), region()) > insertion(Target(model, x, region()), -region()) + 0.1


def test_sensitivity_is_one_for_the_terms_of_a_linear_model_whatever_their_factor() -> None:
    x, model = images(), toy(weight=2.0, bias=0.5)
    terms = region(2) * x[..., 0]
    np.testing.assert_allclose(sensitivity(Target(model, x, region(2)), 5 * terms, cell=1), 1, atol=1e-5)
    np.testing.assert_allclose(sensitivity(Target(model, x, region(2)), -terms, cell=2), -1, atol=1e-5)
    assert np.isnan(sensitivity(Target(model, x, region(2)), np.zeros_like(terms))).all()


def test_controls_know_nothing_of_the_model() -> None:
    x = np.zeros((2, SIZE, SIZE, 3), np.float32)
    x[:, :, 4:] = 1
    found = controls(x, region(2))
    assert {maps.shape for maps in found.values()} == {(2, SIZE, SIZE)}
    assert all(maps.min() >= 0 for maps in found.values())
    assert found["centre"][0, 3:5, 3:5].min() == found["centre"].max()
    assert np.argwhere(found["edges"][0].sum(axis=0) > 0).ravel().tolist() == [3, 4]
    np.testing.assert_array_equal(found["predicted mask"], region(2))


def test_a_curve_needs_a_step() -> None:
    with pytest.raises(BrainsegError, match="expected 1 or more"):
        deletion(Target(toy(), images(1), region()), region(), steps=0)


@given(arrays(np.float64, (2, 2, 3, 3), elements=st.integers(-5, 5)))
def test_rank_correlation_is_spearmans_of_the_magnitudes(pair: Any) -> None:
    by_scipy = [
        spearmanr(np.abs(a).ravel(), np.abs(b).ravel()).statistic if np.ptp(np.abs(a)) and np.ptp(np.abs(b)) else np.nan
        for a, b in zip(*pair, strict=True)
    ]
    np.testing.assert_allclose(rank_correlation(*pair), by_scipy, atol=1e-9)


def test_a_map_of_the_image_is_less_stable_the_more_noise_there_is() -> None:
    x = images(3)
    little, much = (stability(lambda x: x[..., 0], x, noise=noise) for noise in (0.01, 0.5))
    assert (much < little).all()
    assert stability(lambda x: np.broadcast_to(square(), x.shape[:3]), x) == pytest.approx(np.ones(3))
    with pytest.raises(BrainsegError, match="expected 1 or more"):
        stability(lambda x: x[..., 0], x, copies=0)
