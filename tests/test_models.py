"""One contract for all four models, checked on every backend that is installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.backend import BACKENDS, keras
from brainseg.errors import BrainsegError
from brainseg.models import ARCHITECTURES, MODELS, TITLES, build, resolve_attention

COUNTS = {  # as published: all parameters, trainable parameters
    "unet": (34_862_949, 34_862_949),
    "linknet": (31_729_509, 31_729_509),
    "segnet": (32_081_989, 32_080_069),
    "deeplab": (4_334_145, 4_334_145),
}
VARIANTS: list[dict[str, Any]] = [{}, {"attention": None}, {"normalisation": "batch"}]
OTHER_BACKENDS = [name for name in BACKENDS if name != keras.backend.backend()]

every_model = pytest.mark.parametrize("name", MODELS)
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)


def images(size: int, channels: int = 3, count: int = 2) -> Any:
    return np.random.default_rng(0).random((count, size, size, channels), dtype=np.float32)


def output(model: Any, x: Any) -> Any:
    return model.predict_on_batch(x)


def count(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def layer_names(model: Any) -> set[str]:
    return {layer.name for layer in model.layers}


@every_model
def test_contract_parameter_counts_are_the_published_ones(name: str) -> None:
    model = build(name)
    assert (count(model.weights), count(model.trainable_weights)) == COUNTS[name]
    assert model.input_shape == (None, 128, 128, 3)
    assert model.output_shape == (None, 128, 128, 1)


@every_variant
@every_model
def test_contract_maps_images_to_probabilities(name: str, variant: dict[str, Any]) -> None:
    model = build(name, size=32, channels=1, width=2, **variant)
    x = images(32, channels=1)
    probability = output(model, x)
    assert probability.shape == (2, 32, 32, 1)
    assert probability.dtype == np.float32
    assert 0 <= probability.min() < probability.max() <= 1


@every_variant
@every_model
def test_contract_gradient_reaches_every_weight(name: str, variant: dict[str, Any]) -> None:
    model = build(name, size=32, width=4, **variant)
    model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy")
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    target = (images(32, channels=1) > 0.5).astype("float32")
    model.train_on_batch(images(32), target)
    still = [
        weight.path
        for weight, old in zip(model.trainable_weights, before, strict=True)
        if np.array_equal(keras.ops.convert_to_numpy(weight), old)
    ]
    assert still == []


@every_variant
@every_model
def test_contract_reloads_with_keras_alone(name: str, variant: dict[str, Any], tmp_path: Path) -> None:
    model = build(name, size=32, width=2, **variant)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={})
    np.testing.assert_array_equal(output(reloaded, images(32)), output(model, images(32)))
    modules = {layer["module"] for layer in model.get_config()["layers"]}
    assert modules == {"keras.layers"}


@every_model
def test_contract_seed_fixes_the_weights(name: str) -> None:
    one, same, other = (build(name, size=16, width=2, seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    kernels = [i for i, weight in enumerate(one) if weight.ndim == 4]
    assert not any(np.array_equal(one[i], other[i]) for i in kernels)


@every_model
def test_contract_width_scales_every_convolution(name: str) -> None:
    def filters(width: int) -> dict[str, int]:
        return {
            layer.name: layer.filters
            for layer in build(name, size=32, width=width).layers
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
        }

    wide, narrow = filters(8), filters(4)
    fixed = {layer for layer in wide if wide[layer] == narrow[layer]}
    assert all(layer == "logits" or layer.endswith("_map") for layer in fixed)
    assert all(wide[layer] == 2 * narrow[layer] for layer in wide.keys() - fixed)


@every_model
def test_contract_size_must_fit_the_poolings(name: str) -> None:
    divisor = ARCHITECTURES[name].divisor
    with pytest.raises(BrainsegError, match=rf"{divisor + 2} pixels; expected a multiple of {divisor}\b"):
        build(name, size=divisor + 2, width=2)
    assert build(name, size=3 * divisor, width=2).output_shape == (None, 3 * divisor, 3 * divisor, 1)


@every_model
def test_contract_published_dropout(name: str) -> None:
    rates = {layer.rate for layer in build(name, size=32, width=2).layers if hasattr(layer, "rate")}
    assert rates == ({0.3} if name in ("unet", "linknet") else set())


@every_model
def test_contract_batch_normalisation_stands_before_every_relu(name: str) -> None:
    model = build(name, size=32, width=2, normalisation="batch")
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            (outbound,) = layer._outbound_nodes
            assert outbound.operation.name == layer.name.replace("_norm", "_relu")
    normalised = {layer.name for layer in model.layers if layer.name.endswith("_norm")}
    plain = {layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    plain = {conv for conv in plain if not conv.startswith("gate_")} - {"logits"}
    assert normalised == {f"{conv}_norm" for conv in plain if not conv.endswith("_up")}


@pytest.mark.parametrize("name", ["unet", "linknet", "segnet"])
def test_contract_gate_weights_the_skip(name: str) -> None:
    model = build(name, size=32, width=2)
    skip, attention, gated = (
        model.get_layer(layer).output for layer in ("encoder_4_conv_2", "gate_4_map", "gate_4_apply")
    )
    inside = keras.Model(model.input, [skip, attention, gated])
    skip, attention, gated = (keras.ops.convert_to_numpy(value) for value in inside(images(32)))
    assert attention.shape == (2, 4, 4, 1)
    assert 0 < attention.min() < attention.max() < 1
    np.testing.assert_allclose(gated, skip * attention, rtol=1e-6)


@pytest.mark.parametrize("name", ["unet", "linknet", "segnet"])
def test_contract_without_attention_only_the_gates_are_gone(name: str) -> None:
    gated, plain = build(name, size=32, width=2), build(name, size=32, width=2, attention=None)
    assert layer_names(gated) - layer_names(plain) == {
        f"gate_{level}_{part}" for level in (1, 2, 3, 4) for part in ("skip", "signal", "add", "relu", "map", "apply")
    }
    assert layer_names(plain) < layer_names(gated)
    for layer in plain.layers:
        for a, b in zip(layer.get_weights(), gated.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_unknown_model_lists_those_that_exist() -> None:
    with pytest.raises(BrainsegError, match=r"'vnet'.*unet, linknet, segnet, deeplab"):
        build("vnet")


def test_deeplab_has_nothing_to_gate() -> None:
    assert resolve_attention("deeplab") is None
    with pytest.raises(BrainsegError, match=r"Modified DeepLab cannot have attention 'gate', because"):
        build("deeplab", size=16, width=2, attention="gate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attention": "channel"}, "expected 'published' or 'gate' or None"),
        ({"width": 3}, "width is 3; expected an even number"),
        ({"size": 0}, "0 pixels; expected a multiple of 16, for example 16"),
        ({"normalisation": "layer"}, "normalisation is 'layer'; expected None or 'batch'"),
    ],
)
def test_impossible_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        build("unet", **arguments)


def test_titles_name_every_model() -> None:
    assert set(TITLES) == set(MODELS) == {"unet", "linknet", "segnet", "deeplab"}


def on_backend(backend: str, *command: str) -> str:
    """Run Python in a process of its own with another backend; what it printed."""
    if not find_spec(BACKENDS[backend]):
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backends_pass_the_contract(backend: str) -> None:
    # Saving, reloading and predicting are the next test; the variants use no operation that the published models lack.
    chosen = "test_contract and (counts or gradient) and not normalisation and not None"
    printed = on_backend(backend, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, __file__)
    assert " passed" in printed


PREDICT = """
import json, sys
import keras, numpy as np
for folder in json.loads(sys.argv[1]):
    model = keras.models.load_model(f"{folder}/model.keras")
    np.save(f"{folder}/other.npy", model.predict_on_batch(np.load(f"{folder}/images.npy")))
assert not any(name.startswith("brainseg") for name in sys.modules)
"""


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backends_give_the_same_output(backend: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in MODELS]
    for folder in folders:
        folder.mkdir()
        model = build(folder.name, size=64, width=8)
        model.save(folder / "model.keras")
        np.save(folder / "images.npy", images(64))
        np.save(folder / "own.npy", output(model, images(64)))
    on_backend(backend, "-c", PREDICT, json.dumps([str(folder) for folder in folders]))
    for folder in folders:
        own, other = np.load(folder / "own.npy"), np.load(folder / "other.npy")
        np.testing.assert_allclose(other, own, rtol=0, atol=1e-5)
        assert own.std() > 1e-4
