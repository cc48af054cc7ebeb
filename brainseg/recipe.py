"""Recipes: everything that decides a training run, written down before it starts."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brainseg.errors import BrainsegError
from brainseg.models import architecture, resolve_attention


@dataclass(frozen=True)
class Scale:
    """How large images and models are.

    Attributes
    ----------
    name
        As the command line and the chapters' parameters call it.
    size
        Height and width of the images in pixels.
    width
        Filters of a model at full resolution.
    batch_size
        Images per step of training.
    """

    name: str
    size: int
    width: int
    batch_size: int


SCALES = {
    scale.name: scale for scale in (Scale("quick", 64, 8, 4), Scale("laptop", 128, 16, 32), Scale("full", 128, 64, 32))
}
"""``quick`` takes minutes on two cores, ``laptop`` hours; ``full`` is the study's own and wants a GPU."""


def scale_named(name: str) -> Scale:
    """Look a scale up by name.

    Raises
    ------
    BrainsegError
        If there is none of that name.

    Examples
    --------
    >>> scale_named("full").width
    64
    """
    if name not in SCALES:
        raise BrainsegError(f"received scale {name!r}, expected one of: {', '.join(SCALES)}")
    return SCALES[name]


@dataclass(frozen=True)
class Training:
    """How a model is trained: Adam at its default learning rate on binary cross-entropy.

    Attributes
    ----------
    epochs
        At most this many.
    patience
        Stop when the validation loss has not improved for so many epochs; None: never before the last.
        The last epoch's weights are kept, not the best one's.
    validation
        ``"valid"``: the split of that name; ``"last_fifth"``: the last fifth of the training list, which then
        is not trained on (Keras's ``validation_split=0.2``).
    """

    epochs: int
    patience: int | None
    validation: str


TRAININGS: Mapping[str, Mapping[str, Training]] = {
    "published": {
        "unet": Training(30, 5, "valid"),
        "linknet": Training(30, 5, "valid"),
        "segnet": Training(20, None, "last_fifth"),
        "deeplab": Training(20, None, "last_fifth"),
    }
}
"""Training presets by name, each with one :class:`Training` per model."""

_MASKS = {("position", "box"): "position", ("id", "box"): "box", ("id", "border"): "border"}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run, apart from the data.

    Attributes
    ----------
    model
        ``"unet"``, ``"linknet"``, ``"segnet"`` or ``"deeplab"``.
    attention
        ``"gate"`` or None.
    pairing
        Which mask an image gets: that at its ``"position"`` in the list, as published, or the one with its ``"id"``.
    labels
        ``"box"``: the labels of the data set; ``"border"``: the tumour borders of Cheng's data set.
    training
        Name of a training preset, see :data:`TRAININGS`.
    size, width, batch_size
        As in :class:`Scale`.
    seed
        Of the initial weights, the dropout and the order of the images.

    Raises
    ------
    BrainsegError
        If a value is unknown, or two of them do not go together.

    Examples
    --------
    >>> recipe = published("unet", SCALES["quick"])
    >>> recipe.mask, recipe.attention, recipe.schedule.epochs
    ('position', 'gate', 30)
    """

    model: str
    attention: str | None
    pairing: str
    labels: str
    training: str
    size: int
    width: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        resolve_attention(self.model, self.attention)
        if (self.pairing, self.labels) not in _MASKS:
            known = " or ".join(f"{pairing} and {labels}" for pairing, labels in _MASKS)
            raise BrainsegError(f"received pairing and labels {self.pairing} and {self.labels}, expected {known}")
        if self.training not in TRAININGS:
            raise BrainsegError(f"received training {self.training!r}, expected one of: {', '.join(TRAININGS)}")
        if self.batch_size < 1:
            raise BrainsegError(f"received a batch size of {self.batch_size}, expected 1 or more")

    @property
    def mask(self) -> str:
        """The kind of mask in a prepared data set to learn: ``"position"``, ``"box"`` or ``"border"``."""
        return _MASKS[self.pairing, self.labels]

    @property
    def schedule(self) -> Training:
        """What the training preset means for this model."""
        return TRAININGS[self.training][self.model]

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that change with any field, and with the meaning of the training preset."""
        content = json.dumps([self.to_dict(), dataclasses.asdict(self.schedule)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Recipe":
        """The inverse of :meth:`to_dict`.

        Raises
        ------
        BrainsegError
            If a field is missing or unknown.
        """
        try:
            return cls(**fields)
        except TypeError as error:
            expected = ", ".join(field.name for field in dataclasses.fields(cls))
            raise BrainsegError(f"received fields {', '.join(fields)} for a recipe, expected {expected}") from error


def published(model: str, scale: Scale, seed: int = 0, attention: str | None = "published") -> Recipe:
    """The study's own recipe of a model, at a scale.

    Raises
    ------
    BrainsegError
        If the model is unknown, or cannot have that attention.
    """
    architecture(model)
    return Recipe(
        model=model,
        attention=resolve_attention(model, attention),
        pairing="position",
        labels="box",
        training="published",
        size=scale.size,
        width=scale.width,
        batch_size=scale.batch_size,
        seed=seed,
    )
