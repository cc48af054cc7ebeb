"""Recipes: everything that decides a training run, written down before it starts."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brainseg.data import FOLDS
from brainseg.errors import BrainsegError, known
from brainseg.models import MODELS, resolve_attention


@dataclass(frozen=True)
class Scale:
    """How large images and models are.

    Attributes:
        name: As the command line and the chapters' parameters call it.
        size: Height and width of the images in pixels.
        width: Filters of a model at full resolution.
        batch_size: Images per step of training.
        images_per_epoch: An epoch sees at most so many of the training images, drawn anew each time; None: all.
        epochs: Of a training that leaves their number to the scale.
        precision: What is computed in while training, see :mod:`brainseg.models.trainee`.
    """

    name: str
    size: int
    width: int
    batch_size: int
    images_per_epoch: int | None = None
    epochs: int = 40
    precision: str = "float32"


SCALES = {
    scale.name: scale
    for scale in (
        Scale("quick", 64, 8, 4, images_per_epoch=400, epochs=12),
        Scale("small", 64, 8, 4, epochs=20),
        Scale("laptop", 128, 16, 8, precision="bfloat16"),
        Scale("full", 128, 64, 32, precision="bfloat16"),
    )
}
"""On a processor core ``quick`` takes about a minute for each network, ``small`` five to ten, ``laptop`` an hour;
``full`` is the study's own and wants a GPU."""


def scale_named(name: str) -> Scale:
    """The scale of that name.

    >>> scale_named("full").width
    64
    """
    return SCALES[known(name, SCALES, "scale")]


@dataclass(frozen=True)
class Augmentation:
    """How training images are varied at random, each anew in every epoch; what comes into view at an edge is black.

    Images are also mirrored, left to right and top to bottom, each with probability one half.

    Attributes:
        rotation: Up to this angle either way, as a share of a full turn.
        zoom: Up to this much larger or smaller, as a share of the size.
        shift: Up to this far in either direction, as a share of the size.
        contrast: Up to this much more or less contrast, as a share of it.
    """

    rotation: float
    zoom: float
    shift: float
    contrast: float


@dataclass(frozen=True)
class Training:
    """How a model is trained, with Adam. The defaults are the study's.

    Attributes:
        epochs: At most this many; None: as many as the scale says.
        patience: Stop when what is monitored has not improved for so many epochs; None: never before the last.
        validation: ``"valid"``: the split of that name; ``"last_fifth"``: the last fifth of the training list, which
            then is not trained on (Keras's ``validation_split=0.2``).
        monitor: ``"loss"``: patience watches the validation loss, and the weights of the last epoch are kept;
            ``"dice"``: it watches the validation Dice per image, and the weights of the best epoch are kept.
        loss: Name of a loss, see :data:`brainseg.models.losses.LOSSES`.
        normalisation, dropout: As in :func:`brainseg.models.build`; None is as published.
        learning_rate: The highest one.
        warm_up: Epochs in which the learning rate rises to that; None: it is constant. After them it falls to zero
            along half a cosine (Loshchilov and Hutter 2017, without restarts).
        augmentation: None: every epoch sees the images as they are.
        whole_batches: Whether an epoch leaves out the images, other ones each time, that do not fill a batch.
        mirrored: Whether a prediction is the mean of those for the image and its three mirror images.
    """

    epochs: int | None
    patience: int | None
    validation: str = "valid"
    monitor: str = "loss"
    loss: str = "binary_crossentropy"
    normalisation: str | None = None
    dropout: float | None = None
    learning_rate: float = 0.001
    warm_up: int | None = None
    augmentation: Augmentation | None = None
    whole_batches: bool = False
    mirrored: bool = False


CORRECTED = Training(
    epochs=None,
    patience=None,
    monitor="dice",
    loss="bce_dice",
    normalisation="batch",
    dropout=0.1,
    learning_rate=0.003,
    warm_up=2,
    augmentation=Augmentation(rotation=0.04, zoom=0.15, shift=0.06, contrast=0.2),
    whole_batches=True,
    mirrored=True,
)
"""One training for all four models; the appendix of chapter 7 says what else was tried."""

TRAININGS: Mapping[str, Mapping[str, Training]] = {
    "published": {
        "unet": Training(30, 5),
        "linknet": Training(30, 5),
        "segnet": Training(20, None, "last_fifth"),
        "deeplab": Training(20, None, "last_fifth"),
    },
    "corrected": dict.fromkeys(MODELS, CORRECTED),
}
"""Training presets by name, each with one :class:`Training` per model."""

SPLITS = ("published", "patient")
SCORINGS = ("published", "per_image")
PRECISIONS = ("float32", "bfloat16")
POSTPROCESSINGS = (None, "validation")

