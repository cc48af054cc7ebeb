"""What a model costs: multiplications, time and memory.

python benchmarks/networks.py [--size 128] [--width 64] [--record results/efficiency.json]
"""

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainseg.backend import describe, keras, processor
from brainseg.errors import BrainsegError
from brainseg.models import ARCHITECTURES, MODELS, build

QUARTILES = {"q1": 25, "median": 50, "q3": 75}
"""The names of the quartiles in this module's columns, and their percentages."""

BATCH_SIZES = (1, 8)


def multiply_adds(model: keras.Model) -> int:
    """Multiplications, each with its addition, that a model needs for one image.

    Counted are the products with the weights of ``Conv2D`` (of any stride, dilation and number of groups),
    ``Conv2DTranspose`` and ``Dense``, those with the zeros of the padding included. Not counted: biases, normalisation,
    activations, pooling, resizing, and the sums and products that merge layers or apply attention; the convolutions
    that compute attention are. The number depends on the graph alone, not on how a library computes it. Where
    operations (FLOPs) are counted, a multiplication and its addition are two.

    Args:
        model: A Keras model with a fixed image size that uses each of its layers once, channels last.

    Raises:
        BrainsegError: If the image size is open, or a layer with a matrix of weights is of another kind.

    >>> image = keras.Input((8, 8, 3))
    >>> multiply_adds(keras.Model(image, keras.layers.Conv2D(4, 3, padding="same")(image)))
    6912
    """
    return sum(_multiply_adds(layer) for layer in model.layers)


def latency(
    model: keras.Model, batch_sizes: Sequence[int] = BATCH_SIZES, repeats: int = 30, warm_up: int = 3
) -> pd.DataFrame:
    """Time that a model takes for one call, by the clock.

    Timed is ``model.predict_on_batch(images)``: one call of the function that Keras has compiled for prediction, with
    the way of the images from a NumPy array to the device and of the probabilities back to one. That is what an
    application waits for; reading and resizing a file is not in it. How Keras compiles is its own choice: an XLA
    program on JAX, a graph without XLA on TensorFlow and a processor, plain calls on PyTorch. The first calls
    (`warm_up`), which compile, are not counted. The images are random; their values do not change the work.

    Args:
        model: A Keras model with a fixed image size.
        batch_sizes: Images per call.
        repeats, warm_up: Timed calls for each batch size, and calls before these.

    Returns:
        One row per batch size: ``batch_size``, and quartiles over the calls in milliseconds, ``call_q1_ms``,
        ``call_median_ms`` and ``call_q3_ms``.

    >>> latency(build("deeplab", size=16, width=2), batch_sizes=[1, 2], repeats=3)["batch_size"].tolist()
    [1, 2]
    """
    rows = []
    for batch_size in batch_sizes:
        images = np.random.default_rng(0).random((batch_size, *model.input_shape[1:]), dtype=np.float32)
        for _ in range(warm_up):
            model.predict_on_batch(images)
        calls = _quartiles([_seconds(model, images) * 1000 for _ in range(repeats)])
        rows.append({"batch_size": batch_size, **{f"call_{name}_ms": value for name, value in calls.items()}})
    return pd.DataFrame(rows)


def peak_memory_mb(name: str, size: int = 128, width: int = 64, batch_size: int = 1) -> float:
    """Memory that building a model and predicting one batch with it adds to a process, in megabytes (10⁶ bytes).

    The difference of two peaks, each of a fresh process: of one that builds the model, untrained, and calls
    ``predict_on_batch`` once, and of one that only imports Keras. It holds the weights, what the layers compute, what
    the backend keeps for itself, and all that Keras loads with the first model. The memory of a graphics card is not
    in it.
    """
    predict = (
        "import numpy\n"
        "from brainseg.models import build\n"
        f"model = build({name!r}, size={size}, width={width})\n"
        f"model.predict_on_batch(numpy.zeros(({batch_size}, *model.input_shape[1:]), 'float32'))\n"
    )
    return peak_resident_mb(predict) - keras_alone_mb()


@cache
def keras_alone_mb() -> float:
    """Peak of the resident memory of a process that only imports Keras, in megabytes (10⁶ bytes), measured once."""
    return peak_resident_mb("")


def peak_resident_mb(statements: str) -> float:
    """Peak of the resident memory of a fresh process that imports Keras and runs some statements, in 10⁶ bytes."""
    code = (
        "from brainseg.backend import keras\n"
        f"from brainseg.experiments.memory import peak_memory_mb\n{statements}\nprint(peak_memory_mb())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise BrainsegError(
            f"received statements whose memory cannot be measured ({reason}); expected that they run in a process of "
            "their own: try them in Python first"
        )
    return float(done.stdout.splitlines()[-1])


