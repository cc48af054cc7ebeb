"""What is explained, the sum of a model's output over a region, and its gradient: here alone the backends differ."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.errors import known
from brainseg.models.predict import asked
from brainseg.saliency.region import Region, region_weights

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Target:
    """What is explained: a score of each image, the sum of a model's output over a region.

    Attributes:
        model: One of the book's models: its layer ``logits`` has the shape (batch, h, w, 1).
        images: What the model takes, (n, h, w, channels), 0 to 1.
        region: Over which pixels the sum is, see :data:`brainseg.saliency.region.Region`; or their weights, (n, h, w).
        batch_size: Images that are computed at once; more take more memory.
        output: ``"logits"``, or ``"probability"``.
    """

    model: "keras.Model"
    images: Array
    region: Region
    batch_size: int = 32
    output: str = "logits"

    @cached_property
    def weights(self) -> Array:
        """Weight of each pixel in the sum, (n, h, w)."""
        return region_weights(self.images, self.region)

    def mean_probability(self) -> "Target":
        """The same with the mean tumour probability of the region as score."""
        weights = self.weights / self.weights.sum(axis=(1, 2), keepdims=True)
        return replace(self, region=weights, output="probability")

    def score(self, images: Array | None = None, rows: Any = slice(None)) -> Array:
        """Score of each image, (n,).

        Args:
            images: Others than the target's own, for instance changed ones.
            rows: For each of them, the target's image whose region counts.
        """
        answer = self._answer()
        answers = ((_predicted(answer, x), weight) for x, weight in self._batches(images, rows))
        return np.concatenate([(outputs * weight).sum(axis=(1, 2, 3)) for outputs, weight in answers])

    def gradient(self, images: Array | None = None, rows: Any = slice(None)) -> Array:
        """Derivatives of each image's score with respect to its values, (n, h, w, channels), as :meth:`score`."""
        derive = _once(
            self.model, ("gradient", self.output), lambda: _derivative(_submodel(self.model, self.output), 0)
        )
        return np.concatenate([derive([x], weight) for x, weight in self._batches(images, rows)])

    def features(self, layer: str) -> tuple[Array, Array]:
        """Output of the layer of that name for each image, and the derivatives of its score with respect to it.

        The output may reach the answer on several ways, through skip connections too; all of them count. The layer may
        be that of the score itself, a weighted sum of it: the derivatives are the weights.
        """
        if layer == self.output:
            answer = self._answer()
            return np.concatenate([_predicted(answer, x) for x, _ in self._batches()]), self.weights[..., np.newaxis]
        before, derive = _once(self.model, (layer, self.output), lambda: _split(self.model, layer, self.output))
        features = [_predicted(before, x) for x, _ in self._batches()]
        batches = zip(features, self._batches(), strict=True)
        gradient = [derive([x, values], weight) for values, (x, weight) in batches]
        return np.concatenate(features), np.concatenate(gradient)

    def _answer(self) -> "keras.Model":
        return _once(self.model, self.output, lambda: _submodel(self.model, self.output))

    def _batches(self, images: Array | None = None, rows: Any = slice(None)) -> Iterator[tuple[Array, Array]]:
        images, weights = self.images if images is None else images, self.weights[rows][..., np.newaxis]
        for i in range(0, len(images), self.batch_size):
            yield images[i : i + self.batch_size], weights[i : i + self.batch_size]


def weights_not_finite(model: "keras.Model") -> list[str]:
    """Names of the weights of a model that are not finite, in the order of its layers."""
    finite = _once(model, "finite", lambda: _finite(model.weights))
    return [weights.path for weights, known in zip(model.weights, finite(), strict=True) if not known]


def layers(model: "keras.Model") -> list[str]:
    """Names of the layers before the logits that give maps, in the order of computation."""
    names = [layer.name for layer in model.layers[1:] if len(layer.output.shape) == 4 and layer.output.shape[1] > 1]
    return names[: names.index("logits")]


_MADE: WeakKeyDictionary[Any, dict[Hashable, Any]] = WeakKeyDictionary()


def _once(model: "keras.Model", key: Hashable, make: Callable[[], Any]) -> Any:
    """What is made of a model, made once, because tracing one takes seconds."""
    made = _MADE.setdefault(model, {})
    if key not in made:
        made[key] = make()
    return made[key]


def _submodel(model: "keras.Model", layer: str) -> "keras.Model":
    return keras.Model([model.input], model.get_layer(layer).output)


def _split(model: "keras.Model", layer: str, output: str) -> tuple["keras.Model", "Derivative"]:
    """The model up to a layer, and the derivative of its output with respect to that layer's."""
    before = _submodel(model, known(layer, layers(model), "layer"))
    after = keras.Model([model.input, before.output], model.get_layer(output).output)
    return before, _derivative(after, 1)


def _predicted(model: "keras.Model", images: Array) -> Array:
    return asked(lambda x: model.predict_on_batch([x]), images)


def _finite(weights: list[Any]) -> Callable[[], NDArray[np.bool_]]:
    """A function that says of each of the weights, as they are when it is called, whether all its values are finite."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Traced, because to fetch a hundred weights one by one takes a good part of the time of a small map.
        all_finite = tf.function(lambda: [tf.reduce_all(tf.math.is_finite(one.value)) for one in weights])
        return lambda: np.stack(all_finite())
    return lambda: np.stack([np.isfinite(keras.ops.convert_to_numpy(one)).all() for one in weights])


Derivative = Callable[[list[Array], Array], Array]


def _derivative(head: "keras.Model", wanted: int) -> Derivative:
    """A function of the inputs of `head` and a region: derivatives of the scores with respect to the input `wanted`."""
    backends = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return backends[keras.backend.backend()](head, wanted)


def _sum_over(outputs: Any, region: Any) -> Any:
    """Over all images at once: none has a part in the gradient of another."""
    return keras.ops.sum(outputs * region)


def _tensorflow(head: "keras.Model", wanted: int) -> Derivative:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def gradient(inputs: list[Any], region: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs[wanted])
            score = _sum_over(head(inputs, training=False), region)
        return tape.gradient(score, inputs[wanted])

    def found(*arrays: Array) -> Any:
        *inputs, region = map(tf.convert_to_tensor, arrays)
        return gradient(inputs, region)

    return lambda inputs, region: asked(found, *inputs, region)


def _jax(head: "keras.Model", wanted: int) -> Derivative:
    import jax

    def score(x: Any, others: list[Any], region: Any, variables: tuple[Any, Any]) -> Any:
        outputs, _ = head.stateless_call(*variables, [*others[:wanted], x, *others[wanted:]], training=False)
        return _sum_over(outputs, region)

    gradient = jax.jit(jax.grad(score))

    def derivative(inputs: list[Array], region: Array) -> Array:
        variables = tuple([v.value for v in kind] for kind in (head.trainable_variables, head.non_trainable_variables))
        others = [*inputs[:wanted], *inputs[wanted + 1 :]]
        return np.asarray(gradient(inputs[wanted], others, region, variables))

    return derivative


def _torch(head: "keras.Model", wanted: int) -> Derivative:
    import torch

    def derivative(inputs: list[Array], region: Array) -> Array:
        tensors = [keras.ops.convert_to_tensor(x) for x in inputs]
        tensors[wanted].requires_grad_()
        score = _sum_over(head(tensors, training=False), keras.ops.convert_to_tensor(region))
        (gradient,) = torch.autograd.grad(score, tensors[wanted])
        return np.asarray(keras.ops.convert_to_numpy(gradient))

    return derivative
