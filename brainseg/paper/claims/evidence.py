"""What the tests of claims look at: recorded results, the study's own numbers, and what a reader has at hand."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from brainseg.data.check import check
from brainseg.errors import BrainsegError, known
from brainseg.experiments import recorded as results
from brainseg.experiments.matrix import Matrix, read_matrix
from brainseg.experiments.run import Record
from brainseg.experiments.select import (
    by_model,
    by_step,
    generalisation,
    ladder_in_folds,
    with_and_without,
)
from brainseg.paper import saliency_tables, tables
from brainseg.paper.claims.shown import maps_and_answers
from brainseg.paper.study import published_last_epoch, published_table

if TYPE_CHECKING:
    from brainseg.experiments.workspace import Workspace

CHECK, EFFICIENCY = "tumorseg-check", "efficiency"
"""Names in ``results/`` of what was recorded, besides experiments."""

T = TypeVar("T")


class UntestableError(BrainsegError):
    """What a test needs is not there; the message says what that is."""


def of_runs(
    compute: Callable[..., T], *experiments: str, read: Callable[[str], Any] = results.recorded_runs
) -> Callable[["Evidence"], T]:
    """A method that computes something of recorded experiments, once, and notes at each call that it rests on them."""

    def method(evidence: "Evidence") -> T:
        evidence.note(*(evidence.matrix[name].folder for name in experiments))
        if method not in evidence.kept:
            evidence.kept[method] = compute(*map(read, experiments))
        return evidence.kept[method]  # type: ignore[no-any-return]

    return method


def of_maps(compute: Callable[[results.SaliencyRecord], T], experiment: str) -> Callable[["Evidence"], T]:
    """The same of recorded scores of saliency maps."""
    return of_runs(compute, experiment, read=results.recorded_saliency)


def _processing(ladder: Iterable[Record]) -> pd.DataFrame:
    steps = by_step(ladder).items()
    before, after = ({model: runs[step] for model, runs in steps} for step in ("corrected", "processed"))
    return tables.processing_table(before, after)


def _scale_effects(smaller: Iterable[Record], larger: Iterable[Record]) -> pd.DataFrame:
    return tables.scale_effects(by_model(larger), by_model(smaller))


def _size_designs(smaller: Iterable[Record], larger: Iterable[Record]) -> pd.DataFrame:
    before, after = by_model(smaller), by_model(larger)
    return tables.design_effects({model: (runs, before[model]) for model, runs in after.items()})


def _gate_designs(*runs: Iterable[Record]) -> pd.DataFrame:
    return tables.attention_designs(with_and_without(chain(*runs), "gate"))


def _attention_effects(*runs: Iterable[Record]) -> pd.DataFrame:
    return tables.attention_effects(with_and_without(chain(*runs), "channel", "spatial"))


class Evidence:
    """Loads what is asked for, once, and notes where it came from.

    Args:
        data: Folder of the study's images. With it, what is claimed of them is measured anew; without it, what was
            recorded of them is read. Or of any data set that :func:`brainseg.data.check.check` takes.
        patient: What :func:`brainseg.data.check.check` takes besides.
        workspace: For the claims that are tested live; without it these cannot be tested.

    Attributes:
        used: Names of what has been looked at; whoever evaluates claims empties it before each.
    """

    ladder_table = of_runs(lambda runs: tables.ladder_table(by_step(runs)), "ladder")
    step_effects = of_runs(lambda *runs: tables.step_effects(ladder_in_folds(*runs)), "ladder-folds", "folds")
    """What each step of the ladder changes, tested on every image."""
    differences = of_runs(lambda runs: tables.model_differences(by_model(runs)), "folds")
    gate_designs = of_runs(_gate_designs, "folds", "gates")
    gap_designs = of_runs(lambda *runs: tables.gap_designs(with_and_without(chain(*runs), "gate")), "folds", "gates")
    model_designs = of_runs(lambda runs: tables.model_designs(by_model(runs)), "folds")
    full_means = of_runs(
        lambda runs: {model: generalisation(of_model)["test"] for model, of_model in by_model(runs).items()},
        "full",
    )
    """Mean test Dice of the corrected networks at the study's own size, by model."""
    full_accuracies = of_runs(
        lambda runs: {
            model: float(first.history["accuracy"].iloc[-1])
            for model, (first, *_) in by_model(runs, "published").items()
        },
        "full",
    )
    """Accuracy on training images in the last epoch of the networks as published, at the study's own size, by model."""
    processing = of_runs(_processing, "ladder")
    scale_effects = of_runs(_scale_effects, "ladder", "corrected")
    full_effects = of_runs(_scale_effects, "folds", "full-folds")
    laptop_effects = of_runs(_scale_effects, "folds", "laptop-folds")
    laptop_designs = of_runs(_size_designs, "folds", "laptop-folds")
    longer_effects = of_runs(_scale_effects, "full-folds", "longer")
    attention_effects = of_runs(_attention_effects, "folds", "gates", "attention")
    """What channel and spatial attention change, tested on every image."""
    seeds = of_runs(lambda runs: tables.seed_table(by_model(runs)), "folds")
    published_runs = of_runs(lambda runs: [run for run in runs if run.recipe.training == "published"], "full")
    guided_runs = of_runs(list[Record], "guidance")
    guided_maps = of_maps(lambda record: record.scores, "guided-maps")
    saliency = of_maps(lambda record: record, "saliency")
    against_controls = of_maps(lambda record: saliency_tables.against_controls(record.scores, ["energy"]), "saliency")
    """Saliency methods beside the best control, in the energy inside the border."""

    def __init__(
        self, data: str | Path | None = None, workspace: "Workspace | None" = None, patient: str | None = None
    ) -> None:
        self.used: dict[str, None] = {}
        self.kept: dict[Any, Any] = {}
        self._data = None if data is None else Path(data)
        self._workspace = workspace
        self._patient = patient

    def published(self, column: str) -> dict[str, float]:
        """A column of :func:`brainseg.paper.study.published_table` by model."""
        self.note("the study's table")
        return {str(model): float(value) for model, value in published_table()[column].items()}

    def logged(self, column: str) -> dict[str, float]:
        """A column of :func:`brainseg.paper.study.published_last_epoch` by model."""
        self.note("the study's logs")
        return {str(model): float(value) for model, value in published_last_epoch()[column].items()}

    def check(self, table: str) -> pd.DataFrame:
        """A table of :func:`brainseg.data.check.check` about the images: measured now, or recorded of the study's."""
        self.note(CHECK if self._data is None else "the images at hand")
        return self._checked[known(table, self._checked, "table")]

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
        """A table that ``make benchmark`` recorded."""
        self.note(EFFICIENCY)
        return results.recorded(EFFICIENCY)[table]

    def maps_and_answers(self) -> pd.DataFrame:
        """The study's saliency maps beside the answers, see :func:`brainseg.paper.claims.shown.maps_and_answers`."""
        self.note("the study's notebook")
        return maps_and_answers()

    def guidance(self) -> pd.DataFrame:
        """What guidance in training changes, see :func:`brainseg.paper.saliency_tables.guidance`."""
        return saliency_tables.guidance(self.guided_runs(), self.guided_maps())

    def live(self) -> "Workspace":
        """The workspace of this copy of the book.

        Raises:
            UntestableError: If there is none.
        """
        if self._workspace is None:
            raise UntestableError("This is shown live, on the phantom: brainseg claims --live.")
        self.note("the phantom of this copy")
        return self._workspace

    @cached_property
    def matrix(self) -> dict[str, Matrix]:
        """The experiments."""
        return read_matrix()

    @cached_property
    def _checked(self) -> Mapping[str, pd.DataFrame]:
        if self._data is None:
            return results.recorded(CHECK)
        return {name: pd.DataFrame(rows) for name, rows in check(self._data, self._patient).to_dict().items()}

    def note(self, *names: str) -> None:
        """Note that something of these names has been looked at."""
        self.used |= dict.fromkeys(names)
