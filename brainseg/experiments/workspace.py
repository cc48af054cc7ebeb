"""A workspace: a data set at a scale, with a seed and a store of runs. What a chapter asks for arrays and networks."""

from functools import cached_property
from pathlib import Path

from brainseg.data.dataset import Dataset, open_dataset
from brainseg.data.prepared import Prepared
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import Recipe, scale_named
from brainseg.experiments.run import Record, Run
from brainseg.experiments.select import postprocessed
from brainseg.experiments.stored import runs_folder
from brainseg.experiments.train import train


class Workspace:
    """A data set at a scale, with a seed for training.

    Args:
        dataset: ``"phantom"`` or ``"tumorseg"``.
        scale: Name of a scale, see :data:`brainseg.experiments.recipe.SCALES`.
        seed: Seed of every training run.
        data: Folder of the real data set; ``None`` for the phantom.

    Raises:
        BrainsegError: If the data set or the scale is unknown, or the data folder is missing.
    """

    def __init__(
        self,
        dataset: str = "phantom",
        scale: str = "quick",
        seed: int = 0,
        data: str | Path | None = None,
    ) -> None:
        self.scale = scale_named(scale)
        self.seed = seed
        self.dataset: Dataset = open_dataset(dataset, data, progress=True)

    @property
    def runs(self) -> Path:
        """Folder of the runs."""
        return runs_folder(self.dataset.store)

    @cached_property
    def prepared(self) -> Prepared:
        """Images and masks at the scale's size."""
        return self.dataset.prepared(self.scale.size, progress=True)

    def recipe(
        self,
        model: str,
        step: str = "published",
        attention: str | None = "published",
        guidance: float = 0.0,
        fold: int | None = None,
    ) -> Recipe:
        """The recipe of a model at a step of the ladder (:data:`brainseg.experiments.ladder.STEPS`), at this scale."""
        return recipe_at(step, model, self.scale, self.seed, attention, guidance, fold)

    def run(self, recipe: Recipe) -> Run:
        """The run of a recipe: from the store, or trained now."""
        return train(recipe, self.prepared, self.runs, progress=True)

    def result(self, recipe: Recipe) -> Record:
        """What a recipe results in: the run's record, after post-processing where the recipe has it."""
        run = self.run(recipe)
        return run if recipe.postprocessing is None else postprocessed(run, self.prepared)
