"""Saliency against captum: all four networks, with random weights and two images.

captum explains PyTorch models: this file is skipped where it is not installed or KERAS_BACKEND is not torch. It passed
with captum 0.9.0 and torch 2.13.0. captum's guided backpropagation and class activation maps hang on modules of
PyTorch, which a Keras model does not use: for these, the ReLUs of the model are exchanged for PyTorch's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.models import MODELS, build
from brainseg.saliency import explain
from brainseg.saliency.target import Target, layers
from tests.toy_models import LAYERS, images, randomise

if keras.backend.backend() != "torch":
    pytest.skip("captum explains PyTorch models: set KERAS_BACKEND=torch", allow_module_level=True)
captum = pytest.importorskip("captum.attr")

SIZE = 16
SQUARE = np.zeros((SIZE, SIZE), np.float32)
SQUARE[4:11, 6:12] = 1


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    return randomise(build(request.param, size=SIZE, width=4, normalisation="batch"))


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


def test_the_input_gradient_is_that_of_captum(model: Any, x: Any) -> None:
    expected = np.abs(grey(attributed(captum.Saliency(score(model)), x, abs=False)))
    assert expected.max(axis=(1, 2)).min() > 0.1  # else equal maps would say nothing
    expect_same(explain("gradient", model, x, SQUARE), expected)


def test_gradient_times_input_is_that_of_captum(model: Any, x: Any) -> None:
    expected = grey(attributed(captum.InputXGradient(score(model)), x))
    expect_same(explain("gradient × input", model, x, SQUARE), expected)


@pytest.mark.parametrize("baseline", [0.0, 0.25])
def test_integrated_gradients_are_those_of_captum(model: Any, x: Any, baseline: float) -> None:
    expected = grey(attributed(captum.IntegratedGradients(score(model)), x, baselines=baseline, n_steps=20))
    expect_same(explain("integrated gradients", model, x, SQUARE, steps=20, baseline=baseline), expected)


@pytest.mark.parametrize(("size", "stride", "fill"), [(3, 2, 0.0), (4, 4, 0.25)])
def test_occlusion_is_that_of_captum(model: Any, x: Any, size: int, stride: int, fill: float) -> None:
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
    expect_same(found, expected, scale=abs(Target(model, x, SQUARE).score()).max())


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
def test_guided_backpropagation_is_that_of_captum(model: Any, x: Any) -> None:
    module, _ = with_relus_of_pytorch(model)
    expected = np.abs(grey(attributed(captum.GuidedBackprop(module), x)))
    expect_same(explain("guided backpropagation", model, x, SQUARE), expected)


@pytest.mark.parametrize("method", ["Seg-Grad-CAM", "HiResCAM"])
def test_class_activation_maps_of_every_relu_are_those_of_captum(model: Any, x: Any, method: str) -> None:
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
