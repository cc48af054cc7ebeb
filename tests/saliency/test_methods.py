"""Saliency: models so small that their maps can be worked out by hand, and properties that every method has."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models import MODELS, build
from brainseg.models.attention import attention_maps
from brainseg.saliency import METHODS, explain
from brainseg.saliency.cam import published_grad_cam
from brainseg.saliency.region import region_weights
from brainseg.saliency.target import Target
from tests.toy_models import LAYERS, SIZE, images, randomise, square, tiny, toy

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def network() -> Any:
    return randomise(build("deeplab", size=16, width=2, attention="spatial", normalisation="batch"))


@pytest.fixture(scope="module")
def traced() -> Any:
    """Two convolutions and a gate; one for all tests, because to trace a model anew takes most of a test's time."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = LAYERS.Conv2D(6, 3, padding="same", activation="relu", name="features")(image)
    gate = LAYERS.Conv2D(1, 1, activation="sigmoid", name="gate_1_map")(x)
    x = LAYERS.Conv2D(1, 3, padding="same", name="logits")(LAYERS.Multiply(name="gate_1_apply")([x, gate]))
    return keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))


@pytest.fixture
def gated(traced: Any) -> Any:
    """The same with random weights."""
    reset(traced, seed=1)
    return traced


def reset(model: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])


# Linear: the logit of a pixel is 2 x + 0.5, and nothing else reaches it.


def test_gradient_of_a_linear_model_is_its_weight_inside_the_region() -> None:
    model, x = toy(weight=-2.0, bias=0.5), images()
    expected = np.broadcast_to(2 * square(), (2, SIZE, SIZE))
    np.testing.assert_allclose(explain("gradient", model, x, square()), expected, atol=1e-6)
    np.testing.assert_allclose(explain("SmoothGrad", model, x, square(), samples=3), expected, atol=1e-6)
    np.testing.assert_allclose(explain("gradient variance", model, x, square(), samples=3), 0, atol=1e-6)
    np.testing.assert_allclose(explain("gradient × input", model, x, square()), -expected * x[..., 0], atol=1e-6)


def test_gradients_of_equal_channels_add_up_to_that_of_grey() -> None:
    model = toy(channels=3, weight=2.0)
    grey = images(channels=1)
    assert explain("gradient", model, np.repeat(grey, 3, axis=-1), square())[0, 4, 4] == pytest.approx(6.0)


@pytest.mark.parametrize("baseline", [0.0, 0.25])
def test_integrated_gradients_of_a_linear_model_are_its_terms(baseline: float) -> None:
    x = images()
    maps = explain("integrated gradients", toy(weight=2.0, bias=0.5), x, square(), steps=2, baseline=baseline)
    np.testing.assert_allclose(maps, 2 * square() * (x[..., 0] - baseline), atol=1e-6)


def test_occlusion_of_a_linear_model_is_the_mean_loss_of_the_patches_over_a_pixel() -> None:
    x = images(1)
    terms = 2 * (square() * x[0, ..., 0])
    by_hand, covered = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    for top in range(-1, SIZE, 2):
        for left in range(-1, SIZE, 2):
            patch = np.s_[max(top, 0) : top + 3, max(left, 0) : left + 3]
            by_hand[patch] += terms[patch].sum()
            covered[patch] += 1
    found = explain("occlusion", toy(weight=2.0, bias=0.5), x, square(), size=3, stride=2)
    np.testing.assert_allclose(found[0], by_hand / covered, atol=1e-5)


def test_rise_of_a_linear_model_is_highest_in_the_region_and_zero_on_average() -> None:
    x = np.full((1, SIZE, SIZE, 1), 0.5, np.float32)
    found = explain("RISE", toy(weight=2.0), x, square(), masks=3000, cells=8)[0]
    inside = square().astype(bool)
    assert found[inside].min() > found[~ndimage.binary_dilation(inside, iterations=2)].max()
    again = explain("RISE", toy(weight=2.0), x, square(), masks=3000, cells=8)[0]
    np.testing.assert_array_equal(found, again)
    assert abs(explain("RISE", toy(weight=0.0, bias=1.0), x, square(), masks=50)).max() == pytest.approx(0, abs=1e-6)


