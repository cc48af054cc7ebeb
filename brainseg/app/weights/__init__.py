"""The trained networks that come with the package.

A network is two files in this folder: ``MODEL.onnx``, its graph and its weights, kernels in half precision
(:mod:`brainseg.models.exchange`); and ``MODEL.json.gz``, the record of its run
(:class:`brainseg.experiments.run.Record`). :mod:`brainseg.app.export` writes both. ONNX Runtime runs the first as it
is; for Keras the graph is built anew from the recipe, so a network opens with any backend. The scores in the record are
those of the weights as they are shipped. All networks were trained on the study's images, with the corrected training.
"""

import gzip
import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainseg.data.outside import expecting, read_bytes
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import Recipe
from brainseg.models import architecture
from brainseg.models.predict import Answer

if TYPE_CHECKING:  # what needs Keras or pandas is imported where it is used: an answer needs neither
    import pandas as pd

    from brainseg.backend import keras
    from brainseg.experiments.run import Record

SHIPPED = Path(__file__).parent
"""Folder of the networks that come with the package."""

SUFFIX = ".json.gz"
"""Of a record's file."""

LEARNT = ("train", "valid")
"""Splits of a record that decide its weights."""


@dataclass(frozen=True, eq=False)
class Weights:
    """A trained network that comes with the package.

    Attributes:
        name, recipe: Of its run.
        provenance: What every run has, and: ``dataset``, by name; ``sha256`` of the file; ``half_precision``, by how
            much rounding to half precision changes the Dice of a test image against the border (``mean`` of the
            absolute changes, and ``largest``) and its mean over the images (``mean_before``, ``mean_after``);
            ``upright``, the mean Dice of the same images shown to the network upright, without being transposed.
        file: Of its graph and weights; the record is beside it.
    """

    name: str
    recipe: Recipe
    provenance: dict[str, Any]
    file: Path

    @cached_property
    def answer(self) -> Answer:
        """What the network answers, computed by ONNX Runtime.

        Raises:
            BrainsegError: If the file is missing or has changed.
        """
        from brainseg.models.runtime import opened

        return opened(self._content)

    @cached_property
    def model(self) -> "keras.Model":
        """The network in Keras, with the same weights, see :mod:`brainseg.models.exact`.

        Raises:
            BrainsegError: If the file is missing or has changed, or does not fit the recipe.
        """
        from brainseg.experiments.stored import restored
        from brainseg.models.exact import exact
        from brainseg.models.exchange import named_weights

        return exact(restored(self.recipe, named_weights(self._content)))

    @cached_property
    def record(self) -> "Record":
        """The record of its run."""
        from brainseg.experiments.run import Record

        path = self.file.with_suffix(SUFFIX)
        with _undamaged(path):
            return Record.from_json(_record(path))

    @property
    def scores(self) -> "pd.DataFrame":
        """One row for each image of the data set, see :func:`brainseg.experiments.scoring.score`."""
        return self.record.scores

    @cached_property
    def known(self) -> frozenset[int]:
        """Numbers of the data set's images whose patient has an image that decided the weights."""
        path = self.file.with_suffix(SUFFIX)
        with _undamaged(path):  # without pandas, for which an answer would wait
            scores = json.loads(_record(path))["scores"]
            rows = list(zip(scores["number"], scores["patient"], scores["split"], strict=True))
            learnt = {patient for _, patient, split in rows if split in LEARNT}
            return frozenset(number for number, patient, _ in rows if patient in learnt)

    @property
    def _content(self) -> bytes:
        content = _read(self.file)
        if (found := hashlib.sha256(content).hexdigest()) != (expected := self.provenance["sha256"]):
            raise BrainsegError(
                f"{self.file} has changed since its export: its SHA-256 is {found[:8]}…, expected {expected[:8]}…: "
                "install brainseg again, or export the run again"
            )
        return content


def shipped(model: str, folder: Path = SHIPPED) -> Weights:
    """Open a network that comes with the package.

    Args:
        model: "unet", "linknet", "segnet" or "deeplab".
        folder: Where the networks are.

    Raises:
        BrainsegError: If there is no such model, it is not in the folder, or what is there is another one.

    >>> network = shipped("deeplab")
    >>> network.recipe.training, network.recipe.split, network.provenance["dataset"]
    ('corrected', 'patient', 'tumorseg')
    """
    architecture(model)
    path = folder / f"{model}{SUFFIX}"
    with _undamaged(path):
        record = json.loads(_record(path))
        name, recipe, provenance = record["name"], Recipe.from_dict(record["recipe"]), record["provenance"]
        if not isinstance(provenance["sha256"], str) or not isinstance(provenance["dataset"], str):
            raise ValueError("no digest, or no data set")
    if recipe.model != model:
        raise BrainsegError(f"{path} is a record of {recipe.model}, expected one of {model}: export it again")
    return Weights(name, recipe, provenance, folder / f"{model}.onnx")


def _undamaged(path: Path) -> AbstractContextManager[None]:
    return expecting(
        f"{path} cannot be read, expected what brainseg export writes",
        "install brainseg again, or export the run again",
    )


def _record(path: Path) -> str:
    return gzip.decompress(_read(path)).decode()


def _read(path: Path) -> bytes:
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.onnx"))) or "none"
        raise BrainsegError(f"there is no file {path}: of the trained networks, that folder has {there}")
    return read_bytes(path)
