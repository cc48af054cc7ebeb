"""The ladder from the published protocol to the corrected one: each step corrects one field of the recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from brainseg.errors import known
from brainseg.experiments.recipe import Recipe, Scale
from brainseg.models import resolve_attention

PUBLISHED: Final[Mapping[str, str | None]] = {
    "pairing": "position",
    "scoring": "published",
    "labels": "box",
    "split": "published",
    "training": "published",
    "postprocessing": None,
}
"""The fields of a recipe that the ladder corrects, as published."""


@dataclass(frozen=True)
class Step:
    """One correction: the field of the recipe that it changes, to what, and how to call it in a figure."""

    title: str
    field: str
    value: str


LADDER: Final[Mapping[str, Step]] = {
    "paired": Step("masks paired by id", "pairing", "id"),
    "scored": Step("test images scored", "scoring", "per_image"),
    "borders": Step("true borders", "labels", "border"),
    "patients": Step("split by patient", "split", "patient"),
    "corrected": Step("corrected training", "training", "corrected"),
    "processed": Step("post-processing", "postprocessing", "validation"),
}
"""The corrections after ``"published"``, in order: each step keeps those before it."""

STEPS: Final[Mapping[str, str]] = {"published": "as published", **{name: step.title for name, step in LADDER.items()}}
"""All steps of the ladder, with their titles."""


def recipe_at(
    step: str,
    model: str,
    scale: Scale,
    seed: int = 0,
    attention: str | None = "published",
    guidance: float = 0.0,
    fold: int | None = None,
) -> Recipe:
    """The recipe of a model at one step of the ladder, trained with guidance if that is not 0.

    Without a fold it has the split that the data set came with, and by patient fold 0.

    Raises:
        BrainsegError: If there is no such step or model, the model cannot have that attention, or the guidance is
            negative or not finite.

    >>> from brainseg.experiments.recipe import SCALES
    >>> recipe_at("borders", "unet", SCALES["quick"], guidance=0.5).guidance
    0.5
    """
    fields: dict[str, Any] = _fields(known(step, STEPS, "step"))
    return Recipe(
        model=model,
        attention=resolve_attention(model, attention),
        size=scale.size,
        width=scale.width,
        batch_size=scale.batch_size,
        images_per_epoch=scale.images_per_epoch,
        scale_epochs=scale.epochs,
        seed=seed,
        guidance=guidance,
        fold=0 if fold is None and fields["split"] == "patient" else fold,
        precision=scale.precision,
        **fields,
    )


def ladder(model: str, scale: Scale, seed: int = 0) -> dict[str, Recipe]:
    """The recipes of a model from published to corrected, by step; each differs in one field from the one before.

    >>> from brainseg.experiments.recipe import SCALES
    >>> list(ladder("unet", SCALES["quick"]))
    ['published', 'paired', 'scored', 'borders', 'patients', 'corrected', 'processed']
    """
    return {step: recipe_at(step, model, scale, seed) for step in STEPS}


def steps_of(recipe: Recipe) -> list[str]:
    """The steps that a run of this recipe stands at: all that share its training, or the one that post-processes it.

    None of them if it has another attention than the published one, guidance, or fields that no step has.

    >>> from brainseg.experiments.recipe import SCALES
    >>> steps_of(recipe_at("scored", "unet", SCALES["quick"]).trained)
    ['paired', 'scored']
    """
    if recipe.guidance or recipe.attention != resolve_attention(recipe.model):
        return []
    received = {field: getattr(recipe, field) for field in PUBLISHED}
    return [step for step in STEPS if received == _fields_of_run(step)]


def _fields(step: str) -> dict[str, str | None]:
    steps = list(LADDER.values())[: list(STEPS).index(step)]
    return {**PUBLISHED, **{correction.field: correction.value for correction in steps}}


def _fields_of_run(step: str) -> dict[str, str | None]:
    """As :func:`_fields`, but how a run is scored is not asked where nothing is done after the training."""
    fields = _fields(step)
    return fields if fields["postprocessing"] else fields | {"scoring": PUBLISHED["scoring"]}
