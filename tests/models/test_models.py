"""One contract for all four models, on every backend; variants are tiny and shared."""

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
from tests.toy_models import images, tiny

COUNTS = {  # as published: all parameters, trainable parameters
    "unet": (34_862_949, 34_862_949),
    "linknet": (31_729_509, 31_729_509),
    "segnet": (32_081_989, 32_080_069),
    "deeplab": (4_334_145, 4_334_145),
}
WITH_SKIPS = ("unet", "linknet", "segnet")
PARTS = {  # the layers of each kind of attention
    "gate": ("skip", "signal", "add", "relu", "map", "apply"),
    "channel": ("mean", "squeeze", "weights", "apply"),
    "spatial": ("merge", "map", "apply"),
}
ATTENDED = [(name, kind) for name in MODELS for kind in ARCHITECTURES[name].attentions if kind]
VARIANTS: list[tuple[str, str | None, str | None]] = [
    (name, kind, None) for name in MODELS for kind in ARCHITECTURES[name].attentions
]
VARIANTS += [(name, "published", "batch") for name in MODELS]
every_model = pytest.mark.parametrize("name", MODELS)
every_attention = pytest.mark.parametrize(("name", "attention"), ATTENDED)


every_variant = pytest.mark.parametrize(("name", "attention", "normalisation"), VARIANTS)


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
def test_parameters_are_as_many_as_published(name: str) -> None:
    model = build(name)
    assert (count(model.weights), count(model.trainable_weights)) == COUNTS[name]
    assert model.input_shape == (None, 128, 128, 3)
    assert model.output_shape == (None, 128, 128, 1)


@pytest.mark.parametrize(
    ("name", "attention", "normalisation"),  # other backends take long to compile the larger models: published ones do
    [pytest.param(*one, marks=[pytest.mark.contract] * ("deeplab" in one or "gate" in one)) for one in VARIANTS],
)
def test_a_step_of_training_reaches_every_weight(name: str, attention: str | None, normalisation: str | None) -> None:
    model = build(name, size=16, width=4, attention=attention, normalisation=normalisation)
    model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", run_eagerly=keras.backend.backend() != "jax")
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]
    model.train_on_batch(images(size=16, channels=3), images(size=16) > 0.5)
    after = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    changed = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert [weight.path for weight, moved in zip(model.trainable_weights, changed, strict=True) if not moved] == []


@every_variant
def test_probabilities_are_the_same_after_reloading_with_keras_alone(
    name: str, attention: str | None, normalisation: str | None, tmp_path: Path
) -> None:
    model, x = tiny(name, attention, normalisation), images(size=16, channels=3)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={})
    probability, again = (keras.ops.convert_to_numpy(one(x, training=False)) for one in (model, reloaded))
    assert probability.shape == (2, 16, 16, 1)
    assert probability.dtype == np.float32
    assert 0 <= probability.min() < probability.max() <= 1
    np.testing.assert_array_equal(again, probability)
    modules = {layer["module"] for layer in model.get_config()["layers"]}
    assert modules - {"keras.src.ops.numpy"} == {"keras.layers"}


def test_images_may_have_one_channel() -> None:
    model = build("deeplab", size=16, channels=1, width=2)
    assert output(model, images(size=16, channels=1)).shape == (2, 16, 16, 1)