# Curved: the logit is x², or what a ReLU lets through.


def test_integrated_gradients_of_a_square_are_its_values_where_the_gradient_doubles_them() -> None:
    x, model = images(), toy(LAYERS.Lambda(lambda t: t * t))
    squares = square() * x[..., 0] ** 2
    np.testing.assert_allclose(explain("integrated gradients", model, x, square(), steps=4), squares, atol=1e-6)
    np.testing.assert_allclose(explain("gradient × input", model, x, square()), 2 * squares, atol=1e-6)


def test_variance_of_the_gradient_of_a_square_is_four_times_that_of_the_noise() -> None:
    model = toy(LAYERS.Lambda(lambda t: t * t))
    found = explain("gradient variance", model, images(1), square(), samples=400, noise=0.1)
    inside = square().astype(bool)
    assert found[0][inside].mean() == pytest.approx(4 * 0.1**2, rel=0.1)
    assert found[0][~inside].max() == 0


def shifted_relu(through: Any) -> list[Any]:
    """relu(x − 0.5), by the given kind of ReLU."""
    shift = LAYERS.Conv2D(
        1,
        1,
        activation=through if isinstance(through, str) else None,
        kernel_initializer="ones",
        bias_initializer=keras.initializers.Constant(-0.5),
        name="shift",
    )
    return [shift] if isinstance(through, str) else [shift, through]


@pytest.mark.parametrize("kind", ["activation", "layer"])
def test_guided_backpropagation_stops_what_speaks_against(kind: str) -> None:
    def model(weight: float) -> Any:
        return toy(*shifted_relu("relu" if kind == "activation" else LAYERS.ReLU(name="relu")), weight=weight)

    x = images()
    active = square() * (x[..., 0] > 0.5)
    np.testing.assert_allclose(explain("guided backpropagation", model(2.0), x, square()), 2 * active, atol=1e-6)
    np.testing.assert_allclose(explain("guided backpropagation", model(-2.0), x, square()), 0, atol=1e-6)
    np.testing.assert_allclose(explain("gradient", model(-2.0), x, square()), 2 * active, atol=1e-6)


# Class activation maps: two channels, x and 1 − x, with weights 3 and −1.


def two_channels() -> Any:
    image = keras.Input((SIZE, SIZE, 1), name="image")
    features = LAYERS.Conv2D(2, 1, name="features")
    x = LAYERS.Conv2D(1, 1, name="logits")(features(image))
    model = keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))
    features.set_weights([np.array([[[[1.0, -1.0]]]]), np.array([0.0, 1.0])])
    model.get_layer("logits").set_weights([np.array([[[[3.0], [-1.0]]]]), np.array([0.0])])
    return model


def test_class_activation_maps_of_two_channels() -> None:
    x = images()
    grey = x[..., 0]
    logits = 3 * grey - (1 - grey)
    share = square().mean()
    options: dict[str, Any] = {"layer": "features"}
    grad_cam = explain("Seg-Grad-CAM", two_channels(), x, square(), **options)
    np.testing.assert_allclose(grad_cam, np.maximum(share * logits, 0), atol=1e-6)
    local = explain("HiResCAM", two_channels(), x, square(), **options)
    np.testing.assert_allclose(local, np.maximum(logits, 0) * square(), atol=1e-6)
    halves = explain("Seg-XRes-CAM", two_channels(), x, square(), window=4, **options)
    shares = square().reshape(2, 4, 2, 4).mean(axis=(1, 3)).repeat(4, 0).repeat(4, 1)
    np.testing.assert_allclose(halves, np.maximum(shares * logits, 0), atol=1e-6)


def test_the_published_map_weights_by_the_mean_probability_and_is_divided_by_its_maximum() -> None:
    x = images()
    grey = x[..., 0]
    probability = 1 / (1 + np.exp(-(4 * grey - 1)))
    slope = (probability * (1 - probability)).mean(axis=(1, 2), keepdims=True) / SIZE**2
    cam = np.maximum((3 * slope * grey - slope * (1 - grey)) / 2, 0)
    found = published_grad_cam(Target(two_channels(), x, "whole"), layer="features")
    np.testing.assert_allclose(found, cam / cam.max(axis=(1, 2), keepdims=True), atol=1e-5)
    nothing = Target(toy(LAYERS.ReLU(name="relu")), np.zeros_like(x), "whole")
    assert published_grad_cam(nothing, layer="relu").max() == 0


