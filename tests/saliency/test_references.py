"""Saliency against other libraries: captum computes along, and of Xplique there are numbers.

captum explains PyTorch models. Its tests run where it is installed and KERAS_BACKEND is torch; they passed with captum
0.9.0 and torch 2.13.0. Its guided backpropagation and class activation maps hang on modules of PyTorch, which a Keras
model does not use: for these, the ReLUs of the model are exchanged for PyTorch's.

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

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.models import MODELS, build
from brainseg.saliency import explain
from brainseg.saliency.target import layers, score_of
from tests.backends import OTHER_BACKENDS, on_backend
from tests.toy_models import LAYERS, images

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
    found = explain("integrated gradients", network(), IMAGE, REGION, steps=1000, batch_size=1000)[0] / REGION.sum()
    np.testing.assert_allclose(found, XPLIQUE_INTEGRATED, rtol=0, atol=1e-4)


# captum: all four networks, with random weights and two images.

SIZE = 16
SQUARE = np.zeros((SIZE, SIZE), np.float32)
SQUARE[4:11, 6:12] = 1


@pytest.fixture(scope="module")
def captum() -> Any:
    """What captum computes with; skips where it cannot."""
    if (backend := keras.backend.backend()) != "torch":
        pytest.skip(f"captum explains PyTorch models and the backend is {backend}: set KERAS_BACKEND=torch")
    return pytest.importorskip("captum.attr", reason="captum is not installed")


@pytest.fixture(scope="module", params=MODELS)
def model(captum: Any, request: pytest.FixtureRequest) -> Any:
    built, random = build(request.param, size=SIZE, width=4, normalisation="batch"), np.random.default_rng(0)
    for weight in built.weights:
        spread = np.sqrt(2 / np.prod(weight.shape[:-1]))  # of one number for a bias
        positive = weight.path.endswith(("gamma", "variance"))
        weight.assign(random.uniform(0.5, 1.5, weight.shape) if positive else random.normal(0, spread, weight.shape))
    return built


@pytest.fixture(scope="module")
def x() -> Any:
    return images(size=SIZE, channels=3)


def score(model: Any) -> Callable[[Any], Any]:
    """The sum of the logits over the square as a function of a tensor of images."""
    logits = keras.Model(model.input, model.get_layer("logits").output)
    square = keras.ops.convert_to_tensor(SQUARE)
    return lambda x: (logits(x, training=False)[..., 0] * square).sum((1, 2))


def attributed(method: Any, x: Any, **options: Any) -> Any:
    """What a method of captum attributes to images."""
    return method.attribute(keras.ops.convert_to_tensor(x).requires_grad_(), **options)


def grey(tensor: Any) -> Any:
    """Sum over the channels, as an array."""
    return keras.ops.convert_to_numpy(tensor).sum(axis=-1)


def expect_same(found: Any, expected: Any, scale: float | None = None) -> None:
    """Equal but for rounding; `scale` is the size of the numbers that were rounded, if they are not those expected."""
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * (scale or 10 * np.abs(expected).max()))


def test_the_input_gradient_is_that_of_captum(captum: Any, model: Any, x: Any) -> None:
    expected = np.abs(grey(attributed(captum.Saliency(score(model)), x, abs=False)))
    assert expected.max(axis=(1, 2)).min() > 0.1  # else equal maps would say nothing
    expect_same(explain("gradient", model, x, SQUARE), expected)


def test_gradient_times_input_is_that_of_captum(captum: Any, model: Any, x: Any) -> None:
    expected = grey(attributed(captum.InputXGradient(score(model)), x))
    expect_same(explain("gradient × input", model, x, SQUARE), expected)


@pytest.mark.parametrize("baseline", [0.0, 0.25])
def test_integrated_gradients_are_those_of_captum(captum: Any, model: Any, x: Any, baseline: float) -> None:
    expected = grey(attributed(captum.IntegratedGradients(score(model)), x, baselines=baseline, n_steps=20))
    expect_same(explain("integrated gradients", model, x, SQUARE, steps=20, baseline=baseline), expected)


@pytest.mark.parametrize(("size", "stride", "fill"), [(3, 2, 0.0), (4, 4, 0.25)])
def test_occlusion_is_that_of_captum(captum: Any, model: Any, x: Any, size: int, stride: int, fill: float) -> None:
    """captum starts its patches inside the image: a border, which the score does not see, lets them start before it."""
    before, after = stride - 1, size - stride
    wide = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    inside = np.s_[:, before : before + SIZE, before : before + SIZE]
    of_image = score(model)
    padded = attributed(
        captum.Occlusion(lambda wide: of_image(wide[inside])),
        wide,
        sliding_window_shapes=(size, size, 3),
        strides=(stride, stride, 1),
        baselines=fill,
        perturbations_per_eval=16,
    )
    expected = keras.ops.convert_to_numpy(padded)[inside][..., 0]
    found = explain("occlusion", model, x, SQUARE, size=size, stride=stride, fill=fill)
    expect_same(found, expected, scale=abs(score_of(model).value(x, np.stack([SQUARE, SQUARE]))).max())


def with_relus_of_pytorch(model: Any) -> tuple[Any, Any]:
    """The score of the same model as a module of PyTorch, and its ReLUs by name: modules with channels first."""
    import torch

    module = torch.nn.Module()
    module.relus = torch.nn.ModuleDict()

    def exchange(layer: Any) -> Any:
        if not isinstance(layer, LAYERS.ReLU):
            return layer.__class__.from_config(layer.get_config())
        relu = module.relus[layer.name] = torch.nn.ReLU()
        return LAYERS.Activation(lambda x: relu(x.movedim(-1, 1)).movedim(1, -1), name=layer.name)

    copy = keras.models.clone_model(model, clone_function=exchange)
    copy.set_weights(model.get_weights())
    module.forward = score(copy)
    return module, module.relus


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
def test_guided_backpropagation_is_that_of_captum(captum: Any, model: Any, x: Any) -> None:
    module, _ = with_relus_of_pytorch(model)
    expected = np.abs(grey(attributed(captum.GuidedBackprop(module), x)))
    expect_same(explain("guided backpropagation", model, x, SQUARE), expected)


@pytest.mark.parametrize("method", ["Seg-Grad-CAM", "HiResCAM"])
def test_class_activation_maps_of_every_relu_are_those_of_captum(captum: Any, model: Any, x: Any, method: str) -> None:
    """Enlarged to the image by captum too."""
    module, relus = with_relus_of_pytorch(model)
    made_by = {"Seg-Grad-CAM": captum.LayerGradCam, "HiResCAM": captum.LayerGradientXActivation}[method]
    empty = []
    for layer in [name for name in layers(model) if name in relus]:
        found = attributed(made_by(module, relus[layer]), x).sum(1, keepdims=True).relu()
        enlarged = captum.LayerAttribution.interpolate(found, (SIZE, SIZE), "bilinear")[:, 0]
        expected = keras.ops.convert_to_numpy(enlarged)
        expect_same(explain(method, model, x, SQUARE, layer=layer), expected)
        empty.append(not expected.any())
    assert np.mean(empty) < 0.5


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backends_pass_these_tests_too(backend: str) -> None:
    printed = on_backend(backend, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not backends", __file__)
    assert " passed" in printed
