"""The trained networks that come with the package, and how a finished run becomes one.

A network is two files in this folder: ``MODEL.npz``, its weights by the names of their layers, kernels in half
precision and vectors as they are, the bytes of each significance together, because so they compress better; and
``MODEL.json.gz``, the record of its run (:class:`brainseg.experiments.run.Record`). The graph is built anew from the
recipe, so a network opens with any backend, and opening one runs no stored code. The scores in the record are those of
the weights as they are shipped. All networks were trained on the study's images, with the corrected training.
"""

import gzip
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.data.prepare import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.fit import untrained
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.run import DECIMALS, Record, Run
from brainseg.experiments.scoring import score
from brainseg.experiments.train import examples_of
from brainseg.models import TITLES, architecture
from brainseg.models.predict import predict
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice

SHIPPED = Path(__file__).parent
"""Folder of the networks that come with the package."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Weights(Record):
    """The record of a run with its weights.

    Beside what every run has, ``provenance`` says: ``dataset``, by name; ``sha256`` of the file of weights;
    ``half_precision``, by how much rounding to half precision changes the Dice of a test image against the border
    (``mean`` of the absolute changes, and ``largest``) and its mean over the images (``mean_before``, ``mean_after``);
    ``upright``, the mean Dice of the same images shown to the network upright, without being transposed.

    Attributes:
        file: Of the weights.
    """

    file: Path

    @cached_property
    def model(self) -> "keras.Model":
        """The trained model.

        Raises:
            BrainsegError: If the file is missing or has changed, or does not fit the recipe.
        """
        content = _read(self.file)
        if (found := hashlib.sha256(content).hexdigest()) != (expected := self.provenance["sha256"]):
            raise BrainsegError(
                f"{self.file} has changed since its export: its SHA-256 is {found[:8]}…, expected {expected[:8]}…: "
                "install brainseg again, or export the run again"
            )
        return restored(self.recipe, _arrays(content, self.file))


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
    path = folder / f"{model}.json.gz"
    try:
        record = Record.from_json(gzip.decompress(_read(path)).decode())
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise BrainsegError(f"{path} cannot be read, expected what brainseg export writes: {error}") from error
    if record.recipe.model != model:
        raise BrainsegError(f"{path} is a record of {record.recipe.model}, expected one of {model}: export it again")
    return Weights(**vars(record), file=folder / f"{model}.npz")


def export(run: Run, prepared: Prepared, dataset: str, folder: Path = SHIPPED) -> Weights:
    """Write a finished run's weights, kernels in half precision, with the scores that they have then.

    Args:
        run: Of the store.
        prepared: The data set that it was trained on.
        dataset: The name of that.
        folder: Where to write; the network of the same model that is there is replaced.

    Raises:
        BrainsegError: If the run was trained on other data, or a kernel has a weight that is too large for half
            precision.
    """
    if (received := examples_of(run.recipe, prepared).fingerprint) != run.provenance["examples"]:
        raise BrainsegError(
            f"run {run.name} was trained on examples with the fingerprint {run.provenance['examples']}, received data "
            f"with {received}: name the data set that it was trained on"
        )
    kept = {name: _kept(name, values) for name, values in _named(run.model).items()}
    model = restored(run.recipe, kept)
    probability = predict(model, prepared.images, run.recipe.preset.mirrored)
    scores = score(run.recipe, prepared, probability > THRESHOLD)
    test = run.scores["split"] == "test"
    before, after = (table.loc[test, "border_dice"] for table in (run.scores, scores))
    change = (after - before).abs()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{name: _apart(values) for name, values in kept.items()})
    provenance = run.provenance | {
        "dataset": dataset,
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "half_precision": {
            "mean": _rounded(change.mean()),
            "largest": _rounded(change.max()),
            "mean_before": _rounded(before.mean()),
            "mean_after": _rounded(after.mean()),
        },
        "upright": _rounded(_upright_dice(model, run.recipe, prepared, np.flatnonzero(test))),
    }
    folder.mkdir(parents=True, exist_ok=True)
    exported = Weights(run.name, run.recipe, run.history, scores, provenance, folder / f"{run.recipe.model}.npz")
    exported.file.write_bytes(buffer.getvalue())
    text = gzip.compress(exported.to_json().encode(), mtime=0)
    exported.file.with_name(f"{run.recipe.model}.json.gz").write_bytes(text)
    return exported


def restored(recipe: Recipe, arrays: Arrays) -> "keras.Model":
    """Build the recipe's model and give it weights.

    Raises:
        BrainsegError: If the arrays are not those of the model, by name and shape.
    """
    model = untrained(recipe)
    expected = {name: values.shape for name, values in _named(model).items()}
    received = {name: values.shape for name, values in arrays.items()}
    for name in [*expected, *received]:
        if received.get(name) != expected.get(name):
            raise BrainsegError(
                f"weights do not fit the recipe of {TITLES[recipe.model]} with {recipe.size} pixels and width "
                f"{recipe.width}: received {_shape(received.get(name))} for {name}, expected "
                f"{_shape(expected.get(name))}; export the run again"
            )
    model.set_weights([arrays[name].astype(np.float32) for name in _names(model)])
    return model


def _names(model: "keras.Model") -> list[str]:
    """Names of a model's weights, the same with every backend, in the order of ``model.weights``."""
    return [f"{layer.name}/{variable.name}" for layer in model.layers for variable in layer.weights]