@pytest.mark.parametrize("model", MODELS)
def test_the_published_map_is_the_answer_divided_by_its_maximum(model: str) -> None:
    network, x = tiny(model), images(size=16, channels=3)
    answer = network.predict_on_batch(x)[..., 0]
    found = published_grad_cam(Target(network, x, "whole"))
    np.testing.assert_allclose(found, answer / answer.max(axis=(1, 2), keepdims=True), rtol=0, atol=1e-6)


def test_windows_lead_from_one_class_activation_map_to_the_other(network: Any) -> None:
    x, layer = images(size=16, channels=3), "decoder_2_conv_1_relu"  # 4 × 4
    whole = explain("Seg-XRes-CAM", network, x, "whole", layer=layer, window=4)
    np.testing.assert_allclose(whole, explain("Seg-Grad-CAM", network, x, "whole", layer=layer), atol=1e-6)
    single = explain("Seg-XRes-CAM", network, x, "whole", layer=layer, window=1)
    np.testing.assert_array_equal(single, explain("HiResCAM", network, x, "whole", layer=layer))
    assert np.abs(whole - single).max() > 1e-6


def test_a_layer_is_differentiated_on_all_ways_to_the_answer(gated: Any) -> None:
    """The derivative along the gradient, measured by moving the features of a layer a little."""
    x = images(1, channels=3)
    features, gradient = Target(gated, x, "whole").features("features")
    rest = keras.Model([gated.input, gated.get_layer("features").output], gated.get_layer("logits").output)
    steepest = gradient / np.linalg.norm(gradient)
    moved = (features + step * steepest for step in (0.003, -0.003))
    up, down = (np.asarray(rest.predict_on_batch([x, one]), np.float64).sum() for one in moved)
    assert (up - down) / 0.006 == pytest.approx(np.linalg.norm(gradient), rel=0.005)


def test_the_score_is_the_sum_of_logits_or_the_mean_probability(network: Any) -> None:
    x, region = images(size=16, channels=3), np.zeros((2, 16, 16), np.float32)
    region[:, 5:9, 5:9] = 1
    answers = keras.Model(network.input, [network.get_layer(name).output for name in ("logits", "probability")])
    logits, probability = ((answer[..., 0] * region).sum(axis=(1, 2)) for answer in answers.predict_on_batch(x))
    target = Target(network, x, region)
    np.testing.assert_allclose(target.score(), logits, rtol=1e-4)
    np.testing.assert_allclose(target.mean_probability().score(), probability / 16, rtol=1e-4)
    np.testing.assert_allclose(target.score(x[[1, 0, 1]], [1, 0, 1]), logits[[1, 0, 1]], rtol=1e-4)


def test_completeness_of_a_network_improves_with_steps(network: Any) -> None:
    target = Target(network, images(size=16, channels=3), "whole")
    difference = target.score() - target.score(np.zeros_like(target.images))
    maps = [explain("integrated gradients", network, target.images, "whole", steps=steps) for steps in (2, 64)]
    missed = [np.abs(one.sum(axis=(1, 2)) - difference).max() for one in maps]
    assert missed[1] < 0.1 * missed[0]
    assert missed[1] < 0.02 * np.abs(target.score()).max()


# What all methods have in common.

STATED = {  # lowest and highest value that a method's text promises
    "gradient": (0, np.inf),
    "SmoothGrad": (0, np.inf),
    "gradient variance": (0, np.inf),
    "guided backpropagation": (0, np.inf),
    "Seg-Grad-CAM": (0, np.inf),
    "Seg-XRes-CAM": (0, np.inf),
    "HiResCAM": (0, np.inf),
    "attention": (0, 1),
}
every_method = pytest.mark.parametrize("method", METHODS)


