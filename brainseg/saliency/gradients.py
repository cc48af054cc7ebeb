"""Maps from gradients with respect to the image.

The book's images are grey; their channels are three equal copies. The derivative with respect to a grey value is the
sum of those with respect to its copies, so that is what is shown.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.saliency.target import Array, Target


def input_gradient(target: Target) -> Array:
    """How strongly the score reacts to each pixel: the magnitude of its derivative by the grey value; 0 or more.

    In logits per unit of grey, of which black to white is one. Simonyan, Vedaldi and Zisserman 2014, "Deep inside
    convolutional networks", section 3.

    >>> from brainseg.models import build
    >>> model, images = build("deeplab", size=16, width=2), np.zeros((2, 16, 16, 3), np.float32)
    >>> input_gradient(Target(model, images, "whole")).shape
    (2, 16, 16)
    """
    return np.asarray(np.abs(target.gradient().sum(axis=-1)))


def gradient_times_input(target: Target) -> Array:
    """The derivative times the grey value: what the score would lose, to first order, if a pixel went black.

    Positive where brightness speaks for tumour, negative where it speaks against. In logits. Shrikumar et al. 2016,
    "Not just a black box", section 3.2.
    """
    return np.asarray(np.sum(target.gradient() * target.images, axis=-1))


def smooth_gradient(target: Target, *, samples: int = 16, noise: float = 0.1, seed: int = 0) -> Array:
    """Magnitude of the mean gradient of noisy copies of the image; 0 or more, in units of :func:`input_gradient`.

    Smilkov et al. 2017, "SmoothGrad", equation 1. The region is that of the image without noise.

    Args:
        samples: Noisy copies of each image.
        noise: Standard deviation of the noise, as a share of the range of grey values from black to white.
        seed: Of the noise.
    """
    return np.abs(_noisy_gradients(target, samples, noise, seed)[0])


def gradient_variance(target: Target, *, samples: int = 16, noise: float = 0.1, seed: int = 0) -> Array:
    """Variance of the gradients of noisy copies of the image, 0 or more: where the gradient is unsteady.

    Adebayo et al. 2018, "Local explanation methods for deep neural networks lack sensitivity to parameter values",
    VarGrad. Copies as in :func:`smooth_gradient`; the variance is that of the samples (divided by their number).
    """
    return _noisy_gradients(target, samples, noise, seed)[1]


def integrated_gradients(target: Target, *, steps: int = 32, baseline: float = 0.0) -> Array:
    """How much each pixel contributes to the score's difference from that of an even image; in logits, signed.

    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", equation 1, by Gauss-Legendre
    quadrature. With more steps the sum of a map comes closer to that difference (completeness).

    Args:
        steps: Places between the even image and the image.
        baseline: Grey value of the even image.
    """
    _expect_positive("steps", steps)
    images = target.images
    nodes, shares = np.polynomial.legendre.leggauss(steps)
    places = ((nodes + 1) / 2).astype(np.float32)
    gradient = np.zeros(images.shape, np.float64)
    for row, step in _pairs(target, steps):
        between = np.asarray(baseline + places[step, None, None, None] * (images[row] - baseline), np.float32)
        _accumulate(gradient, row, target.gradient(between, row) * shares[step, None, None, None] / 2)
    return np.asarray((gradient * (images - baseline)).sum(axis=-1), np.float32)


def guided_backpropagation(target: Target) -> Array:
    """Magnitude of a gradient of which every ReLU passes back only what is positive; 0 or more.

    Springenberg et al. 2015, "Striving for simplicity", figure 1. It draws the edges of the image and depends little on
    what the model has learnt (Adebayo et al. 2018): it is here to show that.
    """
    return input_gradient(replace(target, model=_guided(target.model), region=target.weights))


def _noisy_gradients(target: Target, samples: int, noise: float, seed: int) -> tuple[Array, Array]:
    """Mean and variance over the samples, (n, h, w) each."""
    _expect_positive("samples", samples)
    images, random = target.images, np.random.default_rng(seed)
    total, squares = np.zeros((2, *images.shape[:3]), np.float64)
    for row, _ in _pairs(target, samples):
        grey = random.normal(0, noise, (len(row), *images.shape[1:3], 1)).astype(np.float32)
        gradient = target.gradient(images[row] + grey, row).sum(axis=-1)
        _accumulate(total, row, gradient)
        _accumulate(squares, row, gradient.astype(np.float64) ** 2)
    mean = total / samples
    variance = np.maximum(squares / samples - mean**2, 0)
    return mean.astype(np.float32), variance.astype(np.float32)


def _pairs(target: Target, repeats: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Every image with every repeat, in batches: rows of images, numbers of repeats."""
    rows, numbers = np.divmod(np.arange(len(target.images) * repeats), repeats)
    for i in range(0, len(rows), target.batch_size):
        yield rows[i : i + target.batch_size], numbers[i : i + target.batch_size]


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
