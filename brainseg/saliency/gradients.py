"""Maps from gradients with respect to the image.

The book's images are grey; their channels are three equal copies. The derivative with respect to a grey value is the
sum of those with respect to its copies, so that is what is shown.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.saliency.region import Region, region_weights
from brainseg.saliency.target import Array, score_of


def input_gradient(model: "keras.Model", images: Array, region: Region = "predicted", batch_size: int = 32) -> Array:
    """How strongly the score reacts to each pixel: the magnitude of its derivative by the grey value; 0 or more.

    Simonyan, Vedaldi and Zisserman 2014, "Deep inside convolutional networks", section 3.

    Args:
        model: One of the book's models.
        images: What the model takes, (n, h, w, channels), 0 to 1.
        region: The score is the sum of the logits over this, see :data:`brainseg.saliency.region.Region`.
        batch_size: Images that are computed at once; more take more memory.

    Returns:
        (n, h, w), in logits per unit of grey, of which black to white is one.

    >>> from brainseg.models import build
    >>> input_gradient(build("unet", size=16, width=2), np.zeros((2, 16, 16, 3), np.float32), "whole").shape
    (2, 16, 16)
    """
    weights = region_weights(model, images, region, batch_size)
    return _magnitude(_grey_gradient(model, images, weights, batch_size))


def gradient_times_input(
    model: "keras.Model", images: Array, region: Region = "predicted", batch_size: int = 32
) -> Array:
    """The derivative times the grey value: what the score would lose, to first order, if a pixel went black.

    Positive where brightness speaks for tumour, negative where it speaks against. In logits; parameters and errors as
    :func:`input_gradient`. Shrikumar et al. 2016, "Not just a black box", section 3.2.
    """
    weights = region_weights(model, images, region, batch_size)
    gradient = score_of(model).gradient(images, weights, batch_size).gradient
    return np.asarray(np.sum(gradient * images, axis=-1))


def smooth_gradient(
    model: "keras.Model",
    images: Array,
    region: Region = "predicted",
    batch_size: int = 32,
    *,
    samples: int = 16,
    noise: float = 0.1,
    seed: int = 0,
) -> Array:
    """Magnitude of the mean gradient of noisy copies of the image; 0 or more, in units of :func:`input_gradient`.

    Smilkov et al. 2017, "SmoothGrad", equation 1. The region is that of the image without noise.

    Args:
        model, images, region, batch_size: As :func:`input_gradient`.
        samples: Noisy copies of each image.
        noise: Standard deviation of the noise, as a share of the range of grey values from black to white.
        seed: Of the noise.
    """
    return _magnitude(_noisy_gradients(model, images, region, batch_size, samples, noise, seed)[0])


def gradient_variance(
    model: "keras.Model",
    images: Array,
    region: Region = "predicted",
    batch_size: int = 32,
    *,
    samples: int = 16,
    noise: float = 0.1,
    seed: int = 0,
) -> Array:
    """Variance of the gradients of noisy copies of the image, 0 or more: where the gradient is unsteady.

    Adebayo et al. 2018, "Local explanation methods for deep neural networks lack sensitivity to parameter values",
    VarGrad. Parameters as :func:`smooth_gradient`; the variance is that of the samples (divided by their number).
    """
    return _noisy_gradients(model, images, region, batch_size, samples, noise, seed)[1]


def integrated_gradients(
    model: "keras.Model",
    images: Array,
    region: Region = "predicted",
    batch_size: int = 32,
    *,
    steps: int = 32,
    baseline: float = 0.0,
) -> Array:
    """How much each pixel contributes to the score's difference from that of an even image; in logits, signed.

    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", equation 1, by Gauss-Legendre
    quadrature. :func:`integrated_gradients_with_delta` says how exact that was.

    Args:
        model, images, region, batch_size: As :func:`input_gradient`.
        steps: Places between the even image and the image.
        baseline: Grey value of the even image.
    """
    return integrated_gradients_with_delta(model, images, region, batch_size, steps=steps, baseline=baseline)[0]


def integrated_gradients_with_delta(
    model: "keras.Model",
    images: Array,
    region: Region = "predicted",
    batch_size: int = 32,
    *,
    steps: int = 32,
    baseline: float = 0.0,
) -> tuple[Array, Array]:
    """:func:`integrated_gradients`, and by how much each map misses completeness, (n,).

    Complete is a map whose sum is the score of the image minus the score of the even image; the delta is the sum minus
    that difference, in logits. With more steps it goes to zero.
    """
    _expect_positive("steps", steps)
    weights = region_weights(model, images, region, batch_size)
    score = score_of(model)
    nodes, shares = np.polynomial.legendre.leggauss(steps)
    places = ((nodes + 1) / 2).astype(np.float32)
    gradient = np.zeros(images.shape, np.float64)
    for row, step in _pairs(len(images), steps, batch_size):
        between = np.asarray(baseline + places[step, None, None, None] * (images[row] - baseline), np.float32)
        at_places = score.gradient(between, weights[row], batch_size).gradient
        _accumulate(gradient, row, at_places * shares[step, None, None, None] / 2)
    maps = (gradient * (images - baseline)).sum(axis=-1)
    ends = [score.value(x, weights, batch_size) for x in (images, np.full_like(images, baseline))]
    delta = maps.sum(axis=(1, 2)) - (ends[0].astype(np.float64) - ends[1])
    return maps.astype(np.float32), delta.astype(np.float32)


def guided_backpropagation(
    model: "keras.Model", images: Array, region: Region = "predicted", batch_size: int = 32
) -> Array:
    """Magnitude of a gradient of which every ReLU passes back only what is positive; 0 or more.

    Springenberg et al. 2015, "Striving for simplicity", figure 1. It draws the edges of the image and depends little on
    what the model has learnt (Adebayo et al. 2018): it is here to show that. Parameters and errors as
    :func:`input_gradient`.
    """
    weights = region_weights(model, images, region, batch_size)
    return _magnitude(_grey_gradient(_guided(model), images, weights, batch_size))


def _grey_gradient(model: "keras.Model", images: Array, weights: Array, batch_size: int) -> Array:
    gradient = score_of(model).gradient(images, weights, batch_size).gradient
    return np.asarray(np.sum(gradient, axis=-1))


def _magnitude(maps: Array) -> Array:
    return np.asarray(np.abs(maps))


def _noisy_gradients(
    model: "keras.Model", images: Array, region: Region, batch_size: int, samples: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Mean and variance over the samples, (n, h, w) each."""
    _expect_positive("samples", samples)
    weights = region_weights(model, images, region, batch_size)
    random = np.random.default_rng(seed)
    total, squares = np.zeros((2, *images.shape[:3]), np.float64)
    for row, _ in _pairs(len(images), samples, batch_size):
        grey = random.normal(0, noise, (len(row), *images.shape[1:3], 1)).astype(np.float32)
        gradient = _grey_gradient(model, images[row] + grey, weights[row], batch_size)
        _accumulate(total, row, gradient)
        _accumulate(squares, row, gradient.astype(np.float64) ** 2)
    mean = total / samples
    variance = np.maximum(squares / samples - mean**2, 0)
    return mean.astype(np.float32), variance.astype(np.float32)


