"""One contract for all four models, checked on every backend that is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models import ARCHITECTURES, MODELS, TITLES, build, resolve_attention
from brainseg.models.attention import attention_maps
from brainseg.models.blocks import Style, channel_attention, spatial_attention
from tests.backends import OTHER_BACKENDS, on_backend

COUNTS = {  # as published: all parameters, trainable parameters
    "unet": (34_862_949, 34_862_949),
    "linknet": (31_729_509, 31_729_509),
    "segnet": (32_081_989, 32_080_069),
    "deeplab": (4_334_145, 4_334_145),
}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"attention": None},
    {"attention": "channel"},
    {"attention": "spatial"},
    {"normalisation": "batch"},
]
WITH_SKIPS = ("unet", "linknet", "segnet")
ATTENDED = [(name, kind) for name in MODELS for kind in ARCHITECTURES[name].attentions if kind]
PARTS = {  # the layers of each kind of attention
    "gate": ("skip", "signal", "add", "relu", "map", "apply"),
    "channel": ("mean", "squeeze", "weights", "apply"),
    "spatial": ("merge", "map", "apply"),
}
every_model = pytest.mark.parametrize("name", MODELS)
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)
every_attention = pytest.mark.parametrize(("name", "attention"), ATTENDED)


def images(size: int, channels: int = 3, count: int = 2) -> Any:
    return np.random.default_rng(0).random((count, size, size, channels), dtype=np.float32)


def output(model: Any, x: Any) -> Any:
    return model.predict_on_batch(x)


def count(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def layer_names(model: Any) -> set[str]:
    return {layer.name for layer in model.layers}


def places(name: str) -> tuple[Any, ...]:
    """Where a model has its attention, as in the names of the layers."""
    return (1, 2, 3, 4) if name in WITH_SKIPS else ("pyramid",)


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
    assert modules - {"keras.src.ops.numpy"} == {"keras.layers"}


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


@pytest.mark.parametrize("attention", PARTS)
@pytest.mark.parametrize("name", WITH_SKIPS)
def test_contract_attention_weights_the_skip(name: str, attention: str) -> None:
    model = build(name, size=32, width=2, attention=attention)
    by_channel = attention == "channel"
    weights_from = f"{attention}_4_weights" if by_channel else f"{attention}_4_map"
    layers = [model.get_layer(layer) for layer in ("encoder_4_conv_2", weights_from, f"{attention}_4_apply")]
    inside = keras.Model(model.input, [layer.output for layer in layers])
    skip, weights, weighted = (keras.ops.convert_to_numpy(value) for value in inside(images(32)))
    assert weights.shape == ((2, 1, 1, 16) if by_channel else (2, 4, 4, 1))
    assert 0 < weights.min() < weights.max() < 1
    np.testing.assert_allclose(weighted, skip * weights, rtol=1e-6)
    merge = model.get_layer("decoder_4_merge").input
    assert any(value is layers[-1].output for value in merge)
    assert not any(value is layers[0].output for value in merge)


@pytest.mark.parametrize("attention", ["channel", "spatial"])
def test_contract_attention_of_deeplab_weights_the_pyramid(attention: str) -> None:
    model = build("deeplab", size=32, width=2, attention=attention)
    weighted = model.get_layer(f"{attention}_pyramid_apply")
    assert any(value is model.get_layer("aspp_project").output for value in weighted.input)
    assert model.get_layer("decoder_2_conv_1").input is weighted.output


@every_attention
def test_contract_without_attention_only_its_layers_are_gone(name: str, attention: str) -> None:
    with_it, plain = (build(name, size=32, width=2, attention=kind) for kind in (attention, None))
    assert layer_names(with_it) - layer_names(plain) == {
        f"{attention}_{place}_{part}" for place in places(name) for part in PARTS[attention]
    }
    assert layer_names(plain) < layer_names(with_it)
    for layer in plain.layers:
        for a, b in zip(layer.get_weights(), with_it.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=layer.name)


@every_attention
def test_contract_attention_maps_are_those_of_places(name: str, attention: str) -> None:
    model = build(name, size=32, width=2, attention=attention)
    maps = attention_maps(model, images(32, count=3), batch_size=2)
    expected = [] if attention == "channel" else [f"{attention}_{place}" for place in places(name)]
    assert list(maps) == expected
    for title, stack in maps.items():
        inside = keras.Model(model.input, model.get_layer(f"{title}_map").output)
        np.testing.assert_allclose(stack, output(inside, images(32, count=3))[..., 0], rtol=1e-5)


def test_channel_attention_multiplies_channels_by_known_numbers() -> None:
    # Means 1, -2, 3 and 0; of these the ReLU leaves 1, 0, 3 and 0. The four sigmoids are of ln 3, 0, -ln 4 and ln 9.
    x = np.zeros((1, 2, 2, 4), np.float32) + [1, -2, 3, 0] + np.array([[-1, 1], [2, -2]])[None, :, :, None]
    tensor = keras.Input((2, 2, 4))
    model = keras.Model(tensor, channel_attention(tensor, "channel_1", Style()))
    bias = np.array([0, 0, 0, np.log(9)])
    excitation = np.diag([np.log(3), 5, -np.log(4) / 3, 7])
    model.get_layer("channel_1_squeeze").set_weights([np.eye(4)[None, None], np.zeros(4)])
    model.get_layer("channel_1_weights").set_weights([excitation[None, None], bias])
    np.testing.assert_allclose(output(model, x), x * [0.75, 0.5, 0.2, 0.9], rtol=1e-5)


@pytest.mark.parametrize(("channels", "squeezed"), [(8, 4), (64, 4), (128, 8), (512, 32)])
def test_channel_attention_squeezes_to_a_sixteenth_but_at_least_four(channels: int, squeezed: int) -> None:
    tensor = keras.Input((2, 2, channels))
    model = keras.Model(tensor, channel_attention(tensor, "channel_1", Style()))
    assert model.get_layer("channel_1_squeeze").output.shape == (None, 1, 1, squeezed)
    assert count(model.weights) == (channels + 1) * squeezed + (squeezed + 1) * channels


def test_spatial_attention_multiplies_places_by_known_numbers() -> None:
    # The kernel adds the mean in place and twice the maximum three columns to the right, beyond the border 0.
    x = np.zeros((1, 1, 5, 3), np.float32)
    x[0, 0, 0] = [0, -np.log(27), 0]  # mean -ln 3; three to the right: maximum ln 3; sum ln 3
    x[0, 0, 1] = [np.log(2), np.log(4), 0]  # mean ln 2; three to the right: maximum 0; sum ln 2
    x[0, 0, 3] = [np.log(3), 0, -np.log(3)]  # mean 0, beyond: nothing; sum 0
    x[0, 0, 4] = [-np.log(4), -np.log(16), 0]  # mean -ln 4, beyond: nothing; sum -ln 4
    tensor = keras.Input((1, 5, 3))
    model = keras.Model(tensor, spatial_attention(tensor, "spatial_1", Style()))
    kernel = np.zeros((7, 7, 2, 1))
    kernel[3, 3, 0], kernel[3, 6, 1] = 1, 2
    model.get_layer("spatial_1_map").set_weights([kernel, np.zeros(1)])
    weights = np.array([3 / 4, 2 / 3, 1 / 2, 1 / 2, 1 / 5])
    np.testing.assert_allclose(output(model, x), x * weights[:, None], rtol=1e-5)
    np.testing.assert_allclose(attention_maps(model, x)["spatial_1"], [[weights]], rtol=1e-5)


def test_unknown_model_lists_those_that_exist() -> None:
    with pytest.raises(BrainsegError, match=r"'vnet'.*unet, linknet, segnet, deeplab"):
        build("vnet")


def test_deeplab_has_nothing_to_gate() -> None:
    assert resolve_attention("deeplab") is None
    with pytest.raises(BrainsegError, match=r"DeepLab cannot have attention 'gate', because .* None, 'channel', 'spat"):
        build("deeplab", size=16, width=2, attention="gate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attention": "self"}, "'self'; expected one of: 'published', 'gate', None, 'channel', 'spatial'"),
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


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backends_pass_the_contract(backend: str) -> None:
    # Saving, reloading and predicting are the next test; of the variants it is enough to try those of one quick model.
    chosen = "test_contract and (counts or gradient) and not normalisation and not None and (deeplab or not attention)"
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
    chosen = [*((name, "published") for name in MODELS), ("linknet", "spatial"), ("deeplab", "channel")]
    folders = [tmp_path / f"{name}-{attention}" for name, attention in chosen]
    for folder, (name, attention) in zip(folders, chosen, strict=True):
        folder.mkdir()
        model = build(name, size=64, width=8, attention=attention)
        model.save(folder / "model.keras")
        np.save(folder / "images.npy", images(64))
        np.save(folder / "own.npy", output(model, images(64)))
    on_backend(backend, "-c", PREDICT, json.dumps([str(folder) for folder in folders]))
    for folder in folders:
        own, other = np.load(folder / "own.npy"), np.load(folder / "other.npy")
        np.testing.assert_allclose(other, own, rtol=0, atol=1e-5)
        assert own.std() > 1e-4
