"""What ONNX Runtime computes of an explanation is what Keras computes."""

from typing import Any

import numpy as np
import pytest

from brainseg.models.exchange import to_onnx
from brainseg.saliency import explained
from brainseg.saliency.runtime import RuntimeTarget
from brainseg.saliency.target import Target
from tests.models.test_exchange import network
from tests.toy_models import images

OPTIONS: dict[str, dict[str, Any]] = {"SmoothGrad": {}, "Seg-Grad-CAM": {}, "occlusion": {}, "RISE": {"masks": 20}}


@pytest.fixture(
    scope="module", params=[("unet", "gate", "batch"), ("deeplab", None, "batch"), ("segnet", "spatial", None)]
)
def targets(request: pytest.FixtureRequest) -> tuple[Target, RuntimeTarget]:
    """The same two images and regions for Keras and for ONNX Runtime; batches do not fit their number."""
    model, x = network(*request.param, 32), images(2, 3, 32)
    region = np.zeros((2, 32, 32), np.float32)
    region[0, 4:9, 20:30] = region[1, 6:7, 10:12] = 1
    return Target(model, x, region, 3), RuntimeTarget(to_onnx(model), x, region, 3)


def close(found: Any, expected: Any, score: float = 0) -> None:
    """A map of differences of scores is as exact as these are."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=max(2e-5 * abs(expected).max(), 2e-6 * score))


def test_scores_and_gradients_are_of_the_region_of_the_row(targets: tuple[Target, RuntimeTarget]) -> None:
    keras, runtime = targets
    rows, others = [1, 0, 0, 1], images(4, 3, 32, seed=1)
    close(runtime.score(), keras.score())
    close(runtime.score(others, rows), keras.score(others, rows))
    close(runtime.gradient(others, rows), keras.gradient(others, rows))


@pytest.mark.parametrize("method", OPTIONS)
def test_maps_are_those_of_keras(targets: tuple[Target, RuntimeTarget], method: str) -> None:
    keras, runtime = (explained(method, target, **OPTIONS[method]) for target in targets)
    assert abs(keras).max() > 0
    close(runtime, keras, abs(targets[0].score()).max())
