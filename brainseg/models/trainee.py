"""A network while it is trained: the same weights, exact and faster arithmetic, and logits as its answer."""

from typing import Any

from brainseg.backend import keras
from brainseg.models.exact import exact
from brainseg.models.guidance import energy_outside

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""What a network may compute in while it is trained, with Keras's name of it."""


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
    >>> difference = keras.ops.sigmoid(trainee(model)(image)) - model(image)
    >>> float(keras.ops.max(keras.ops.abs(difference))) < 1e-6
    True
    """
    copy = exact(model, PRECISIONS[precision], twice=guidance > 0)
    return Trainee(copy.input, copy.get_layer("logits").output, model.name, guidance)
