"""Costs against counts by hand, known times and a known amount of memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import networks
from benchmarks.networks import (
    attention_parameters,
    keras_alone_mb,
    latency,
    measure,
    multiply_adds,
    peak_memory_mb,
    peak_resident_mb,
)
from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.experiments.recorded import recorded
from brainseg.models import MODELS, build, resolve_attention
from brainseg.paper.study import PARAMETERS

layers = keras.layers


def single(layer: Any, *shape: int | None) -> Any:
    image = keras.Input(shape)
    return keras.Model(image, layer(image))


@pytest.mark.parametrize(
    ("layer", "shape", "count"),
    [
        (layers.Conv2D(4, 3, padding="same"), (16, 10, 3), 16 * 10 * 9 * 3 * 4),
        # The next six are also what XLA's cost analysis counts (JAX 0.10.2), which leaves the padding out.
        (layers.Conv2D(4, 3), (16, 16, 3), 14 * 14 * 9 * 3 * 4),
        (layers.Conv2D(4, 3, dilation_rate=3), (16, 16, 3), 10 * 10 * 9 * 3 * 4),
        (layers.Conv2D(4, 3, strides=2), (16, 16, 3), 7 * 7 * 9 * 3 * 4),
        (layers.Conv2D(6, 3, groups=3), (16, 16, 3), 14 * 14 * 9 * 1 * 6),
        (layers.Conv2DTranspose(4, 3, strides=2), (16, 16, 3), 16 * 16 * 9 * 3 * 4),
        (layers.Dense(5), (16, 16, 3), 16 * 16 * 3 * 5),
        (layers.Dense(5), (12,), 12 * 5),
        (layers.Conv2DTranspose(4, (3, 2), strides=2, padding="same"), (16, 10, 3), 16 * 10 * 6 * 3 * 4),
        (layers.BatchNormalization(), (16, 16, 3), 0),
        (layers.UpSampling2D(2, interpolation="bilinear"), (16, 16, 3), 0),
    ],
)
def test_counts_of_single_layers_by_hand(layer: Any, shape: tuple[int, ...], count: int) -> None:
    assert multiply_adds(single(layer, *shape)) == count


@pytest.mark.parametrize(("size", "width"), [(16, 2), (32, 6)])
def test_the_count_of_deeplab_by_hand(size: int, width: int) -> None:
    full, half, quarter, w = size**2, (size // 2) ** 2, (size // 4) ** 2, width
    encoder = full * 9 * (3 * w + w * w) + half * 9 * (w * 2 * w + 2 * w * 2 * w)
    encoder += quarter * 9 * (2 * w * 4 * w + 4 * w * 4 * w)
    pyramid = (4 * w) ** 2 * (1 + quarter + 3 * 9 * quarter + 5 * quarter)  # image, point, dilations, projection
    decoder = quarter * 9 * 4 * w * 4 * w + half * 9 * 4 * w * 2 * w + full * (9 * 2 * w * w + w)
    assert multiply_adds(build("deeplab", size=size, width=width)) == encoder + pyramid + decoder


@pytest.mark.parametrize("name", ["unet", "linknet"])
def test_gates_cost_their_three_pointwise_convolutions(name: str) -> None:
    gated, plain = (build(name, size=32, width=4, attention=kind) for kind in ("published", None))
    gates = sum((32 // 2**level) ** 2 * (2 * c * c // 2 + c // 2) for level, c in enumerate((4, 8, 16, 32)))
    assert multiply_adds(gated) - multiply_adds(plain) == gates


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(BrainsegError, match=r"a SeparableConv2D with weights; expected Conv2D, "):
        multiply_adds(single(layers.SeparableConv2D(4, 3, name="other"), 16, 16, 3))
    with pytest.raises(BrainsegError, match=r"an image size of \(None, 16\), expected numbers"):
        multiply_adds(single(layers.Conv2D(4, 3, padding="same"), None, 16, 3))


class TimedModel:
    """Stands for a model; each call moves the clock by the next of the given times."""

    input_shape = (None, 4, 6, 3)

    def __init__(self, seconds: list[float]) -> None:
        self.seconds: Iterator[float] = iter(seconds)
        self.now = 0.0
        self.shapes: list[tuple[int, ...]] = []

    def predict_on_batch(self, images: np.ndarray) -> None:
        self.shapes.append(images.shape)
        self.now += next(self.seconds)


def test_latency_of_known_times(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_start = [9.0, 8.0]
    model: Any = TimedModel([*slow_start, 0.005, 0.001, 0.002, 0.003, 0.004, *slow_start, *[0.08] * 5])
    monkeypatch.setattr(networks, "perf_counter", lambda: model.now)
    table = latency(model, batch_sizes=[1, 4], repeats=5, warm_up=2)
    assert model.shapes == [(1, 4, 6, 3)] * 7 + [(4, 4, 6, 3)] * 7
    assert table.columns.tolist() == ["batch_size", "call_q1_ms", "call_median_ms", "call_q3_ms"]
    np.testing.assert_allclose(table.to_numpy(), [[1, 2, 3, 4], [4, 80, 80, 80]], rtol=1e-9)


@pytest.mark.slow
def test_memory_is_that_of_the_process_alone() -> None:
    ballast = np.ones(10**8)  # 800 MB in this process, which ru_maxrss of the next ones would hold on Linux
    with_array = peak_resident_mb("import numpy; array = numpy.ones(25_000_000)")
    assert with_array - keras_alone_mb() == pytest.approx(200, abs=20)
    weights_mb = build("deeplab", size=16, width=128).count_params() * 4 / 1e6
    assert 60 < weights_mb < peak_memory_mb("deeplab", size=16, width=128) < ballast.nbytes / 1e6


@pytest.mark.slow
def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(BrainsegError, match=r"cannot be measured \(SyntaxError: .*\)"):
        peak_resident_mb("no Python")


def test_measure_has_one_row_per_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "peak_memory_mb", lambda name, size, width, batch_size: 10.0 * batch_size)
    table = measure(["deeplab", "unet"], size=16, width=2, repeats=2).set_index("model")
    assert table.index.tolist() == ["deeplab", "unet"]
    for name, row in table.iterrows():
        model = build(str(name), size=16, width=2)
        assert row["parameters"] == model.count_params()
        assert row["multiply_adds"] == multiply_adds(model)
        for batch_size in (1, 8):
            assert 0 < row[f"batch_{batch_size}_q1_ms"] <= row[f"batch_{batch_size}_median_ms"]
            assert row[f"batch_{batch_size}_median_ms"] <= row[f"batch_{batch_size}_q3_ms"]
            assert row[f"batch_{batch_size}_memory_mb"] == 10 * batch_size


def test_what_is_recorded_is_what_the_book_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(networks, "peak_memory_mb", lambda *arguments: 1.0)
    networks.main(["--size", "16", "--width", "2", "--record", str(tmp_path / "costs.json")])
    printed = capsys.readouterr().out
    assert all(name in printed for name in MODELS)
    now, then = json.loads((tmp_path / "costs.json").read_text()), recorded("efficiency")
    assert now.keys() == then.keys()
    assert all(set(then[name]) <= rows[0].keys() for name, rows in now.items())
    assert [row["model"] for row in now["models"]] == list(MODELS)


def test_the_recorded_costs_are_those_of_the_published_models() -> None:
    models = recorded("efficiency")["models"].set_index("model")
    assert models["parameters"].to_dict() == PARAMETERS
    assert models["multiply_adds"].to_dict() == {name: multiply_adds(build(name)) for name in MODELS}


def test_of_the_recorded_kinds_of_attention_the_published_one_has_the_published_parameters() -> None:
    kinds = recorded("efficiency")["attention"].set_index(["model", "attention"])["parameters"]
    for name, parameters in PARAMETERS.items():
        assert kinds[name, resolve_attention(name) or "none"] == parameters
    fresh = attention_parameters(["deeplab"])
    assert fresh["parameters"].tolist() == kinds["deeplab"].loc[fresh["attention"]].tolist()
