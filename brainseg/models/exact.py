"""A network in an arithmetic that gives the same bytes on every x86-64 processor with AVX2.

With TensorFlow, Keras normalises by an approximate reciprocal of a square root, whose last digits differ between makers
of processors. Everything else that the networks of this book need is exact, or is computed in the same order everywhere
(:mod:`brainseg.backend` sees to that).
"""

from typing import Any

from brainseg.backend import keras, onednn


def exact(model: "keras.Model", dtype: str = "float32", twice: bool = False) -> "keras.Model":
    """A copy of a network with weights of its own, equal and in the same order, and exact batch normalisation.

    Args:
        model: One of the book's models, not compiled.
        dtype: Keras's name of what all layers before the logits compute in; weights stay float32.
        twice: Whether it can be differentiated twice in training, which takes longer.

    >>> import numpy as np
    >>> from brainseg.models import build
    >>> model, image = build("unet", size=16, width=2, normalisation="batch"), np.ones((1, 16, 16, 3), np.float32)
    >>> bool(keras.ops.max(keras.ops.abs(exact(model)(image) - model(image))) < 1e-6)
    True
    """

    def layer(of: Any) -> Any:
        if not isinstance(of, keras.layers.Layer):
            return of  # an operation, which has no state
        config = of.get_config()
        if of.name not in ("logits", "probability"):
            config["dtype"] = dtype
        if isinstance(of, keras.layers.BatchNormalization):
            return ExactBatchNormalization(**config, twice=twice)
        if isinstance(of, keras.layers.Conv2D) and max(of.dilation_rate) > 1:
            return DilatedConvolution.from_config(config)
        return type(of).from_config(config)

    copy = keras.models.clone_model(model, clone_function=layer)
    copy.set_weights(model.get_weights())
    return copy


class DilatedConvolution(keras.layers.Conv2D):  # type: ignore[misc]
    """Keras's, as one operation: left to itself, TensorFlow pads an image, takes it apart and needs twice as long."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve."""
        if not onednn():
            return super().convolution_op(inputs, kernel)
        import tensorflow as tf

        return tf.nn.conv2d(inputs, kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate)


class ExactBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's batch normalisation of the last axis, without approximations where TensorFlow computes.

    Args:
        twice: Whether it can be differentiated twice in training; else it is one operation, which is faster.
        **fields: Those of Keras's layer.
    """

    def __init__(self, twice: bool = False, **fields: Any) -> None:
        super().__init__(**fields)
        self.twice = twice

    def get_config(self) -> dict[str, Any]:
        """What the layer is made from."""
        return {**super().get_config(), "twice": self.twice}

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the statistics of the batch in training, else by the moving ones."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        if not training or not self.trainable:
            return self._normalised(inputs, self.moving_mean.value, self.moving_variance.value)
        if self.twice:
            output, mean, variance = self._by_steps(inputs)
        else:
            output, mean, variance = self._at_once(inputs)
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + new * (1 - self.momentum))
        return output

    def _normalised(self, inputs: Any, mean: Any, variance: Any) -> Any:
        import tensorflow as tf

        # The maximum changes nothing; without it TensorFlow makes an approximate reciprocal of the two operations.
        scale = self.gamma.value / tf.maximum(tf.sqrt(variance + self.epsilon), 0)
        offset = self.beta.value - mean * scale
        return inputs * tf.cast(scale, inputs.dtype) + tf.cast(offset, inputs.dtype)

    def _by_steps(self, inputs: Any) -> tuple[Any, Any, Any]:
        import tensorflow as tf

        axes = list(range(inputs.shape.rank - 1))
        values = tf.cast(inputs, tf.float32)
        mean = tf.reduce_mean(values, axes)
        variance = tf.reduce_mean(tf.square(values - mean), axes)
        return self._normalised(inputs, mean, variance), mean, variance

    def _at_once(self, inputs: Any) -> tuple[Any, Any, Any]:
        import tensorflow as tf

        empty = tf.constant([], tf.float32)
        output, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=empty,
            variance=empty,
            epsilon=self.epsilon,
        )
        size = tf.cast(tf.size(inputs) / tf.size(mean), tf.float32)
        return output, mean, variance * ((size - 1) / size)  # the operation divides by one less than the size
