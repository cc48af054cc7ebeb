"""The matrix of experiments: which trainings each recorded experiment is made of, as ``experiments.yml`` lists them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from brainseg.data import FOLDS
from brainseg.data.dataset import DATASETS
from brainseg.data.schema import read_yaml, require
from brainseg.errors import BrainsegError, known
from brainseg.experiments.ladder import STEPS, recipe_at
from brainseg.experiments.recipe import SCALES, Recipe, scale_named
from brainseg.fingerprint import resource
from brainseg.models import ARCHITECTURES, MODELS

ATTENTIONS: Final = (
    "published",
    *dict.fromkeys(kind or "none" for a in ARCHITECTURES.values() for kind in a.attentions),
)
RECORDS = ("runs", "saliency", "maps", "labels")

_NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}
_NAMES = {"items": _NAME, "description": "small letters, digits and hyphens"}


@dataclass(frozen=True)
class Planned:
    """One training of an experiment; the fields are those of the command ``brainseg train``."""

    dataset: str
    scale: str
    model: str
    step: str
    attention: str
    guidance: float
    seed: int
    fold: int | None = None
    changes: tuple[tuple[str, int], ...] = ()

    @property
    def name(self) -> str:
        """What the run is called within its data set, scale and seed.

        >>> Planned("phantom", "quick", "unet", "corrected", "published", 0.3, 0).name
        'unet-corrected-published-guidance-0.3'
        """
        return f"{self.model}-{self.step}-{self.attention}{_suffix(self)}"

    @property
    def recipe(self) -> Recipe:
        """What is trained and scored."""
        changes: dict[str, Any] = dict(self.changes)
        scale = dataclasses.replace(scale_named(self.scale), **changes)
        return recipe_at(self.step, self.model, scale, self.seed, self.attention, self.guidance, self.fold)


@dataclass(frozen=True)
class Matrix:
    """One experiment: every combination of the fields that are lists is a training.

    Attributes:
        name, about: What it is called, and what it is for.
        dataset, scale: On which images, and how large; see :data:`brainseg.experiments.recipe.SCALES`.
        steps, models, attentions, guidance, folds, seeds: As the command ``brainseg train`` takes them.
        changes: What is another than the scale says: ``width``, ``batch_size`` or ``epochs``.
        records: What is kept of it: ``"runs"``, or of corrected networks ``"saliency"`` (scores of maps by all
            methods), ``"maps"`` (by two methods) or ``"labels"`` (maps after training on shuffled labels).
    """

    name: str
    about: str
    dataset: str
    scale: str
    steps: tuple[str, ...]
    models: tuple[str, ...]
    attentions: tuple[str, ...]
    guidance: tuple[float, ...]
    folds: tuple[int | None, ...]
    seeds: tuple[int, ...]
    changes: Mapping[str, int]
    records: tuple[str, ...]
    recorded: bool

    @property
    def spans_the_ladder(self) -> bool:
        """Whether it has networks as published or as corrected, one training of each and nothing else."""
        ends = {"published", "corrected"} & set(self.steps)
        others = (self.attentions, self.guidance, self.folds, self.seeds, self.changes)
        return bool(ends) and others == (("published",), (0,), (None,), (0,), {})

    def at(self, dataset: str | None = None, scale: str | None = None, seed: int | None = None) -> "Matrix":
        """The same experiment on another data set, at another scale or with one other seed; None leaves what is.

        Raises:
            BrainsegError: If there is no such data set or scale.
        """
        changed: dict[str, Any] = {"dataset": dataset, "scale": scale, "seeds": None if seed is None else (seed,)}
        known(dataset or self.dataset, DATASETS, "dataset")
        known(scale or self.scale, SCALES, "scale")
        return dataclasses.replace(self, **{name: value for name, value in changed.items() if value is not None})

    @property
    def runs(self) -> list[Planned]:
        """The trainings, less those that a model cannot have and those that would be the same twice."""
        distinct: dict[Recipe, Planned] = {}
        changes = tuple(self.changes.items())
        for model, step, attention, guidance, fold, seed in product(
            self.models, self.steps, self.attentions, self.guidance, self.folds, self.seeds
        ):
            if attention in ("published", *_attentions(model)):
                run = Planned(self.dataset, self.scale, model, step, attention, guidance, seed, fold, changes)
                distinct.setdefault(run.recipe, run)
        return list(distinct.values())

    @property
    def folder(self) -> str:
        """Name of the folder in ``results/`` that keeps it."""
        return f"{self.dataset}-{self.scale}-{self.name}"

    @property
    def files(self) -> dict[str, str]:
        """Where each record is made, below the folder of what is built, by its name in ``results/``.

        >>> read_matrix()["saliency"].files["unet-fold-0-0"]
        'tumorseg-small-0/saliency/unet-fold-0.json'
        """
        return {
            f"{stem}-{run.seed}": f"{run.dataset}-{run.scale}-{run.seed}/{kind}/{stem}.json"
            for kind in self.records
            for run in self.runs
            for stem in [record_name(run, kind)]
        }


def record_name(run: Planned, kind: str) -> str:
    """What a record of a run is called: a run by all that is chosen, scores of saliency by the network alone.

    >>> run = Planned("phantom", "quick", "unet", "corrected", "published", 0, 0)
    >>> record_name(run, "runs"), record_name(run, "saliency")
    ('unet-corrected-published', 'unet')
    """
    return run.name if kind == "runs" else f"{run.model}{_suffix(run)}"


def read_matrix(path: Path | None = None) -> dict[str, Matrix]:
    """Read the experiments, by name.

    Raises:
        BrainsegError: If the file is missing or is no YAML, or an experiment does not fit ``experiment.schema.yml``.

    >>> [run.name for run in read_matrix()["corrected"].runs][:2]
    ['unet-corrected-published', 'linknet-corrected-published']
    """
    path = path or resource("experiments.yml")
    if not path.is_file():
        raise BrainsegError(f"received {path}, which is no file; expected the experiments.yml of the repository")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise BrainsegError(f"received {path} without experiments, expected a name and fields for each")
    require(list(content), _NAMES, f"{path}, names of experiments")
    return {name: _matrix(name, fields) for name, fields in content.items()}


def chosen(names: list[str]) -> list[Matrix]:
    """The experiments of these names; all, if there are none.

    Raises:
        BrainsegError: As :func:`read_matrix`, or if there is no experiment of a name.
    """
    matrices = read_matrix()
    return [matrices[known(name, matrices, "experiment")] for name in names or matrices]


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("experiment.schema.yml").read_text("utf-8"))
    fields = schema["properties"]
    fields["models"]["default"] = list(MODELS)
    fields["folds"]["items"] = {"enum": list(range(FOLDS))}
    for field, names in {"dataset": DATASETS, "scale": SCALES}.items():
        fields[field]["enum"] = list(names)
    for field, names in {"steps": STEPS, "models": MODELS, "attentions": ATTENTIONS, "records": RECORDS}.items():
        fields[field]["items"] = {"enum": list(names)}
    return schema


def _matrix(name: str, fields: Any) -> Matrix:
    schema = _schema()
    require(fields, schema, f"experiment {name}")
    defaults = {field: about["default"] for field, about in schema["properties"].items() if "default" in about}
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in (defaults | fields).items()}
    matrix = Matrix(name=name, **values)
    of_maps = sorted(set(matrix.records) - {"runs"})
    if of_maps and (matrix.steps, matrix.attentions) != (("corrected",), ("published",)):
        raise BrainsegError(
            f"experiment {name}: {', '.join(of_maps)} is recorded of steps [corrected] with attentions [published]"
        )
    return matrix


def _attentions(model: str) -> list[str]:
    return [kind or "none" for kind in ARCHITECTURES[model].attentions]


def _suffix(run: Planned) -> str:
    guidance = f"-guidance-{run.guidance:g}" if run.guidance else ""
    changes = "".join(f"-{name.replace('_', '-')}-{value}" for name, value in run.changes)
    return guidance + changes + (f"-fold-{run.fold}" if run.fold is not None else "")