@every_method
def test_every_method_gives_a_map_per_image_in_its_range(method: str, network: Any) -> None:
    maps = explain(method, network, images(3, size=16, channels=3), "whole")
    assert maps.shape == (3, 16, 16)
    assert maps.dtype == np.float32
    low, high = STATED.get(method, (-np.inf, np.inf))
    assert low <= maps.min() <= maps.max() <= high
    assert maps.std() > 0


@every_method
def test_maps_do_not_depend_on_what_is_computed_together(method: str, gated: Any) -> None:
    x = images(3, channels=3)
    together, alone = (explain(method, gated, x, "whole", batch_size=size) for size in (32, 2))
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4 * np.abs(together).max())


@every_method
def test_maps_follow_the_weights_that_a_model_has_now(method: str, gated: Any) -> None:
    x = images(1, channels=3)
    before = explain(method, gated, x, "whole")
    reset(gated, seed=2)
    assert np.abs(explain(method, gated, x, "whole") - before).max() > 1e-3


def test_images_that_are_not_finite_are_refused() -> None:
    """Also where the network would make finite numbers of them."""
    x = images()
    x[1, 2, 3] = np.nan
    with pytest.raises(BrainsegError, match="not finite in image 1, expected 0 to 1"):
        explain("gradient", toy(), x, "whole")


@every_method
def test_weights_that_are_not_finite_are_refused(method: str, gated: Any) -> None:
    kernel = gated.get_layer("features").kernel
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[0, 0, 0, 0] = np.nan
    kernel.assign(values)
    with pytest.raises(BrainsegError, match=r"weights that are not finite, features/kernel first"):
        explain(method, gated, images(1, channels=3), "whole")


def test_a_map_that_is_not_finite_is_said() -> None:
    model = toy(weight=3e38)
    with np.errstate(over="ignore"), pytest.raises(BrainsegError, match="not finite for image 0, 1"):
        explain("gradient × input", model, 100 * images(), "whole")


def test_a_method_or_an_image_that_does_not_fit_is_named() -> None:
    with pytest.raises(BrainsegError, match="'Grad', expected one of: gradient, "):
        explain("Grad", toy(), images(), "whole")
    with pytest.raises(BrainsegError, match=r"expected \(n, 8, 8, 1\)"):
        explain("gradient", toy(), images(channels=3), "whole")


def test_a_wrong_layer_name_lists_those_that_exist() -> None:
    with pytest.raises(BrainsegError, match="'conv', expected one of: features"):
        explain("Seg-Grad-CAM", two_channels(), images(), "whole", layer="conv")


def test_gates_are_shown_as_they_are() -> None:
    x, unet = images(size=16, channels=3), tiny("unet")
    np.testing.assert_array_equal(explain("attention", unet, x, "whole"), attention_maps(unet, x)["gate_1"])
    with pytest.raises(BrainsegError, match="build it with attention 'gate' or 'spatial'"):
        explain("attention", tiny("deeplab"), x, "whole")


# Regions.


def test_regions_are_the_pixels_that_they_name() -> None:
    x = images(2)
    assert region_weights(x, "whole").sum() == 2 * SIZE**2
    for mask in (square(), np.stack([square(), square()])):
        np.testing.assert_array_equal(region_weights(x, mask), [square(), square()])


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (
            np.stack([np.ones((SIZE, SIZE)), np.zeros((SIZE, SIZE))]),
            "empty in image 1: leave these out, or explain",
        ),
        ("tumour", "'tumour', expected 'whole' or a mask"),
        (np.ones((3, 3)), r"expected \(2, 8, 8\) or \(8, 8\)"),
    ],
)
def test_a_region_that_cannot_be_explained_is_refused(region: Any, message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        region_weights(images(2), region)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("occlusion", {"size": 2, "stride": 3}, "expected 1 ≤ stride ≤ size ≤ 8"),
        ("RISE", {"masks": 1}, "expected 2 or more"),
        ("integrated gradients", {"steps": 0}, "expected 1 or more"),
        ("SmoothGrad", {"samples": 0}, "expected 1 or more"),
        ("Seg-XRes-CAM", {"layer": "features", "window": 3}, "expected one that divides"),
    ],
)
def test_options_that_make_no_sense_are_refused(method: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        explain(method, two_channels(), images(), "whole", **options)
