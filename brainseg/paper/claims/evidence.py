"""What the tests of claims look at: recorded results, the study's own numbers, and what a reader has at hand."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from brainseg.data.check import check
from brainseg.errors import BrainsegError
from brainseg.experiments import recorded as results
from brainseg.experiments import select
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recipe import published as published_recipe
from brainseg.experiments.run import Record
from brainseg.paper import saliency_tables as tables
from brainseg.paper import tables as evaluate
from brainseg.paper.study import published_last_epoch, published_table

if TYPE_CHECKING:
    from brainseg.experiments.workspace import Workspace
    pass

CHECK, EFFICIENCY = "tumorseg-check", "efficiency"
LADDER, LARGER, PUBLISHED = "tumorseg-small-ladder", "tumorseg-laptop-corrected", "tumorseg-laptop-published"
ATTENTION, SEEDS, SALIENCY = "tumorseg-quick-attention", "tumorseg-quick-seeds", "tumorseg-small-saliency"
GUIDANCE, GUIDED_MAPS = "tumorseg-quick-guidance", "tumorseg-quick-guided-maps"
FULL = "tumorseg-full-*"
"""Names in ``results/`` of what was recorded on the study's images."""

T = TypeVar("T")

LIVE = "the phantom of this copy"

Steps = Mapping[str, Mapping[str, Sequence[Record]]]
Kinds = Mapping[str, Mapping[str | None, Sequence[Record]]]


class UntestableError(BrainsegError):
    """What a test needs is not there; the message says what that is."""


