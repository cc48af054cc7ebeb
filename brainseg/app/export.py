"""How a finished run becomes a network that comes with the package."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.app.pictures import MARK
from brainseg.app.weights import SHIPPED, SUFFIX, Weights, shipped
from brainseg.data.outside import expecting, write_whole
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.fit import half_precision
from brainseg.experiments.run import DECIMALS, Record, Run
from brainseg.experiments.scoring import score_answers
from brainseg.experiments.stored import restored
from brainseg.experiments.train import examples_of
from brainseg.models.exchange import to_onnx, weights_by_name
from brainseg.models.predict import predict
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice


def export(run: Run, prepared: Prepared, dataset: str, folder: Path = SHIPPED) -> Weights:
    """Write a finished run's network, kernels in half precision, with the scores that it has then.

    Args:
        run: Of the store.
        prepared: The data set that it was trained on.
        dataset: The name of that.
        folder: Where to write; the network of the same model that is there is replaced.

    Raises:
        BrainsegError: If the run was trained on other data, or a kernel has a weight that is too large for half
            precision.
    """
    _require_ours(run.recipe.model, folder)
    if (received := examples_of(run.recipe, prepared).fingerprint) != run.provenance["examples"]:
        raise BrainsegError(
            f"run {run.name} was trained on examples with the fingerprint {run.provenance['examples']}, received data "
            f"with {received}: name the data set that it was trained on"
        )
    kept = {name: half_precision(values) for name, values in weights_by_name(run.model).items()}
    model = restored(run.recipe, kept)
    scores = score_answers(run.recipe, prepared, predict(model, prepared.images, run.recipe.preset.mirrored))
    test = run.scores["split"] == "test"
    before, after = (table.loc[test, "border_dice"] for table in (run.scores, scores))
    change = (after - before).abs()
    network = to_onnx(model)
    provenance = run.provenance | {
        "dataset": dataset,
        "sha256": hashlib.sha256(network).hexdigest(),
        "half_precision": {
            "mean": _rounded(change.mean()),
            "largest": _rounded(change.max()),
            "mean_before": _rounded(before.mean()),
            "mean_after": _rounded(after.mean()),
        },
        "upright": _rounded(_upright_dice(model, run, prepared, np.flatnonzero(test))),
    }
    record = Record(run.name, run.recipe, run.history, scores, provenance)
    text = gzip.compress(record.to_json().encode(), mtime=0)
    write_whole(folder / f"{run.recipe.model}.onnx", network)
    write_whole(folder / f"{run.recipe.model}{SUFFIX}", text)
    return shipped(run.recipe.model, folder)


def _require_ours(model: str, folder: Path) -> None:
    """Refuse to replace files that are no network of this package."""
    file = folder / f"{model}.onnx"
    theirs = [path for path in (file, file.with_suffix(SUFFIX)) if path.exists()]
    if theirs:
        with expecting(f"{theirs[0]} exists, and brainseg did not make it", "move it away, or choose another -o"):
            shipped(model, folder)
            if MARK.encode() not in file.read_bytes()[:64]:
                raise ValueError("another program made the network")


def _upright_dice(model: Any, run: Run, prepared: Prepared, rows: NDArray[np.intp]) -> float:
    """Mean Dice of images that are shown upright to a network that expects them lying."""
    upright = prepared.images[rows].transpose(0, 2, 1)
    marked = predict(model, upright, run.recipe.preset.mirrored) > THRESHOLD
    return float(np.nanmean(dice(marked, prepared.masks["border"][rows].transpose(0, 2, 1))))


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS + 2)