def _named(model: "keras.Model") -> Arrays:
    return dict(zip(_names(model), model.get_weights(), strict=True))


def _kept(name: str, values: NDArray[np.float32]) -> NDArray[np.floating]:
    """Kernels in half precision; vectors, such as the variances of a normalisation, may be too large for that."""
    if values.ndim < 2:
        return values
    if np.abs(values).max() > np.finfo(np.float16).max:
        raise BrainsegError(f"a weight of {name} is {np.abs(values).max():g}, too large for half precision")
    return values.astype(np.float16)


def _apart(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The bytes of numbers, least significant ones first: (bytes of a number, ...)."""
    little = values.astype(values.dtype.newbyteorder("<"))
    each = np.frombuffer(little.tobytes(), np.uint8).reshape(*values.shape, values.itemsize)
    return np.ascontiguousarray(np.moveaxis(each, -1, 0))


def _together(apart: NDArray[np.uint8]) -> NDArray[np.floating]:
    """The inverse of :func:`_apart`."""
    if apart.dtype != np.uint8 or apart.ndim == 0 or len(apart) not in (2, 4):
        raise ValueError(f"received {apart.dtype} of shape {apart.shape}, expected bytes, (2 or 4, ...)")
    each = np.ascontiguousarray(np.moveaxis(apart, 0, -1))
    return np.frombuffer(each.tobytes(), f"<f{len(apart)}").reshape(apart.shape[1:])


def _upright_dice(model: "keras.Model", recipe: Recipe, prepared: Prepared, rows: NDArray[np.intp]) -> float:
    """Mean Dice of images that are shown upright to a network that expects them lying."""
    upright = prepared.images[rows].transpose(0, 2, 1)
    marked = predict(model, upright, recipe.preset.mirrored) > THRESHOLD
    return float(np.nanmean(dice(marked, prepared.masks["border"][rows].transpose(0, 2, 1))))


def _read(path: Path) -> bytes:
    if not path.is_file():
        there = ", ".join(sorted(file.name.split(".")[0] for file in path.parent.glob("*.npz"))) or "none"
        raise BrainsegError(f"there is no file {path}: of the trained networks, that folder has {there}")
    return path.read_bytes()


def _arrays(content: bytes, path: Path) -> Arrays:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: _together(stored[name]) for name in stored.files}
    except (BadZipFile, ValueError, OSError, EOFError) as error:
        raise BrainsegError(f"{path} cannot be read, expected arrays as brainseg export writes them") from error


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS + 2)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no array" if shape is None else f"shape {shape}"