def measure(
    names: Sequence[str] = MODELS, size: int = 128, width: int = 64, repeats: int = 30, progress: bool = False
) -> pd.DataFrame:
    """Measure what the models cost as published, on this machine.

    The defaults are the study's size. Other work on the machine makes the times longer and spreads them.

    Returns:
        One row per model: ``model``, ``parameters``, ``multiply_adds`` (of one image), and for one image (1) and for a
        batch of eight (8) the quartiles of a call in milliseconds, ``batch_1_q1_ms``, ``batch_1_median_ms``,
        ``batch_1_q3_ms``, ``batch_8_…``, and the memory, ``batch_1_memory_mb`` and ``batch_8_memory_mb``, see
        :func:`peak_memory_mb`.
    """
    models = {name: build(name, size=size, width=width) for name in names}
    rows = []
    for name, model in tqdm(models.items(), desc="measure", unit="model", disable=not progress):
        row = {"model": name, "parameters": model.count_params(), "multiply_adds": multiply_adds(model)}
        for times in latency(model, BATCH_SIZES, repeats).to_dict("records"):
            batch_size = int(times["batch_size"])
            row |= {f"batch_{batch_size}_{quartile}_ms": times[f"call_{quartile}_ms"] for quartile in QUARTILES}
            row[f"batch_{batch_size}_memory_mb"] = peak_memory_mb(name, size, width, batch_size)
        rows.append(row)
    return pd.DataFrame(rows)


def attention_parameters(names: Sequence[str] = MODELS, size: int = 128, width: int = 64) -> pd.DataFrame:
    """Count the parameters of the models with every kind of attention that they can have.

    Returns:
        One row per model and kind: ``model``, ``attention`` (``none`` without any), ``parameters``.

    >>> attention_parameters(["deeplab"], size=16, width=2)
         model attention  parameters
    0  deeplab      none        4375
    1  deeplab   channel        4451
    2  deeplab   spatial        4474
    """
    rows = [
        {"model": name, "attention": kind or "none", "parameters": build(name, size, 3, width, kind).count_params()}
        for name in names
        for kind in ARCHITECTURES[name].attentions
    ]
    return pd.DataFrame(rows)


def machine() -> dict[str, str | int | float]:
    """What computes, and how busy it is: :func:`brainseg.backend.describe`, processor, cores, load and date.

    ``load`` is the number of processes that wanted to compute, on average over the last minute; this one included.
    """
    return {
        **describe(),
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "load": round(os.getloadavg()[0], 2),
        "date": datetime.date.today().isoformat(),
    }


def _multiply_adds(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return _size(layer.kernel) * _pixels(layer.input)  # each weight meets every pixel of the input
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return _size(layer.kernel) * _pixels(layer.output)  # each weight has a part in every pixel of the output
    if any(len(weight.shape) > 1 for weight in layer.weights):
        raise BrainsegError(
            f"received the layer {layer.name!r}, a {type(layer).__name__} with weights; expected Conv2D, "
            "Conv2DTranspose and Dense: count it by hand"
        )
    return 0


def _size(weight: keras.Variable) -> int:
    return math.prod(weight.shape)


def _pixels(tensor: keras.KerasTensor) -> int:
    _, *sides, _ = tensor.shape
    if None in sides:
        raise BrainsegError(f"received an image size of {tuple(sides)}, expected numbers: give the model a fixed size")
    return math.prod(sides)


def _seconds(model: keras.Model, images: np.ndarray) -> float:
    start = perf_counter()
    model.predict_on_batch(images)
    return perf_counter() - start


def _quartiles(values: Sequence[float]) -> dict[str, float]:
    return {name: float(np.percentile(values, percentage)) for name, percentage in QUARTILES.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all models, print the table, and record what the book reads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="height and width of the images in pixels")
    parser.add_argument("--width", type=int, default=64, help="filters at full resolution")
    parser.add_argument("--record", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    computer = machine()
    table = measure(size=given.size, width=given.width, progress=True)
    print(table.set_index("model").astype(object).T.to_string(float_format="{:.1f}".format))
    if given.record:
        tables = {"models": table, "attention": attention_parameters(size=given.size, width=given.width)}
        content = {name: rows.to_dict("records") for name, rows in tables.items()} | {"machine": [computer]}
        given.record.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
