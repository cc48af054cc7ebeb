"""Losses for binary segmentation: what a model minimises, given masks (b, h, w, 1) and probabilities of that shape."""

from collections.abc import Callable, Mapping
from typing import Any

from brainseg.backend import keras
from brainseg.errors import known

SMOOTHING = 1.0
"""Pixels added to numerator and denominator of the overlap: so an image without tumour has a loss too, which grows with
every false positive, and a gradient."""


def soft_dice(truth: Any, probability: Any) -> Any:
    """One minus the Dice coefficient, 2·TP / (2·TP + FP + FN), of the soft counts of each image, (b,); 0 to 1.

    Milletari, Navab and Ahmadi 2016, "V-Net", section 3, with plain sums in place of squares in the denominator. Each
    image counts by itself: over a batch at once, a large tumour would outweigh a small one.

    >>> import numpy as np
    >>> empty = np.zeros((1, 4, 4, 1))
    >>> [round(float(soft_dice(empty, empty + probability)[0]), 2) for probability in (0, 0.1, 0.5)]
    [0.0, 0.44, 0.8]
    """
    ops, axes = keras.ops, (1, 2, 3)
    truth, probability = ops.cast(truth, "float32"), ops.cast(probability, "float32")
    found = ops.sum(truth * probability, axis=axes)
    false_positive = ops.sum((1 - truth) * probability, axis=axes)
    false_negative = ops.sum(truth * (1 - probability), axis=axes)
    errors = 0.5 * false_positive + 0.5 * false_negative
    return errors / (found + errors + SMOOTHING)


@keras.saving.register_keras_serializable("brainseg")
class CrossEntropyDice(keras.losses.Loss):  # type: ignore[misc]
    """Binary cross-entropy plus :func:`soft_dice`: the first judges each pixel, the second the overlap.

    Isensee et al. 2021, "nnU-Net", online methods.

    >>> import numpy as np
    >>> truth = np.ones((1, 2, 2, 1))
    >>> float(CrossEntropyDice()(truth, truth)) < 1e-6
    True
    """

    def __init__(self, name: str = "bce_dice") -> None:
        super().__init__(name=name)
        self.cross_entropy = keras.losses.BinaryCrossentropy()

    def call(self, truth: Any, probability: Any) -> Any:
        """Loss of each image, (b,)."""
        return self.cross_entropy(truth, probability) + soft_dice(truth, probability)

    def get_config(self) -> dict[str, Any]:
        """What the loss is made from."""
        return {"name": self.name}


LOSSES: Mapping[str, Callable[[], keras.losses.Loss]] = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "bce_dice": CrossEntropyDice,
}
"""The losses by name."""


def loss(name: str) -> keras.losses.Loss:
    """The loss of that name."""
    return LOSSES[known(name, LOSSES, "loss")]()