def _pairs(images: int, repeats: int, batch_size: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Every image with every repeat, in batches: rows of images, numbers of repeats."""
    rows, numbers = np.divmod(np.arange(images * repeats), repeats)
    for i in range(0, len(rows), batch_size):
        yield rows[i : i + batch_size], numbers[i : i + batch_size]


def _accumulate(total: NDArray[np.float64], rows: NDArray[np.intp], values: NDArray[Any]) -> None:
    """Add to the total of each row the values that belong to it."""
    for row in np.unique(rows):
        total[row] += values[rows == row].sum(axis=0)


def _expect_positive(name: str, number: int) -> None:
    if number < 1:
        raise BrainsegError(f"received {name}={number}, expected 1 or more")


def _guided(model: "keras.Model") -> "keras.Model":
    """The same model with guided ReLUs; its weights are those that the model has now."""

    @keras.ops.custom_gradient
    def guided_relu(x):  # type: ignore[no-untyped-def]
        def backward(*args, upstream=None):  # type: ignore[no-untyped-def]
            (upstream,) = args if upstream is None else (upstream,)
            return keras.ops.where(keras.ops.logical_and(x > 0, upstream > 0), upstream, 0.0)

        return keras.ops.relu(x), backward

    def guide(layer: "keras.Layer") -> "keras.Layer":
        copy = layer.__class__.from_config(layer.get_config())
        if isinstance(layer, keras.layers.ReLU):
            return keras.layers.Activation(guided_relu, name=layer.name)
        if getattr(layer, "activation", None) is keras.activations.relu:
            copy.activation = guided_relu
        return copy

    guided = keras.models.clone_model(model, clone_function=guide)
    guided.set_weights(model.get_weights())
    return guided
