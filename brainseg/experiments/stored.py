"""Trained networks of the phantom that come with the repository, so that the book need not train them.

A network is found by the name of its run, which says what decided its weights. Where code, recipe or images are others
by now, none is found, and one is trained. It is two files: ``NAME.onnx``, the graph and the weights as
:mod:`brainseg.models.exchange` keeps them; and ``NAME.json``, what else is known of the run.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from numpy.typing import NDArray

from brainseg.data.outside import expecting, write_whole
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.run import Run, write_run
from brainseg.fingerprint import resource
from brainseg.models import TITLES

if TYPE_CHECKING:
    from brainseg.backend import keras

FOLDER: Final = "results/phantom-quick-networks"

ANEW: Final = "BRAINSEG_TRAIN_ANEW"
"""Environment variable: where it is set, all networks are trained, in a folder of their own, to be compared with those
that are stored."""


def runs_folder(store: Path, anew: bool | None = None) -> Path:
    """Folder of the runs in a store: of those trained anew, or of all others; None: as :data:`ANEW` says."""
    return store / ("runs-anew" if (bool(os.environ.get(ANEW)) if anew is None else anew) else "runs")


def unpack(recipe: Recipe, folder: Path) -> bool:
    """Make a run's folder from the stored network of its name; says whether there is one.

    Raises:
        BrainsegError: If what is stored is damaged.
    """
    file = resource("results") / Path(FOLDER).name / f"{folder.name}.onnx"
    if os.environ.get(ANEW) or not file.is_file():
        return False
    with expecting(f"{file} is damaged", "check it out again"):
        about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        history, provenance = pd.DataFrame(about["history"]), about["provenance"]
        model = opened(file, recipe, provenance["weights"]["rounded"])
    write_run(folder, recipe, model, history, provenance)
    return True


def keep(run: Run, folder: Path) -> None:
    """Store a finished run's network and what else is known of it, without its answers and scores."""
    from brainseg.models.exchange import to_onnx

    about = {
        "recipe": run.recipe.to_dict(),
        "provenance": {name: value for name, value in run.provenance.items() if name != "data"},
        "history": run.history.to_dict("list"),
    }
    network, text = to_onnx(run.model), json.dumps(about, indent=1) + "\n"
    write_whole(folder / f"{run.folder.name}.onnx", network)
    write_whole(folder / f"{run.folder.name}.json", text)


def opened(file: Path, recipe: Recipe, sha256: str) -> "keras.Model":
    """The recipe's model with the weights of a file, which are those whose digest was noted.

    Raises:
        ValueError: If they are not, or do not fit.
    """
    from brainseg.experiments.fit import digest  # here, because the name of the folder alone needs no Keras
    from brainseg.models.exchange import named_weights  # here, because a training alone needs no ONNX

    try:
        model = restored(recipe, named_weights(file.read_bytes()))
    except BrainsegError as error:
        raise ValueError(str(error)) from error
    if digest(model.get_weights()) != sha256:
        raise ValueError("its weights have another SHA-256 than was noted")
    return model


def restored(recipe: Recipe, weights: Mapping[str, NDArray[Any]]) -> "keras.Model":
    """The recipe's model with these weights.

    Raises:
        BrainsegError: If the weights are not those of the model, by name and shape.
    """
    from brainseg.experiments.fit import untrained
    from brainseg.models.exchange import weights_by_name

    model = untrained(recipe)
    expected = {name: values.shape for name, values in weights_by_name(model).items()}
    received = {name: values.shape for name, values in weights.items()}
    for name in [*expected, *received]:
        if received.get(name) != expected.get(name):
            raise BrainsegError(
                f"weights do not fit the recipe of {TITLES[recipe.model]} with {recipe.size} pixels and width "
                f"{recipe.width}: received {_shape(received.get(name))} for {name}, expected "
                f"{_shape(expected.get(name))}; check the file out again, or export the run again"
            )
    model.set_weights([weights[name] for name in expected])
    return model


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no array" if shape is None else f"shape {shape}"
