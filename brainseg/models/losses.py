"""Losses for binary segmentation: what a model minimises, given masks (b, h, w, 1) and probabilities of that shape.

Overlap losses are computed ``per="image"``, each image by itself and then averaged, or ``per="batch"``, over all pixels
of the batch at once. The two differ: in a batch, a large tumour outweighs a small one. Both sums of a ratio are raised
by :data:`SMOOTHING`, so that an image without tumour has a loss too, which grows with every false positive.
"""

from collections.abc import Callable, Mapping
from typing import Any

from brainseg.backend import keras
from brainseg.errors import BrainsegError

SMOOTHING = 1.0
"""Pixels added to numerator and denominator of an overlap: without them, an empty mask would give no gradient."""

AXES = {"image": (1, 2, 3), "batch": (0, 1, 2, 3)}


@keras.saving.register_keras_serializable("brainseg")
class Tversky(keras.losses.Loss):  # type: ignore[misc]
    """One minus the Tversky index, TP / (TP + alpha·FP + beta·FN), of soft counts; 0 to 1.

    Salehi, Erdogmus and Gholipour 2017, "Tversky loss function for image segmentation", equation 3. With alpha and beta
    one half it is the soft Dice loss. `keras.losses.Tversky` has alpha and beta swapped in all releases up to 3.15.1.

    Args:
        alpha: Weight of false positives.
        beta: Weight of false negatives.
        per: ``"image"`` or ``"batch"``.

    Raises:
        BrainsegError: If a weight is negative, or `per` unknown.

    >>> import numpy as np
    >>> truth = np.array([[[[1.0], [1.0], [0.0], [0.0]]]])
    >>> too_much = np.array([[[[1.0], [1.0], [1.0], [1.0]]]])
    >>> [round(float(Tversky(alpha, 1 - alpha)(truth, too_much)), 3) for alpha in (0.0, 0.5, 1.0)]
    [0.0, 0.25, 0.4]
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7, per: str = "image", name: str = "tversky") -> None:
        if alpha < 0 or beta < 0:
            raise BrainsegError(f"received the weights {alpha} and {beta}, expected two that are not negative")
        if per not in AXES:
            raise BrainsegError(f"received per={per!r}, expected one of: {', '.join(AXES)}")
        super().__init__(name=name)
        self.alpha, self.beta, self.per = alpha, beta, per

    def call(self, truth: Any, probability: Any) -> Any:
        """Loss of each image, (b,), or of the batch, ()."""
        ops, axes = keras.ops, AXES[self.per]
        truth, probability = ops.cast(truth, "float32"), ops.cast(probability, "float32")
        found = ops.sum(truth * probability, axis=axes)
        false_positive = ops.sum((1 - truth) * probability, axis=axes)
        false_negative = ops.sum(truth * (1 - probability), axis=axes)
        errors = self.alpha * false_positive + self.beta * false_negative
        return errors / (found + errors + SMOOTHING)

    def get_config(self) -> dict[str, Any]:
        """What the loss is made from."""
        return {"name": self.name, "alpha": self.alpha, "beta": self.beta, "per": self.per}


@keras.saving.register_keras_serializable("brainseg")
class FocalTversky(Tversky):
    """The Tversky loss to the power of 1 / gamma: above 1, gamma makes images that are nearly right weigh more.

    Abraham and Khan 2019, "A novel focal Tversky loss function", equation 4, where gamma is between 1 and 3.

    >>> import numpy as np
    >>> truth, nothing = np.ones((1, 2, 2, 1)), np.zeros((1, 2, 2, 1))
    >>> float(FocalTversky(0.5, 0.5, gamma=2.0)(truth, nothing)) ** 2, float(Tversky(0.5, 0.5)(truth, nothing))
    (0.666..., 0.666...)
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 4 / 3,
        per: str = "image",
        name: str = "focal_tversky",
    ) -> None:
        if gamma <= 0:
            raise BrainsegError(f"received gamma={gamma}, expected a positive number")
        super().__init__(alpha, beta, per, name)
        self.gamma = gamma

    def call(self, truth: Any, probability: Any) -> Any:
        """Loss of each image, (b,), or of the batch, ()."""
        loss = keras.ops.maximum(super().call(truth, probability), keras.config.epsilon())  # a root is steep at zero
        return loss ** (1 / self.gamma)

    def get_config(self) -> dict[str, Any]:
        """What the loss is made from."""
        return super().get_config() | {"gamma": self.gamma}


@keras.saving.register_keras_serializable("brainseg")
class Dice(Tversky):
    """The soft Dice loss, 1 − 2·TP / (2·TP + FP + FN) of soft counts; 0 to 1.

    Milletari, Navab and Ahmadi 2016, "V-Net", section 3, with plain sums in place of squares in the denominator.

    >>> import numpy as np
    >>> empty = np.zeros((1, 4, 4, 1))
    >>> [round(float(Dice()(empty, empty + probability)), 2) for probability in (0, 0.1, 0.5)]
    [0.0, 0.44, 0.8]
    """

    def __init__(self, per: str = "image", name: str = "dice") -> None:
        super().__init__(0.5, 0.5, per, name)

    def get_config(self) -> dict[str, Any]:
        """What the loss is made from."""
        return {"name": self.name, "per": self.per}


@keras.saving.register_keras_serializable("brainseg")
class CrossEntropyDice(keras.losses.Loss):  # type: ignore[misc]
    """Binary cross-entropy plus the soft Dice loss: the first judges each pixel, the second the overlap.

    Isensee et al. 2021, "nnU-Net", online methods.

    >>> import numpy as np
    >>> truth = np.ones((1, 2, 2, 1))
    >>> float(CrossEntropyDice()(truth, truth)) < 1e-6
    True
    """

    def __init__(self, per: str = "image", name: str = "bce_dice") -> None:
        super().__init__(name=name)
        self.per = per
        self.dice, self.cross_entropy = Dice(per), keras.losses.BinaryCrossentropy()

    def call(self, truth: Any, probability: Any) -> Any:
        """Loss of each image, (b,), or of the batch, ()."""
        return self.cross_entropy(truth, probability) + self.dice.call(truth, probability)

    def get_config(self) -> dict[str, Any]:
        """What the loss is made from."""
        return {"name": self.name, "per": self.per}


LOSSES: Mapping[str, Callable[[], keras.losses.Loss]] = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "dice": Dice,
    "bce_dice": CrossEntropyDice,
    "focal": lambda: keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.25, gamma=2.0),
    "tversky": Tversky,
    "focal_tversky": FocalTversky,
}
"""The losses by name, each with its usual settings."""


def loss(name: str) -> keras.losses.Loss:
    """Look a loss up by name.

    Raises:
        BrainsegError: If there is none of that name.

    >>> loss("dice").get_config()
    {'name': 'dice', 'per': 'image'}
    """
    if name not in LOSSES:
        raise BrainsegError(f"received loss {name!r}, expected one of: {', '.join(LOSSES)}")
    return LOSSES[name]()
