"""A network while it is trained: the same weights in a faster arithmetic, which is the same on every x86-64 processor.

Keras computes batch normalisation from ten operations, one of them an approximate reciprocal whose last digits differ
between makers of processors. A trainee has TensorFlow's fused operation in its place, ends at the logits, and may
compute in half precision. The network that is kept has neither, and opens with Keras alone.
"""

from typing import Any

from brainseg.backend import keras
from brainseg.models.guidance import energy_outside

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""What a network may compute in while it is trained; weights, logits and losses are float32 in any case."""


class Trainee(keras.Model):  # type: ignore[misc]
    """A network that answers with logits, is judged by its probabilities, and may be guided in training.

    The guidance term of its loss is the weight times the mean over the images of a batch of their
    :func:`brainseg.models.guidance.energy_outside` in training. Of a network with batch normalisation that is not the
    one that predicts, and guidance of the latter alone spoils its answers: the rest of the loss does not see them. The
    loss of a validation does not have the term.

    Args:
        image, logits: Of the graph.
        name: Of the network.
        guidance: Weight of the guidance term.
    """

    def __init__(self, image: Any, logits: Any, name: str, guidance: float) -> None:
        super().__init__(image, logits, name=name)
        self.guidance = guidance

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss that the network was compiled with, and in training the guidance term."""
        plain = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training or not self.guidance:
            return plain
        return plain + self.guidance * keras.ops.mean(energy_outside(self, x, y, training=True))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The metrics that the network was compiled with, of its probabilities."""
        return super().compute_metrics(x, y, keras.ops.sigmoid(y_pred), sample_weight)


def trainee(model: "keras.Model", precision: str = "float32", guidance: float = 0.0) -> Trainee:
    """The network to train in place of a model: with weights of its own, which are equal and in the same order.

    Args:
        model: One of the book's models, not compiled.
        precision: ``"float32"``, or ``"bfloat16"`` for all layers before the logits.
        guidance: Weight of the guidance term in the loss.

    >>> import numpy as np
    >>> from brainseg.models import build
    >>> model, image = build("deeplab", size=16, width=2), np.zeros((1, 16, 16, 3), np.float32)
    >>> float(abs(keras.ops.sigmoid(trainee(model)(image)) - model(image)).max()) < 1e-6
    True
    """

    def layer(of: Any) -> Any:
        if not isinstance(of, keras.layers.Layer):
            return of  # an operation, which has no state
        config = of.get_config()
        if of.name != "logits":
            config["dtype"] = PRECISIONS[precision]
        if isinstance(of, keras.layers.BatchNormalization) and not guidance:
            return FusedBatchNormalization.from_config(config)
        return type(of).from_config(config)

    twin = keras.models.clone_model(model, clone_function=layer)
    made = Trainee(twin.input, twin.get_layer("logits").output, model.name, guidance)
    made.set_weights(model.get_weights())
    return made


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's batch normalisation of the last axis; with TensorFlow in one operation, in which nothing is approximate.

    It cannot be differentiated twice.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the statistics of the batch in training, else by the moving ones."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        training = bool(training and self.trainable)
        empty = tf.constant([], tf.float32)
        moving = (self.moving_mean.value, self.moving_variance.value)
        mean, variance = (empty, empty) if training else moving
        output, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            size = tf.cast(tf.size(inputs) / tf.size(mean), tf.float32)
            variance = variance * ((size - 1) / size)  # the operation divides by one less than the size
            for old, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                old.assign(old.value * self.momentum + new * (1 - self.momentum))
        return output
