"""What is explained, the sum of a model's logits over a region, and its gradient: here alone the backends differ."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.errors import BrainsegError

Array = NDArray[np.float32]


class Gradient(NamedTuple):
    """Scores of images, features that they follow from, and how the scores change with them.

    Attributes:
        score: (n,).
        features: The output of a layer, or the images themselves: (n, h, w, channels).
        gradient: Derivatives of an image's score with respect to its features, of the same shape.
    """

    score: Array
    features: Array
    gradient: Array


class Score:
    """The sum of a model's output over a region of each image, and its gradient.

    Args:
        model: One of the book's models: its layer ``logits`` has the shape (batch, h, w, 1).
        layer: The gradient is with respect to the output of the layer of that name; None: with respect to the images. A
            layer's output may reach the logits on several ways, through skip connections too; all of them count.
        output: ``"logits"``, or ``"probability"``.

    Raises:
        BrainsegError: If there is no such layer, or its output is no map.
    """

    def __init__(self, model: "keras.Model", layer: str | None = None, output: str = "logits") -> None:
        explained = model.get_layer(output).output
        self._score = keras.Model([model.input], explained)
        if layer is None:
            self._features = None
            self._derive = _derivative(self._score, 0)
        else:
            features = model.get_layer(_known(layer, model)).output
            self._features = keras.Model([model.input], features)
            self._derive = _derivative(keras.Model([model.input, features], explained), 1)

    def value(self, images: Array, region: Array, batch_size: int = 32) -> Array:
        """Score of each image, (n,).

        Args:
            images: What the model takes, (n, h, w, channels).
            region: Weight of each pixel in the sum, (n, h, w).
            batch_size: Images that are computed at once; more take more memory.
        """
        scores = []
        for x, weight in _chunks(images, region, batch_size):
            outputs = keras.ops.convert_to_numpy(self._score.predict_on_batch([x]))
            scores.append((outputs * weight).sum(axis=(1, 2, 3)))
        return np.concatenate(scores)

    def gradient(self, images: Array, region: Array, batch_size: int = 32) -> Gradient:
        """Score of each image and its gradient; parameters as for :meth:`value`."""
        parts = []
        for x, weight in _chunks(images, region, batch_size):
            if self._features is None:
                features, inputs = x, [x]
            else:
                features = keras.ops.convert_to_numpy(self._features.predict_on_batch([x]))
                inputs = [x, features]
            score, derivative = self._derive(inputs, weight)
            parts.append((score, features, derivative))
        return Gradient(*(np.concatenate(column) for column in zip(*parts, strict=True)))


_SCORES: WeakKeyDictionary[Any, dict[tuple[str | None, str], Score]] = WeakKeyDictionary()


def score_of(model: "keras.Model", layer: str | None = None, output: str = "logits") -> Score:
    """The :class:`Score` of a model: made once, because tracing a model takes seconds."""
    known = _SCORES.setdefault(model, {})
    if (layer, output) not in known:
        known[layer, output] = Score(model, layer, output)
    return known[layer, output]


_FINITE: WeakKeyDictionary[Any, Callable[[], NDArray[np.bool_]]] = WeakKeyDictionary()


def weights_not_finite(model: "keras.Model") -> list[str]:
    """Names of the weights of a model that are not finite, in the order of its layers.

    >>> from brainseg.models import build
    >>> weights_not_finite(build("deeplab", size=32, width=4))
    []
    """
    if model not in _FINITE:
        _FINITE[model] = _finite(model.weights)
    return [weights.path for weights, finite in zip(model.weights, _FINITE[model](), strict=True) if not finite]


def layers(model: "keras.Model") -> list[str]:
    """Names of the layers before the logits that give maps, in the order of computation.

    >>> from brainseg.models import build
    >>> layers(build("deeplab", size=32, width=4))[-3:]
    ['decoder_1_conv_1', 'decoder_1_up', 'decoder_1_conv_2']
    """
    names = [layer.name for layer in model.layers[1:] if len(layer.output.shape) == 4 and layer.output.shape[1] > 1]
    return names[: names.index("logits")]


def _known(layer: str, model: "keras.Model") -> str:
    if layer not in (names := layers(model)):
        raise BrainsegError(f"received the layer {layer!r}, expected one of: {', '.join(names)}")
    return layer


def _chunks(images: Array, region: Array, batch_size: int) -> Iterator[tuple[Array, Array]]:
    for i in range(0, len(images), batch_size):
        yield images[i : i + batch_size], region[i : i + batch_size, ..., np.newaxis]


def _finite(weights: list[Any]) -> Callable[[], NDArray[np.bool_]]:
    """A function that says of each of the weights, as they are when it is called, whether all its values are finite."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Traced, because to fetch a hundred weights one by one takes a good part of the time of a small map.
        all_finite = tf.function(lambda: [tf.reduce_all(tf.math.is_finite(one.value)) for one in weights])
        return lambda: np.stack(all_finite())
    return lambda: np.stack([np.isfinite(keras.ops.convert_to_numpy(one)).all() for one in weights])


Derivative = Callable[[list[Array], Array], tuple[Array, Array]]


def _derivative(head: "keras.Model", wanted: int) -> Derivative:
    """A function of the inputs of `head` and a region: scores, and their derivatives by the input `wanted`."""
    backends = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return backends[keras.backend.backend()](head, wanted)


def _sum_over(outputs: Any, region: Any) -> Any:
    return keras.ops.sum(outputs * region, axis=(1, 2, 3))


def _tensorflow(head: "keras.Model", wanted: int) -> Derivative:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def both(inputs: list[Any], region: Any) -> tuple[Any, Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs[wanted])
            score = _sum_over(head(inputs, training=False), region)
        return score, tape.gradient(score, inputs[wanted])

    def derivative(inputs: list[Array], region: Array) -> tuple[Array, Array]:
        score, gradient = both([tf.convert_to_tensor(x) for x in inputs], tf.convert_to_tensor(region))
        return score.numpy(), gradient.numpy()

    return derivative


def _jax(head: "keras.Model", wanted: int) -> Derivative:
    import jax

    def total(x: Any, others: list[Any], region: Any, variables: tuple[Any, Any]) -> tuple[Any, Any]:
        outputs, _ = head.stateless_call(*variables, [*others[:wanted], x, *others[wanted:]], training=False)
        score = _sum_over(outputs, region)
        return score.sum(), score

    both = jax.jit(jax.grad(total, has_aux=True))

    def derivative(inputs: list[Array], region: Array) -> tuple[Array, Array]:
        variables = tuple([v.value for v in kind] for kind in (head.trainable_variables, head.non_trainable_variables))
        others = [*inputs[:wanted], *inputs[wanted + 1 :]]
        gradient, score = both(inputs[wanted], others, region, variables)
        return np.asarray(score), np.asarray(gradient)

    return derivative


def _torch(head: "keras.Model", wanted: int) -> Derivative:
    import torch

    def derivative(inputs: list[Array], region: Array) -> tuple[Array, Array]:
        tensors = [keras.ops.convert_to_tensor(x) for x in inputs]
        tensors[wanted].requires_grad_()
        score = _sum_over(head(tensors, training=False), keras.ops.convert_to_tensor(region))
        (gradient,) = torch.autograd.grad(score.sum(), tensors[wanted])
        return keras.ops.convert_to_numpy(score), keras.ops.convert_to_numpy(gradient)

    return derivative
