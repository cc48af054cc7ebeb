"""Benchmark of the saliency maps: time beside captum and Xplique, cost of many samples, memory.

Every contestant is a process of its own with one thread and the same network, weights and images. It first gives its
map, which must be that of the package, and is then asked for it again and again, all contestants in turn, so that what
else the machine does falls on all of them alike. Time is given by the clock and by the processor: on a busy machine,
compare the latter.

    python benchmarks/saliency.py [--torch PYTHON] [--xplique PYTHON] [--record FILE]

Without an option the package runs on TensorFlow alone. ``--torch`` names a Python with this package, PyTorch and
captum; ``--xplique`` one with Xplique, which needs TensorFlow 2.15 and its Keras 2 (xplique 1.5.2, tensorflow 2.15.1,
tensorflow-probability 0.23.0, numpy 1.26.4).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
IMAGES, SAMPLES, BATCH = 8, 64, 16
ALIKE = 0.999
"""Least correlation of the maps of two contestants."""
SCALES = {"quick": (64, 8), "laptop": (128, 16)}
ROUNDS = 15
ONE_THREAD = dict.fromkeys(
    ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
) | {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def region(size: int) -> Any:
    """A square in the middle: what is explained."""
    mask = np.zeros((size, size), np.float32)
    mask[size // 3 : size // 2, size // 3 : size // 2] = 1
    return mask


def images(size: int, count: int = IMAGES) -> Any:
    """Grey images of blocks, as the models take them."""
    noise = np.random.default_rng(0).random((count, size // 8, size // 8), np.float32)
    return np.repeat(np.kron(noise, np.ones((8, 8), np.float32))[..., np.newaxis], 3, axis=-1)


# The contestants: each takes the size, the width and a file of weights, and returns a function that makes the maps.


def ours(
    size: int,
    width: int,
    weights: Path,
    method: str = "gradient",
    count: int = IMAGES,
    batch_size: int = BATCH,
    **options: Any,
) -> Callable[[], Any]:
    """A method of this package, on the backend of the process."""
    from brainseg.saliency import explain

    model, x, mask = network(size, width, weights), images(size, count), region(size)
    return lambda: explain(method, model, x, mask, batch_size, **options)


def captum(size: int, width: int, weights: Path) -> Callable[[], Any]:
    """Gradients by captum, on the same Keras model on PyTorch."""
    from captum.attr import Saliency

    from brainseg.backend import keras

    model, x, mask = network(size, width, weights), images(size), keras.ops.convert_to_tensor(region(size))
    logits = keras.Model(model.input, model.get_layer("logits").output)
    method = Saliency(lambda tensor: (logits(tensor, training=False)[..., 0] * mask).sum((1, 2)))

    def maps() -> Any:
        tensor = keras.ops.convert_to_tensor(x).requires_grad_()
        return np.abs(keras.ops.convert_to_numpy(method.attribute(tensor, abs=False)).sum(axis=-1))

    return maps


def xplique(size: int, width: int, weights: Path) -> Callable[[], Any]:
    """Gradients by Xplique, which takes the largest of the channels, on the same network built with Keras 2."""
    import tensorflow
    from xplique.attributions import Saliency

    stand_in: Any = type(sys)("brainseg.backend")
    stand_in.keras = tensorflow.keras
    stand_in.keras.Initializer = tensorflow.keras.initializers.Initializer  # as Keras 3 calls it
    sys.modules["brainseg.backend"] = stand_in
    model, x = network(size, width, weights), images(size)
    logits = tensorflow.keras.Model(model.input, model.get_layer("logits").output)
    targets = np.repeat(region(size)[np.newaxis, ..., np.newaxis], len(x), axis=0)
    method = Saliency(logits, operator="semantic segmentation", batch_size=BATCH)
    return lambda: np.asarray(method.explain(x, targets))


def network(size: int, width: int, weights: Path) -> Any:
    """U-Net with batch normalisation; the first contestant to come makes the weights.

    It treats its three channels alike: then the sum of their gradients and the largest of them are the same map.
    """
    from brainseg.models import build

    model = build("unet", size=size, width=width, normalisation="batch")
    if not weights.exists():
        kernel, *others = model.get_weights()
        np.savez(weights, np.broadcast_to(kernel.mean(axis=2, keepdims=True), kernel.shape), *others)
    with np.load(weights) as stored:
        model.set_weights([stored[name] for name in stored.files])
    return model


CONTESTANTS = {"ours": ours, "captum": captum, "xplique": xplique}


def work(arguments: Sequence[str]) -> None:
    """Be a contestant: write the maps to a file, then one line of times for each line that comes in."""
    name, size, width, weights, target, options = arguments
    if os.environ.get("KERAS_BACKEND") == "torch":
        import torch

        torch.set_num_threads(1)
    maps = CONTESTANTS[name](size=int(size), width=int(width), weights=Path(weights), **json.loads(options))
    maps()
    np.save(target, maps())
    print("ready", flush=True)
    for _ in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        maps()
        print(time.perf_counter() - clock, time.process_time() - processor, flush=True)


class Contestant:
    """A process that makes maps when it is asked to."""

    def __init__(self, name: str, python: str, size: int, width: int, folder: Path, backend: str = "", **options: Any):
        self.target = Path(tempfile.mkstemp(suffix=".npy", dir=folder)[1])
        command = [python, __file__, "work", name, str(size), str(width), str(folder / f"{size}.npz"), str(self.target)]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend}
        self.process = subprocess.Popen(
            [*command, json.dumps(options)], stdin=-1, stdout=-1, text=True, env=environment, bufsize=1
        )
        self.seconds: list[tuple[float, float]] = []

    def ready(self) -> Any:
        """Wait, and return the maps."""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("ready"):
                return np.load(self.target)
        raise SystemExit(f"a contestant ended with exit status {self.process.wait()}")

    def time(self) -> None:
        """Make the maps once more, and note how long it took."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("again\n")
        clock, processor = map(float, self.process.stdout.readline().split())
        self.seconds.append((clock, processor))

    def row(self) -> dict[str, float]:
        """Medians of the times in milliseconds."""
        clock, processor = 1000 * np.median(self.seconds, axis=0)
        return {"clock_ms": round(float(clock), 1), "processor_ms": round(float(processor), 1)}


