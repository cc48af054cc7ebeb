"""Guidance: training that penalises a network for answering inside a tumour's border with what it sees outside it.

The term is after Ross, Hughes and Doshi-Velez 2017, "Right for the right reasons", equation 1. They add the squared
gradients at the pixels that should not matter, so a network can lower their term by making all of its gradients small.
Here it is the share of the squared gradients that falls on those pixels, which has no unit and does not change when all
gradients shrink alike. And they differentiate the sum of the logarithms of all class probabilities; here it is the sum
of the logits in the tumour, which is what the saliency maps of this package explain.
"""

from collections.abc import Callable, Mapping
from typing import Any

from brainseg.backend import keras

SMALLEST = 1e-12
"""Added to the energy of an image, in squared logits per unit of grey, so that an energy of zero divides too."""


def energy_outside(model: "keras.Model", images: Any, masks: Any, training: bool = False) -> Any:
    """Share of the gradient's energy that lies outside the mask, for each image; 0 to 1.

    The gradient is that of the sum of the logits over the mask with respect to the grey values, its energy the sum of
    its squares over the pixels. A mean over 3 × 3 pixels sees the pixels around a mask of one pixel as much as that
    one: eight ninths are outside.

    Args:
        model: One of the book's models: its layer ``logits`` has the shape (n, h, w, 1).
        images: What the model takes, (n, h, w, channels), 0 to 1. Its channels are copies of the grey value.
        masks: (n, h, w, 1), 0 or 1.
        training: Compute as in training, with dropout and the statistics of the batch, which depend on the weights;
            else as in a prediction, where the statistics are constants.

    Returns:
        tensor of float32: (n,), of the backend, and differentiable with respect to the weights of the model. An image
            with an empty mask, or with a gradient of zero, has 0.

    >>> import numpy as np
    >>> image = keras.Input((5, 5, 1))
    >>> mean = keras.layers.Conv2D(1, 3, padding="same", kernel_initializer="ones", name="logits")
    >>> masks = np.zeros((1, 5, 5, 1), np.float32)
    >>> masks[0, 2, 2] = 1
    >>> share = energy_outside(keras.Model(image, mean(image)), np.zeros_like(masks), masks)
    >>> round(float(share[0]), 4), round(8 / 9, 4)
    (0.8889, 0.8889)
    """
    ops = keras.ops
    images, masks = (ops.convert_to_tensor(array, "float32") for array in (images, masks))
    head = keras.Model(model.input, model.get_layer("logits").output)
    gradient = _GRADIENTS[keras.backend.backend()](head, images, masks, training)
    energy = ops.square(ops.sum(gradient, axis=-1, keepdims=True))
    outside, everywhere = ops.sum((1 - masks) * energy, axis=(1, 2, 3)), ops.sum(energy, axis=(1, 2, 3))
    return outside / (everywhere + SMALLEST)


def _sum_over(logits: Any, masks: Any) -> Any:
    """Over all images at once: none has a part in the gradient of another."""
    return keras.ops.sum(logits * masks)


def _tensorflow(head: "keras.Model", images: Any, masks: Any, training: bool) -> Any:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        score = _sum_over(head(images, training=training), masks)
    return tape.gradient(score, images)


def _jax(head: "keras.Model", images: Any, masks: Any, training: bool) -> Any:
    import jax

    variables = [[v.value for v in kind] for kind in (head.trainable_variables, head.non_trainable_variables)]

    def score(x: Any) -> Any:
        logits, _ = head.stateless_call(*variables, x, training=training)
        return _sum_over(logits, masks)

    return jax.grad(score)(images)


def _torch(head: "keras.Model", images: Any, masks: Any, training: bool) -> Any:
    import torch

    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        x = images.detach().requires_grad_()
        score = _sum_over(head(x, training=training), masks)
        (gradient,) = torch.autograd.grad(score, x, create_graph=differentiable)
    return gradient


_GRADIENTS: Mapping[str, Callable[["keras.Model", Any, Any, bool], Any]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
}
