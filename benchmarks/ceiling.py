"""How much of the machine is used: a step of training beside matrix products of as many multiplications.

The products are of float32 matrices, large enough that no library is faster per multiplication. A ratio is the share of
their speed that the training reaches: 1 would be a training that does nothing but multiply.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import UNCAPPED, Race, Side, Work
from benchmarks.training import SCALES, TITLES

SIDE = 1024
"""Rows and columns of the matrices."""

PASSES = 3
"""Forward, and backward to the features and to the weights: each needs the same multiplications."""


def races() -> list[Race]:
    """The two networks that differ most, at both sizes."""
    return [race(model, scale) for model in ("unet", "deeplab") for scale in SCALES]


def race(model: str, scale: str) -> Race:
    """One network at one size."""
    options: dict[str, Any] = {"model": model, **SCALES[scale]}
    products = {"count": max(1, round(multiplications(**options) / SIDE**3))}
    peers = (
        Side("NumPy’s product", "ceiling:numpy_products", products),
        Side("TensorFlow’s product", "ceiling:tensorflow_products", products, variables=UNCAPPED),
        Side("PyTorch’s product", "ceiling:pytorch_products", products, "torch"),
    )
    ours = Side("brainseg", "training:our_steps", options)
    return Race("ceiling", f"{TITLES[model]}, {scale}", ours, peers, tolerance=None, rounds=5)


def multiplications(model: str, size: int, width: int, batch_size: int) -> int:
    """Of a step of training: those of the convolutions in :data:`PASSES`, for all images of a batch."""
    from benchmarks.networks import multiply_adds
    from brainseg.models import build

    return PASSES * batch_size * multiply_adds(build(model, size=size, width=width, normalisation="batch"))


def matrix() -> NDArray[np.float32]:
    """A random square matrix."""
    return np.random.default_rng(0).random((SIDE, SIDE), np.float32)


def numpy_products(count: int) -> Work:
    """By the BLAS that NumPy comes with."""
    values = matrix()
    return lambda: [values @ values for _ in range(count)][-1][0, 0]


def tensorflow_products(count: int) -> Work:
    """By TensorFlow."""
    import tensorflow as tf

    values = tf.constant(matrix())
    return lambda: [tf.linalg.matmul(values, values) for _ in range(count)][-1][0, 0].numpy()


def pytorch_products(count: int) -> Work:
    """By PyTorch."""
    import torch

    torch.set_num_threads(1)
    values = torch.from_numpy(matrix())
    return lambda: [values @ values for _ in range(count)][-1][0, 0].item()