def race(contestants: dict[str, Contestant]) -> None:
    """Time all contestants in turn."""
    for _ in range(ROUNDS):
        for contestant in contestants.values():
            contestant.time()
    for contestant in contestants.values():
        contestant.process.terminate()


def gradients(pythons: dict[str, str], folder: Path) -> list[dict[str, Any]]:
    """Gradient maps by this package and the others."""
    known = {
        "brainseg, TensorFlow": ("ours", sys.executable, "tensorflow"),
        "brainseg, PyTorch": ("ours", pythons.get("torch"), "torch"),
        "captum": ("captum", pythons.get("torch"), "torch"),
        "Xplique": ("xplique", pythons.get("xplique"), "tensorflow"),
    }
    rows = []
    for scale, (size, width) in SCALES.items():
        racing, expected = {}, None
        for title, (name, python, backend) in known.items():
            if python:
                racing[title] = Contestant(name, python, size, width, folder, backend)
                found = racing[title].ready().ravel()
                expected = found if expected is None else expected
                if (alike := np.corrcoef(found, expected)[0, 1]) < ALIKE:
                    raise SystemExit(f"{title} makes other maps: their correlation with the first is {alike:.4f}")
        race(racing)
        rows += [{"scale": scale, "what": title, **contestant.row()} for title, contestant in racing.items()]
    return rows


def samples(folder: Path) -> list[dict[str, Any]]:
    """Methods that ask many times, beside as many plain gradients in batches of the same size; and RISE in batches.

    With small images and networks, where what the package adds to the gradients weighs most.
    """
    asked: dict[str, dict[str, Any]] = {
        "as many gradients": {"count": SAMPLES},
        "SmoothGrad": {"method": "SmoothGrad", "count": 1, "samples": SAMPLES},
        "integrated gradients": {"method": "integrated gradients", "count": 1, "steps": SAMPLES},
        "RISE, in batches": {"method": "RISE", "count": 1, "masks": SAMPLES},
        "RISE, one by one": {"method": "RISE", "count": 1, "masks": SAMPLES, "batch_size": 1},
    }
    racing = {
        title: Contestant("ours", sys.executable, *SCALES["quick"], folder, "tensorflow", **options)
        for title, options in asked.items()
    }
    for contestant in racing.values():
        contestant.ready()
    race(racing)
    rows, many = [], racing["as many gradients"].row()
    for title, contestant in racing.items():
        row = contestant.row()
        ratios = {name.replace("_ms", "_ratio"): round(row[name] / many[name], 3) for name in row}
        rows.append({"scale": "quick", "what": title, "samples": SAMPLES, **row, **ratios})
    return rows


def memory() -> list[dict[str, Any]]:
    """Peak memory of a process that makes a map with few and with many samples, in batches of the same size."""
    from networks import peak_resident_mb

    rows = []
    for method, option in (("SmoothGrad", "samples"), ("integrated gradients", "steps"), ("RISE", "masks")):
        for number in (64, 1024):
            statements = (
                "import numpy\nfrom brainseg.models import build\nfrom brainseg.saliency import explain\n"
                "model = build('unet', size=64, width=2)\n"
                "x, mask = numpy.zeros((1, 64, 64, 3), 'float32'), numpy.ones((64, 64))\n"
                f"explain({method!r}, model, x, mask, {BATCH}, {option}={number})\n"
            )
            rows.append({"what": method, "samples": number, "peak_mb": round(peak_resident_mb(statements), 1)})
    return rows


def main() -> None:
    """Run the benchmark, print its tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--torch", help="a Python with this package, PyTorch and captum")
    parser.add_argument("--xplique", help="a Python with Xplique")
    parser.add_argument("--record", type=Path, help="JSON file to write")
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)
    import pandas as pd
    from networks import machine

    pythons = {name: value for name in ("torch", "xplique") if (value := getattr(options, name))}
    with tempfile.TemporaryDirectory() as folder:
        tables = {"gradient": gradients(pythons, Path(folder)), "samples": samples(Path(folder)), "memory": memory()}
    for name, rows in tables.items():
        print(f"\n{name}\n{pd.DataFrame(rows).to_string(index=False)}")
    if options.record:
        content = {**tables, "machine": [machine()]}
        options.record.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    work(sys.argv[2:]) if sys.argv[1:2] == ["work"] else main()