@every_model
def test_seed_fixes_the_weights(name: str) -> None:
    one, same, other = (build(name, size=16, width=2, seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    kernels = [i for i, weight in enumerate(one) if weight.ndim == 4]
    assert not any(np.array_equal(one[i], other[i]) for i in kernels)


@every_model
def test_width_scales_every_convolution(name: str) -> None:
    def filters(width: int) -> dict[str, int]:
        return {
            layer.name: layer.filters
            for layer in build(name, size=16, width=width).layers
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
        }

    wide, narrow = filters(8), filters(4)
    fixed = {layer for layer in wide if wide[layer] == narrow[layer]}
    assert all(layer == "logits" or layer.endswith("_map") for layer in fixed)
    assert all(wide[layer] == 2 * narrow[layer] for layer in wide.keys() - fixed)


@every_model
def test_size_must_fit_the_poolings(name: str) -> None:
    divisor = ARCHITECTURES[name].divisor
    with pytest.raises(BrainsegError, match=rf"expected a multiple of {divisor}\b"):
        build(name, size=divisor + 2, width=2)
    assert build(name, size=3 * divisor, width=2).output_shape == (None, 3 * divisor, 3 * divisor, 1)


@every_model
def test_published_dropout(name: str) -> None:
    rates = {layer.rate for layer in tiny(name).layers if hasattr(layer, "rate")}
    assert rates == ({0.3} if name in ("unet", "linknet") else set())


@every_model
def test_batch_normalisation_stands_before_every_relu(name: str) -> None:
    model = tiny(name, normalisation="batch")
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            assert model.get_layer(layer.name.replace("_norm", "_relu")).input is layer.output
    normalised = {layer.name for layer in model.layers if layer.name.endswith("_norm")}
    plain = {layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    plain = {conv for conv in plain if not conv.startswith("gate_")} - {"logits"}
    assert normalised == {f"{conv}_norm" for conv in plain if not conv.endswith("_up")}


@pytest.mark.parametrize("attention", PARTS)
@pytest.mark.parametrize("name", WITH_SKIPS)
def test_attention_weights_the_skip(name: str, attention: str) -> None:
    model = tiny(name, attention)
    by_channel = attention == "channel"
    weights_from = f"{attention}_4_weights" if by_channel else f"{attention}_4_map"
    layers = [model.get_layer(layer) for layer in ("encoder_4_conv_2", weights_from, f"{attention}_4_apply")]
    inside = keras.Model(model.input, [layer.output for layer in layers])
    skip, weights, weighted = (keras.ops.convert_to_numpy(value) for value in inside(images(size=16, channels=3)))
    assert weights.shape == ((2, 1, 1, 16) if by_channel else (2, 2, 2, 1))
    assert 0 < weights.min() < weights.max() < 1
    np.testing.assert_allclose(weighted, skip * weights, rtol=1e-6)
    merge = model.get_layer("decoder_4_merge").input
    assert any(value is layers[-1].output for value in merge)
    assert not any(value is layers[0].output for value in merge)


@pytest.mark.parametrize("attention", ["channel", "spatial"])
def test_attention_of_deeplab_weights_the_pyramid(attention: str) -> None:
    model = tiny("deeplab", attention)
    weighted = model.get_layer(f"{attention}_pyramid_apply")
    assert any(value is model.get_layer("aspp_project").output for value in weighted.input)
    assert model.get_layer("decoder_2_conv_1").input is weighted.output


@every_attention
def test_without_attention_only_its_layers_are_gone(name: str, attention: str) -> None:
    with_it, plain = tiny(name, attention), tiny(name, None)
    assert layer_names(with_it) - layer_names(plain) == {
        f"{attention}_{place}_{part}" for place in places(name) for part in PARTS[attention]
    }
    assert layer_names(plain) < layer_names(with_it)
    for layer in plain.layers:
        for a, b in zip(layer.get_weights(), with_it.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=layer.name)


@every_attention
def test_attention_maps_are_those_of_places(name: str, attention: str) -> None:
    model, x = tiny(name, attention), images(3, size=16, channels=3)
    maps = attention_maps(model, x, batch_size=2)
    expected = [] if attention == "channel" else [f"{attention}_{place}" for place in places(name)]
    assert list(maps) == expected
    inside = keras.Model(model.input, {title: model.get_layer(f"{title}_map").output for title in maps} or model.output)
    values = inside(x, training=False)
    for title, stack in maps.items():
        np.testing.assert_allclose(stack, keras.ops.convert_to_numpy(values[title])[..., 0], rtol=1e-5)


@pytest.mark.contract
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


@pytest.mark.contract
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
    with pytest.raises(BrainsegError, match="expected one of: unet, linknet, segnet, deeplab"):
        build("vnet")


def test_deeplab_has_nothing_to_gate() -> None:
    assert resolve_attention("deeplab") is None
    with pytest.raises(BrainsegError, match=r"expected one of: 'published', None, 'channel', 'spatial'"):
        build("deeplab", size=16, width=2, attention="gate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attention": "self"}, "expected one of: 'published', 'gate', None, 'channel', 'spatial'"),
        ({"width": 3}, "expected an even number"),
        ({"size": 0}, "expected a multiple of 16, for example 16"),
        ({"normalisation": "layer"}, "expected None or 'batch'"),
    ],
)
def test_impossible_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        build("unet", **arguments)


def test_titles_name_every_model() -> None:
    assert set(TITLES) == set(MODELS) == {"unet", "linknet", "segnet", "deeplab"}


PREDICT = """
import json, sys
import keras, numpy as np
for folder in json.loads(sys.argv[1]):
    model = keras.models.load_model(f"{folder}/model.keras")
    answer = model(np.load(f"{folder}/images.npy"), training=False)  # not compiled, which takes long
    np.save(f"{folder}/other.npy", keras.ops.convert_to_numpy(answer))
assert not any(name.startswith("brainseg") for name in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backends_give_the_same_output(backend: str, tmp_path: Path) -> None:
    chosen = [*((name, "published") for name in MODELS), ("deeplab", "spatial"), ("deeplab", "channel")]
    folders = [tmp_path / f"{name}-{attention}" for name, attention in chosen]
    for folder, (name, attention) in zip(folders, chosen, strict=True):
        folder.mkdir()
        model, x = build(name, size=32, width=8, attention=attention), images(size=32, channels=3)
        model.save(folder / "model.keras")
        np.save(folder / "images.npy", x)
        np.save(folder / "own.npy", output(model, x))
    on_backend(backend, "-c", PREDICT, json.dumps([str(folder) for folder in folders]))
    for folder in folders:
        own, other = np.load(folder / "own.npy"), np.load(folder / "other.npy")
        np.testing.assert_allclose(other, own, rtol=0, atol=1e-5)
        assert own.std() > 1e-4
