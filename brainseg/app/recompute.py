"""One record, checked alone: its scores again, from a network that was kept, and from the images."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.app.weights import LEARNT, SHIPPED, SUFFIX, shipped
from brainseg.backend import keras
from brainseg.data.outside import expecting
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.run import DECIMALS, Record
from brainseg.experiments.scoring import score
from brainseg.experiments.stored import opened
from brainseg.models.exact import exact
from brainseg.models.predict import predict
from brainseg.scores import THRESHOLD


@dataclass(frozen=True, eq=False)
class Kept:
    """A record whose network was kept.

    Attributes:
        record: What is to be computed again.
        model: The network.
        rounded: By how much rounding its kernels to half precision, after the record was made, was found to change a
            Dice at most; 0 if the record is of the rounded network.
    """

    record: Record
    model: keras.Model
    rounded: float = 0.0


@dataclass(frozen=True, eq=False)
class Recomputed:
    """Scores of a record beside those that were computed now.

    Attributes:
        recorded, now: One row per image whose patient the network never learnt from, one column per score.
        rounded: As :class:`Kept` has it.
    """

    recorded: pd.DataFrame
    now: pd.DataFrame
    rounded: float

    @property
    def differences(self) -> pd.DataFrame:
        """Absolute differences; infinite where a score is known on one side only."""
        one_sided = self.recorded.isna() != self.now.isna()
        return (self.now - self.recorded).abs().fillna(0.0).mask(one_sided, np.inf)

    @property
    def agrees(self) -> bool:
        """Whether no Dice differs by more than what a record keeps of it, and what rounding was found to change."""
        return bool(self.differences["border_dice"].max() <= 0.51 * 10**-DECIMALS + self.rounded)


def read_record(path: Path) -> Record:
    """Read the record of a run, as ``results/`` has them.

    Raises:
        BrainsegError: If there is none.
    """
    try:
        content = path.read_bytes()
        return Record.from_json((gzip.decompress(content) if path.suffix == ".gz" else content).decode())
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise BrainsegError(f"{path} cannot be read as the record of a run: {error}") from error


def read_kept(path: Path, folder: Path = SHIPPED) -> Kept:
    """A record with its network: the ONNX file of the same name beside it, or one that comes with the package.

    Raises:
        BrainsegError: If the network beside it is not the record's; or if there is none: says how long training it
            took.
    """
    record, beside = read_record(path), network_beside(path)
    if beside.is_file():
        with expecting(f"{beside} is not the network of the record beside it", "check both out again"):
            return Kept(record, exact(opened(beside, record.recipe, record.provenance["weights"]["rounded"])))
    models = [known.name.removesuffix(SUFFIX) for known in sorted(folder.glob(f"*{SUFFIX}"))]
    for network in (shipped(model, folder) for model in models):
        if network.name == record.name:
            ours = "sha256" in record.provenance
            return Kept(record, network.model, 0.0 if ours else network.provenance["half_precision"]["largest"])
    made, recipe = record.provenance, record.recipe
    raise BrainsegError(
        f"no network of the run {record.name} was kept: its scores need {recipe.model} trained again, "
        f"which took {made['seconds'] / 60:.0f} minutes on {made['made_with']['device']}: brainseg train {recipe.model}"
    )


def network_beside(path: Path) -> Path:
    """Where the network of a record is, if it was kept beside it.

    >>> print(network_beside(Path("deeplab-corrected-published-0.3-0.json.gz")))
    deeplab-corrected-published-0.3-0.onnx
    """
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".json") + ".onnx")


def records_in(paths: Iterable[Path]) -> list[Path]:
    """The records that are named, and of folders those that have their network beside them.

    Raises:
        BrainsegError: If a folder has none.
    """
    found: list[Path] = []
    for path in paths:
        there = sorted(file for file in path.glob("*.json.gz") if network_beside(file).is_file()) or [path]
        if path.is_dir() and there == [path]:
            raise BrainsegError(f"{path} has no record with its network beside it: name one record")
        found += there
    return found


def recompute(known: Kept, prepared: Prepared) -> Recomputed:
    """Let a network answer the images whose patients it never learnt from, and score the answers as the record does.

    Raises:
        BrainsegError: If the record is of other images.
    """
    record = known.record
    if (received := prepared.table["number"].tolist()) != (expected := record.scores["number"].tolist()):
        raise BrainsegError(
            f"received {len(received)} images, expected the {len(expected)} of the record {record.name}: name the "
            "folder of the data set that it was recorded on"
        )
    rows = unseen(record.scores)
    predicted = np.zeros((len(received), prepared.size, prepared.size), dtype=bool)
    predicted[rows] = predict(known.model, prepared.images[rows], record.recipe.preset.mirrored) > THRESHOLD
    recipe = (
        record.recipe if record.recipe.split == "published" else replace(record.recipe, fold=record.recipe.fold or 0)
    )
    now = score(recipe, prepared, predicted)  # its splits are not asked for: the record has them
    columns = ["dice", "iou", *(name for name in now.columns if name.startswith("border_"))]
    return Recomputed(
        record.scores.loc[rows, columns].astype(float).set_index(record.scores.loc[rows, "number"]),
        now.loc[rows, columns].astype(float).set_index(now.loc[rows, "number"]),
        known.rounded,
    )


def unseen(scores: pd.DataFrame) -> NDArray[np.intp]:
    """Rows of a record's images of whose patients no image is in a split that decides the weights.

    >>> scores = pd.DataFrame({"split": ["train", "test", "test", "valid"], "patient": ["a", "a", "b", "c"]})
    >>> unseen(scores).tolist()
    [2]
    """
    known = set(scores.loc[scores["split"].isin(LEARNT), "patient"])
    return np.flatnonzero(~scores["patient"].isin(known).to_numpy())
