"""Every model of the book can be explained, and what it has learned destroyed."""

import numpy as np
import pytest

from brainseg.models import MODELS, build
from brainseg.saliency import explain
from brainseg.saliency.cam import coarsest_layer
from brainseg.saliency.randomisation import randomised
from brainseg.saliency.scores import controls, rank_correlation
from tests.toy_models import images, tiny


@pytest.mark.parametrize("name", MODELS)
def test_the_coarsest_layer_of_every_model_can_be_explained(name: str) -> None:
    model = tiny(name)
    assert model.get_layer(coarsest_layer(model)).output.shape[1] == (4 if name == "deeplab" else 2)
    assert explain("HiResCAM", model, images(1, size=16, channels=3), "whole").shape == (1, 16, 16)


@pytest.mark.parametrize("name", MODELS)
def test_randomisation_goes_from_the_answer_to_the_image_and_leaves_the_model_alone(name: str) -> None:
    model = build(name, size=16, width=4, normalisation="batch")
    before = [weights.copy() for weights in model.get_weights()]
    changed: list[int] = []
    for _, copy in randomised(model):
        moved = [not np.array_equal(a, b) for a, b in zip(before, copy.get_weights(), strict=True)]
        changed.append(moved.index(True))
        assert all(
            np.array_equal(np.sort(a, None), np.sort(b, None)) for a, b in zip(before, copy.get_weights(), strict=True)
        )
    assert changed == sorted(changed, reverse=True)
    assert changed[-1] == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_gradient_follows_the_weights_and_edges_do_not() -> None:
    x, model = images(2, size=16, channels=3), build("deeplab", size=16, width=4, normalisation="batch")
    before = explain("gradient", model, x, "whole")
    alike = [rank_correlation(before, explain("gradient", copy, x, "whole")).mean() for _, copy in randomised(model)]
    assert alike[-1] < 0.7
    edges = controls(x, np.ones((2, 16, 16), np.float32))["edges"]
    assert rank_correlation(edges, controls(x, np.zeros((2, 16, 16), np.float32))["edges"]) == pytest.approx([1, 1])