_MASKS = {
    ("position", "box"): "position",
    ("id", "box"): "box",
    ("id", "border"): "border",
    ("shuffled", "border"): "border",
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a result, apart from the data.

    Attributes:
        model: ``"unet"``, ``"linknet"``, ``"segnet"`` or ``"deeplab"``.
        attention: A kind of attention that the model can have, see :data:`brainseg.models.ARCHITECTURES`, or None.
        pairing: Which mask an image gets: that at its ``"position"`` in the list, as published; the one with its
            ``"id"``; or, while it is trained and validated on, ``"shuffled"``: that of any image on its side of the
            split, drawn once.
        scoring: ``"published"``: pixels pooled, on the images that were trained on; ``"per_image"``: each test image by
            itself.
        labels: ``"box"``: the labels of the data set; ``"border"``: the tumour borders of Cheng's data set.
        split: ``"published"``: image by image; or ``"patient"``: no patient on two sides, see
            :mod:`brainseg.data.split`.
        training: Name of a training preset, see :data:`TRAININGS`.
        postprocessing: None, or ``"validation"``: the morphological pipeline that is best on the validation images.
        size, width, batch_size, images_per_epoch, scale_epochs: As in :class:`Scale`.
        fold: Which fifth of the images is the test set, 0 to 4; None: that of the split that the data set came with.
        seed: Of the initial weights, the dropout, the augmentation and the order of the images.
        guidance: Weight of the guidance term, see :mod:`brainseg.models.guidance`; 0: none.
        precision: As in :class:`Scale`.

    Raises:
        BrainsegError: If a value is unknown, or two of them do not go together.

    >>> from brainseg.experiments.ladder import recipe_at
    >>> recipe = recipe_at("published", "unet", SCALES["quick"])
    >>> recipe.mask, recipe.attention, recipe.epochs
    ('position', 'gate', 30)
    """

    model: str
    attention: str | None
    pairing: str
    scoring: str
    labels: str
    split: str
    training: str
    postprocessing: str | None
    size: int
    width: int
    batch_size: int
    images_per_epoch: int | None
    scale_epochs: int
    seed: int
    guidance: float = 0.0
    fold: int | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        resolve_attention(self.model, self.attention)
        if (self.pairing, self.labels) not in _MASKS:
            pairs = " or ".join(f"{pairing} and {labels}" for pairing, labels in _MASKS)
            raise BrainsegError(f"received pairing and labels {self.pairing} and {self.labels}, expected {pairs}")
        known(self.scoring, SCORINGS, "scoring")
        known(self.split, SPLITS, "split")
        known(self.training, TRAININGS, "training")
        known(self.postprocessing, POSTPROCESSINGS, "postprocessing")
        known(self.precision, PRECISIONS, "precision")
        if self.fold not in (None, *range(FOLDS)):
            raise BrainsegError(f"received fold {self.fold}, expected 0 to {FOLDS - 1}, or none")
        if self.batch_size < 1:
            raise BrainsegError(f"received a batch size of {self.batch_size}, expected 1 or more")
        if not 0 <= self.guidance < math.inf:
            raise BrainsegError(f"received a guidance of {self.guidance}, expected a finite number, 0 or more")

    @property
    def mask(self) -> str:
        """The kind of mask in a prepared data set to learn: ``"position"``, ``"box"`` or ``"border"``."""
        return _MASKS[self.pairing, self.labels]

    @property
    def preset(self) -> Training:
        """What the training preset means for this model."""
        return TRAININGS[self.training][self.model]

    @property
    def epochs(self) -> int:
        """At most so many epochs."""
        return self.preset.epochs or self.scale_epochs

    @property
    def trained(self) -> "Recipe":
        """The recipe up to the end of its training: recipes that share it share a run.

        >>> from brainseg.experiments.ladder import ladder
        >>> steps = ladder("unet", SCALES["quick"])
        >>> steps["scored"].trained == steps["paired"].trained
        True
        """
        return dataclasses.replace(self, scoring="published", postprocessing=None)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that change with any field, and with the meaning of the training preset."""
        fields = self.to_dict() | {"guidance": float(self.guidance)}
        content = json.dumps([fields, dataclasses.asdict(self.preset)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Recipe":
        """The inverse of :meth:`to_dict`.

        Raises:
            BrainsegError: If a field is missing or unknown.
        """
        try:
            return cls(**fields)
        except TypeError as error:
            expected = ", ".join(field.name for field in dataclasses.fields(cls))
            raise BrainsegError(f"received fields {', '.join(fields)} for a recipe, expected {expected}") from error