class Evidence:
    """Loads what is asked for, once, and notes where it came from.

    Args:
        data: Folder of the study's images. With it, what is claimed of them is measured anew; without it, what was
            recorded of them is read.
        experiment: For the claims that are tested live; without it these cannot be tested.

    Attributes:
        used: Names of what has been looked at; whoever evaluates claims empties it before each.
    """

    def __init__(self, data: str | Path | None = None, experiment: "Workspace | None" = None) -> None:
        self.used: dict[str, None] = {}
        self._data = None if data is None else Path(data)
        self._experiment = experiment

    def published(self, column: str) -> dict[str, float]:
        """A column of the study's table by model, see :func:`brainseg.paper.study.published_table`."""
        self._note("the study's table")
        return {str(model): float(value) for model, value in published_table()[column].items()}

    def logged(self, column: str) -> dict[str, float]:
        """The same of the last lines of the study's logs, see :func:`brainseg.paper.study.published_last_epoch`."""
        self._note("the study's logs")
        return {str(model): float(value) for model, value in published_last_epoch()[column].items()}

    def check(self, table: str) -> pd.DataFrame:
        """A table of :func:`brainseg.data.check.check` about the study's images: measured now, or recorded."""
        self._note(CHECK if self._data is None else "the study's images")
        return self._checked[table]

    def blank_mask(self, split: str, score: str) -> float:
        """What a mask without any tumour scores on the published labels: ``accuracy`` or ``mean_iou``."""
        areas = self.check("areas").set_index(["split", "mask"])
        return float(areas[f"background_{score}"].to_dict()[split, "published"])

    def finding(self, name: str) -> dict[str, int]:
        """``count`` and ``total`` of a finding of ``brainseg data check``."""
        findings = self.check("findings").set_index("finding")
        return {column: int(findings[column].to_dict()[name]) for column in ("count", "total")}

    def agreement(self, column: str) -> float:
        """Box against border, mean over all images."""
        return float(self.check("agreement").set_index("split")[column].to_dict()["all"])

    def efficiency(self, table: str) -> pd.DataFrame:
        """A table that ``brainseg measure`` recorded."""
        self._note(EFFICIENCY)
        return results.recorded(EFFICIENCY)[table]

    def ladder(self) -> Steps:
        """Recorded runs by model and step of the ladder."""
        return self._noted(LADDER, self._ladder)

    def attention(self) -> Kinds:
        """Recorded runs by model and kind of attention."""
        return self._noted(ATTENTION, self._attention)

    def saliency(self) -> results.SaliencyRecord:
        """Recorded scores of saliency maps."""
        return self._noted(SALIENCY, results.recorded_saliency(SALIENCY))

    def ladder_table(self) -> pd.DataFrame:
        """What each step of the ladder would report, and what it is worth."""
        return self._noted(LADDER, self._ladder_table)

    def differences(self) -> pd.DataFrame:
        """Differences in Dice between the networks with the corrected training."""
        return self._noted(LADDER, self._differences)

    def recorded_log(self, column: str) -> dict[str, float]:
        """A column of the last lines of the logs of networks as published, of the study's pixels but fewer filters."""
        runs = self._noted(PUBLISHED, results.recorded_runs(PUBLISHED))
        return {run.recipe.model: float(run.history[column].iloc[-1]) for run in runs}

    def scale_effects(self) -> pd.DataFrame:
        """Differences in Dice of the corrected networks at a larger scale from those of the ladder."""
        self._note(LADDER)
        return self._noted(LARGER, self._scale_effects)

    def seeds(self) -> pd.DataFrame:
        """Mean Dice of the corrected networks by seed, see :func:`brainseg.paper.tables.seed_table`."""
        return self._noted(SEEDS, evaluate.seed_table(select.by_step(results.recorded_runs(SEEDS)), "corrected"))

    def attention_effects(self) -> pd.DataFrame:
        """Differences in Dice of each kind of attention from none."""
        return self._noted(ATTENTION, self._attention_effects)

    def processing(self) -> pd.DataFrame:
        """What post-processing changes in Dice, one row per network."""
        return self._noted(LADDER, self._processing)

    def against_controls(self) -> pd.DataFrame:
        """Saliency methods beside the best control, in the energy inside the border."""
        return self._noted(SALIENCY, self._against_controls)

    def guided_maps(self) -> pd.DataFrame:
        """Recorded scores of the maps of networks trained with and without guidance.

        Returns:
            As :attr:`brainseg.experiments.recorded.SaliencyRecord.scores`.

        Raises:
            UntestableError: If none were recorded.
        """
        if not (results.RESULTS / GUIDED_MAPS).is_dir():
            raise UntestableError(
                "No maps of networks that were trained with saliency are recorded, and the study's notebook has no "
                "such training."
            )
        return self._noted(GUIDED_MAPS, results.recorded_saliency(GUIDED_MAPS).scores)

    def guided_runs(self) -> list[Record]:
        """Recorded runs with and without guidance; none if none were recorded."""
        if not (results.RESULTS / GUIDANCE).is_dir():
            return []
        return self._noted(GUIDANCE, list(results.recorded_runs(GUIDANCE)))

    def full(self, model: str, attention: str | None) -> list[Record]:
        """Recorded runs of a network as published, at the study's own size; one for each seed, or none."""
        runs = [
            run
            for folder in sorted(results.RESULTS.glob(FULL))
            for run in results.recorded_runs(folder.name)
            if run.recipe == published_recipe(model, SCALES["full"], run.recipe.seed, attention)
        ]
        if runs:
            self._note(FULL)
        return runs

    def live(self) -> "Workspace":
        """The experiment of this copy of the book.

        Raises:
            UntestableError: If there is none.
        """
        if self._experiment is None:
            raise UntestableError("This is shown live, on the phantom: brainseg claims --live.")
        return self._noted(LIVE, self._experiment)

    @cached_property
    def _checked(self) -> Mapping[str, pd.DataFrame]:
        if self._data is None:
            return results.recorded(CHECK)
        return {name: pd.DataFrame(rows) for name, rows in check(self._data).to_dict().items()}

    @cached_property
    def _ladder(self) -> Steps:
        return select.by_step(results.recorded_runs(LADDER))

    @cached_property
    def _attention(self) -> Kinds:
        return select.by_attention(results.recorded_runs(ATTENTION))

    @cached_property
    def _ladder_table(self) -> pd.DataFrame:
        return evaluate.ladder_table(self.ladder())

    @cached_property
    def _differences(self) -> pd.DataFrame:
        return evaluate.model_differences(self.ladder(), "corrected")

    @cached_property
    def _scale_effects(self) -> pd.DataFrame:
        larger = select.by_step(results.recorded_runs(LARGER))
        return evaluate.scale_effects(larger, self.ladder(), "corrected")

    @cached_property
    def _attention_effects(self) -> pd.DataFrame:
        return evaluate.attention_effects(self.attention())

    @cached_property
    def _processing(self) -> pd.DataFrame:
        steps = {model: runs for model, runs in self.ladder().items() if "processed" in runs}
        before, after = ({model: runs[step] for model, runs in steps.items()} for step in ("corrected", "processed"))
        return evaluate.processing_table(before, after)

    @cached_property
    def _against_controls(self) -> pd.DataFrame:
        return tables.against_controls(self.saliency().scores, ["energy"])

    def _noted(self, name: str, evidence: T) -> T:
        self._note(name)
        return evidence

    def _note(self, name: str) -> None:
        self.used[name] = None
