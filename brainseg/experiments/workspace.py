"""An experiment: a data set, a scale and a seed. What a chapter asks for arrays and trained models."""

from functools import cached_property
from pathlib import Path

from brainseg.data.dataset import Dataset, open_dataset
from brainseg.data.prepared import Prepared
from brainseg.experiments.recipe import Recipe, recipe_at, scale_named
from brainseg.experiments.run import Record, Run
from brainseg.experiments.select import postprocessed
from brainseg.experiments.train import train


class Experiment:
    """A data set at a scale, with a seed for training.

    Args:
        dataset: ``"phantom"`` or ``"tumorseg"``.
        scale: Name of a scale, see :data:`brainseg.experiments.recipe.SCALES`.
        seed: Seed of every training run.
        data: Folder of the real data set; ``None`` for the phantom.
        progress: Show progress bars on standard error while something is made that was not there.

    Raises:
        BrainsegError: If the data set or the scale is unknown, or the data folder is missing.
    """

    def __init__(
        self,
        dataset: str = "phantom",
        scale: str = "quick",
        seed: int = 0,
        data: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        self.scale = scale_named(scale)
        self.seed = seed
        self.progress = progress
        self.dataset: Dataset = open_dataset(dataset, data, progress=progress)

    @cached_property
    def data(self) -> Prepared:
        """Images and masks at the scale's size."""
        return self.dataset.prepared(self.scale.size, self.progress)

    def recipe(
        self, model: str, step: str = "published", attention: str | None = "published", guidance: float = 0.0
    ) -> Recipe:
        """The recipe of a model at a step of the ladder (:data:`brainseg.experiments.recipe.STEPS`), at this scale."""
        return recipe_at(step, model, self.scale, self.seed, attention, guidance)

    def run(
        self, model: str, step: str = "published", attention: str | None = "published", guidance: float = 0.0
    ) -> Run:
        """The run of such a recipe: from the store, or trained now."""
        return self.trained(self.recipe(model, step, attention, guidance))

    def trained(self, recipe: Recipe) -> Run:
        """The run of any recipe of this scale: from the store, or trained now."""
        return train(recipe, self.data, self.dataset.workspace / "runs", self.progress)

    def result(self, model: str, step: str, attention: str | None = "published", guidance: float = 0.0) -> Record:
        """What a step of the ladder results in: the run's record, after post-processing where the step has it."""
        run = self.run(model, step, attention, guidance)
        return run if self.recipe(model, step, attention).postprocessing is None else postprocessed(run, self.data)
