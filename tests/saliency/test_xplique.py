"""Saliency against the numbers of Xplique.

Xplique does not install beside Keras 3. Its numbers were made with xplique 1.5.2, tensorflow 2.15.1 (its own Keras),
tensorflow-probability 0.23.0, einops, numpy 1.26.4 and Python 3.11. To make them again, take `waves`, `network`,
`IMAGE` and `REGION` from this file, with ``from tensorflow import keras`` and ``LAYERS = keras.layers``, and then::

    from xplique.attributions import GradCAM, GradientInput, GuidedBackprop, IntegratedGradients, Saliency

    whole = network()
    model = keras.Model(whole.input, whole.get_layer("logits").output)
    target = REGION[np.newaxis, ..., np.newaxis]
    GradCAM(model, conv_layer="second").explain(IMAGE, target)  # of the sum over the region; also "first"
    task = "semantic segmentation"  # of the mean over the region
    Saliency(model, operator=task).explain(IMAGE, target)
    GradientInput(model, operator=task).explain(IMAGE, target)
    np.abs(GuidedBackprop(model, operator=task).explain(IMAGE, target))
    IntegratedGradients(model, operator=task, steps=10000, batch_size=10000).explain(IMAGE, target)
"""

from typing import Any

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.saliency import explain
from tests.toy_models import LAYERS

pytestmark = pytest.mark.contract

# Xplique: the numbers of a small network, all of whose layers are as large as the image.

HEIGHT, WIDTH = 5, 7


def waves(*shape: int, step: float) -> Any:
    """The sine of equally spaced numbers."""
    return np.sin(step * np.arange(1, np.prod(shape) + 1)).reshape(shape)


def network() -> Any:
    """Two convolutions with ReLU, and one of 1 × 1 pixels to the logits; its weights are waves."""
    image = keras.Input((HEIGHT, WIDTH, 1), name="image")
    x = LAYERS.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = LAYERS.Conv2D(4, 3, padding="same", activation="relu", name="second")(x)
    x = LAYERS.Conv2D(1, 1, name="logits")(x)
    model = keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))
    model.set_weights([waves(*weight.shape, step=3 + i / 2) / 2 for i, weight in enumerate(model.get_weights())])
    return model


IMAGE = ((1 + waves(1, HEIGHT, WIDTH, 1, step=1.7)) / 2).astype(np.float32)
REGION = np.zeros((HEIGHT, WIDTH), np.float32)
REGION[1:4, 2:5] = REGION[3, 5] = 1

XPLIQUE_GRAD_CAM = {
    "second": [
        [0.110945, 0.111586, 0.148023, 0.163485, 0.130403, 0.091194, 0.018472],
        [0.000000, 0.001052, 0.000000, 0.030097, 0.026985, 0.009264, 0.021215],
        [0.000000, 0.006917, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000],
        [0.053670, 0.128334, 0.140484, 0.108038, 0.111175, 0.125590, 0.105886],
        [0.000000, 0.000000, 0.031596, 0.023815, 0.000000, 0.028772, 0.032036],
    ],
    "first": [
        [0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000],
        [0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000],
        [0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000],
        [0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000],
        [0.025573, 0.051983, 0.051957, 0.036680, 0.040643, 0.054898, 0.043453],
    ],
}
XPLIQUE_GRADIENTS = {
    "gradient": [
        [0.014155, 0.004548, 0.040937, 0.055328, 0.077166, 0.086547, 0.033966],
        [0.021764, 0.026620, 0.016004, 0.052567, 0.042765, 0.004334, 0.018397],
        [0.040381, 0.053691, 0.032638, 0.061096, 0.077784, 0.072647, 0.052765],
        [0.021946, 0.065444, 0.098908, 0.103801, 0.068258, 0.038562, 0.002332],
        [0.004124, 0.011310, 0.009795, 0.000298, 0.009178, 0.015802, 0.028202],
    ],
    "gradient × input": [
        [-0.014096, -0.001693, 0.001518, 0.041333, 0.069391, 0.012987, 0.006485],
        [0.020231, 0.018590, 0.000309, 0.022367, 0.042760, 0.001932, 0.000259],
        [-0.027440, -0.050450, -0.006762, -0.008298, -0.068969, -0.055542, -0.002383],
        [0.007740, 0.064973, 0.051466, 0.000203, 0.041501, 0.037414, -0.000632],
        [0.000366, 0.009445, 0.008079, -0.000024, 0.002599, 0.015402, 0.016768],
    ],
    "guided backpropagation": [
        [0.013468, 0.032901, 0.024346, 0.012011, 0.034503, 0.026458, 0.005512],
        [0.002336, 0.021595, 0.053465, 0.085409, 0.076849, 0.031385, 0.012796],
        [0.023673, 0.049891, 0.038467, 0.053737, 0.062305, 0.054982, 0.030669],
        [0.022274, 0.065578, 0.095897, 0.080787, 0.033174, 0.027467, 0.015048],
        [0.004787, 0.019294, 0.031171, 0.044872, 0.059528, 0.051913, 0.030710],
    ],
}
XPLIQUE_INTEGRATED = [
    [-0.014934, -0.005972, 0.000808, 0.037742, 0.045059, 0.003773, 0.000567],
    [0.019941, 0.037539, 0.001302, 0.030953, 0.063623, 0.020578, 0.000539],
    [-0.022809, -0.066010, -0.014243, -0.007704, -0.024428, -0.015306, -0.001354],
    [0.006433, 0.053184, 0.041770, 0.000144, 0.012778, -0.008478, -0.003866],
    [0.000400, 0.018911, 0.036821, 0.004408, 0.017173, 0.047454, 0.020306],
]


@pytest.mark.parametrize(("layer", "expected"), XPLIQUE_GRAD_CAM.items())
def test_seg_grad_cam_gives_the_numbers_of_xplique(layer: str, expected: Any) -> None:
    found = explain("Seg-Grad-CAM", network(), IMAGE, REGION, layer=layer)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("method", "expected"), XPLIQUE_GRADIENTS.items())
def test_gradients_give_the_numbers_of_xplique(method: str, expected: Any) -> None:
    found = explain(method, network(), IMAGE, REGION)[0] / REGION.sum()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_integrated_gradients_give_the_numbers_of_xplique() -> None:
    """Less closely than the others: Xplique integrates by the trapezoidal rule."""
    found = explain("integrated gradients", network(), IMAGE, REGION, steps=600, batch_size=600)[0] / REGION.sum()
    np.testing.assert_allclose(found, XPLIQUE_INTEGRATED, rtol=0, atol=1e-4)
