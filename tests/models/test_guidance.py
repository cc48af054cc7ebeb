"""Guidance: shares worked out by hand, derivatives measured, and what it does to a training."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from brainseg.backend import configure, keras
from brainseg.data.prepare import Prepared, prepare
from brainseg.experiments import train as training
from brainseg.experiments.batches import Batches
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import TRAININGS, Recipe, Scale, Training
from brainseg.experiments.run import Run
from brainseg.experiments.train import compiled, split_rows, train
from brainseg.models import MODELS, as_input, build
from brainseg.models.guidance import Guided, _share_outside, _up_to_logits, energy_outside, without_guidance
from brainseg.saliency.gradients import input_gradient
from tests.backends import OTHER_BACKENDS, on_backend
from tests.data_fixtures import write_dataset
from tests.toy_models import LAYERS, images, square, toy

pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")  # JAX, of a metric
BACKEND = keras.backend.backend()
TINY = Scale("tiny", 32, 2, 3)
HEAVY = 30.0


def shares(model: Any, x: Any, masks: Any) -> Any:
    return keras.ops.convert_to_numpy(energy_outside(model, x, masks))


def squares(n: int = 2) -> Any:
    return np.repeat(square()[np.newaxis, ..., np.newaxis], n, axis=0)


def ones(size: int = 3) -> Any:
    return LAYERS.Conv2D(1, size, padding="same", kernel_initializer="ones", name="neighbours")


# Shares by hand.


def test_what_sees_a_pixel_only_has_no_energy_outside() -> None:
    np.testing.assert_array_equal(shares(toy(weight=-3.0), images(), squares()), [0, 0])


@pytest.mark.parametrize("weight", [1.0, -0.01, 100.0])
def test_the_share_of_a_sum_over_neighbours_is_counted_whatever_its_scale(weight: float) -> None:
    """In each direction 1, 2, 3, 2, 1 of the three columns of the mask see a column; the middle three are inside."""
    inside, everywhere = (4 + 9 + 4) ** 2, (1 + 4 + 9 + 4 + 1) ** 2
    found = shares(toy(ones(), weight=weight), images(), squares())
    np.testing.assert_allclose(found, 1 - inside / everywhere, rtol=1e-5)


def test_each_image_has_its_own_share() -> None:
    masks = squares()
    masks[1] = 0
    masks[1, 0, 0] = 1  # sees the 2 × 2 pixels of the corner
    found = shares(toy(ones()), images(), masks)
    np.testing.assert_allclose(found, [1 - 17**2 / 19**2, 3 / 4], rtol=1e-5)


def test_gradients_of_equal_channels_add_up_before_they_are_squared() -> None:
    """Weights 1 and −1 for two channels of a neighbour cancel; what is left is the pixel itself."""
    around = ones()
    model = toy(around, channels=2)
    kernel = np.zeros((3, 3, 2, 1))
    kernel[..., 0, 0], kernel[..., 1, 0] = 1, -1
    kernel[1, 1, 0, 0] = 2
    around.set_weights([kernel, np.zeros(1)])
    np.testing.assert_allclose(shares(model, images(channels=2), squares()), 0, atol=1e-6)


def test_an_empty_mask_a_full_one_and_a_gradient_of_zero_have_none() -> None:
    x = images()
    assert shares(toy(ones()), x, 0 * squares()).tolist() == [0, 0]
    assert shares(toy(ones()), x, 0 * squares() + 1).tolist() == [0, 0]
    assert shares(toy(ones(), weight=0.0), x, squares()).tolist() == [0, 0]


def test_the_energy_is_that_of_the_gradient_map() -> None:
    name = "deeplab" if BACKEND == "jax" else "unet"  # for JAX, to compile this one is more than a minute
    model, x = build(name, size=32, width=4, normalisation="batch", dropout=0.5), images(3, size=32, channels=3)
    x[..., 1:] = x[..., :1]
    model.set_weights([weight + 0.1 * np.random.default_rng(1).random(weight.shape) for weight in model.get_weights()])
    masks = np.zeros((3, 32, 32), np.float32)
    masks[0, 4:12, 8:14] = masks[1, 20:, 20:] = masks[2, 8:24, 8:24] = 1
    energy = input_gradient(model, x, masks).astype(float) ** 2
    expected = (energy * (1 - masks)).sum(axis=(1, 2)) / energy.sum(axis=(1, 2))
    assert 0.1 < expected.min() < expected.max() < 0.98
    np.testing.assert_allclose(shares(model, x, masks[..., np.newaxis]), expected, rtol=1e-4)


# The derivative of the share.


def no_loss(_: Any, probability: Any) -> Any:
    return 0 * keras.ops.sum(probability)


def smooth(*middle: Any) -> Any:
    features = LAYERS.Conv2D(2, 3, padding="same", name="features")
    model = toy(features, *middle, LAYERS.Activation("softplus"), ones())
    random = np.random.default_rng(2)
    features.set_weights([random.normal(0, 1, weight.shape) for weight in features.get_weights()])
    return model


@pytest.mark.parametrize(
    "middle", [lambda: [], lambda: [LAYERS.BatchNormalization(momentum=0.5)]], ids=["plain", "batch normalisation"]
)
def test_a_step_of_training_follows_the_measured_derivative(middle: Callable[[], list[Any]]) -> None:
    """It is that of the network in training: with the statistics of the batch, which depend on the weights too."""
    model, x, masks = smooth(*middle()), images(3), squares(3)
    masks[2] = 0
    kernel = model.get_layer("features").kernel
    before = np.array(keras.ops.convert_to_numpy(kernel))
    guided = Guided(model, 2.0)
    guided.compile(optimizer=keras.optimizers.SGD(1.0), loss=no_loss)
    weights = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_variables]
    guided.train_on_batch(x, masks)
    derivative = before - keras.ops.convert_to_numpy(kernel)
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)

    def term(change: Any) -> float:
        kernel.assign(before + change)
        found = _share_outside(_up_to_logits(model), x, masks, training=True)
        return 2 * float(keras.ops.convert_to_numpy(found).astype(float).mean())

    measured = np.zeros_like(before)
    for place in np.ndindex(before.shape):
        change = np.zeros_like(before)
        change[place] = 0.01
        measured[place] = (term(change) - term(-change)) / 0.02
    assert np.abs(measured).max() > 0.01
    np.testing.assert_allclose(derivative, measured, atol=0.005 * np.abs(measured).max())


def test_empty_masks_change_no_weight_and_give_no_nan() -> None:
    model, x = smooth(), images()
    before = model.get_weights()
    guided = Guided(model, 1.0)
    guided.compile(optimizer=keras.optimizers.SGD(1.0), loss=no_loss)
    assert float(guided.train_on_batch(x, 0 * squares())) == 0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_term_is_in_the_loss_of_training_and_not_in_that_of_validation() -> None:
    x, masks = images(), squares()
    plain = toy(ones())
    plain.compile(loss="binary_crossentropy")
    guided = Guided(toy(ones()), 2.0)
    guided.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy")
    expected = float(plain.test_on_batch(x, masks))
    assert float(guided.test_on_batch(x, masks)) == pytest.approx(expected)
    assert float(guided.train_on_batch(x, masks)) == pytest.approx(expected + 2 * (1 - 17**2 / 19**2), rel=1e-5)


def test_a_guided_model_shares_its_layers_and_leaves_a_plain_one_as_it_is() -> None:
    model = toy(ones())
    guided = Guided(model, 1.0)
    assert guided.layers == model.layers == without_guidance(guided).layers
    assert [id(v) for v in guided.variables] == [id(v) for v in model.variables]
    assert type(without_guidance(guided)) is type(model)
    assert without_guidance(model) is model


@pytest.mark.skipif(BACKEND == "jax", reason="compiling takes minutes")
@pytest.mark.parametrize("name", MODELS)
def test_every_model_can_be_guided(name: str) -> None:
    guided = Guided(build(name, size=16, width=2, normalisation="batch", dropout=0.1), 1.0)
    guided.compile(optimizer="sgd", loss="binary_crossentropy", run_eagerly=True)
    masks = np.zeros((2, 16, 16, 1), np.float32)
    masks[0, 4:9, 5:8] = 1
    assert np.isfinite(guided.train_on_batch(images(size=16, channels=3), masks))
    assert all(np.isfinite(weight).all() for weight in guided.get_weights())


# Training.


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = write_dataset(tmp_path_factory.mktemp("data"))
    return prepare(root, TINY.size, root / "prepared")


def small(*_: Any, seed: int, **__: Any) -> Any:
    """A network that is trained in a second, with what can go wrong: dropout and batch normalisation."""
    image = keras.Input((TINY.size, TINY.size, 3), name="image")
    features = LAYERS.Conv2D(4, 5, padding="same", kernel_initializer=keras.initializers.HeNormal(seed), name="conv")
    x = LAYERS.ReLU(name="relu")(LAYERS.BatchNormalization(name="norm")(features(image)))
    x = LAYERS.Dropout(0.1, seed=seed, name="dropout")(x)
    x = LAYERS.Conv2D(1, 1, kernel_initializer=keras.initializers.HeNormal(seed), name="logits")(x)
    return keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))


@pytest.fixture(scope="module")
def recipe() -> Iterator[Recipe]:
    """Borders, learnt by a small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "build", small)
        patch.setitem(TRAININGS, "published", {"deeplab": Training(24, None, learning_rate=0.01)})  # type: ignore[call-overload]
        yield recipe_at("borders", "deeplab", TINY)


@pytest.fixture(scope="module")
def plain(recipe: Recipe, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(recipe, prepared, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def guided(recipe: Recipe, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(replace(recipe, guidance=HEAVY), prepared, tmp_path_factory.mktemp("runs"))


def test_guidance_lowers_the_energy_outside(plain: Run, guided: Run, prepared: Prepared) -> None:
    """Of the network as it is trained, batch by batch: a short training leaves the moving statistics behind."""
    rows = split_rows(plain.recipe, prepared)[0]
    batches = Batches(prepared.images[rows], prepared.masks["border"][rows], TINY.batch_size)

    def outside(run: Run) -> float:
        head = _up_to_logits(Run.open(run.folder).model)  # another copy: this moves its statistics
        found = [_share_outside(head, *batches[i], training=True) for i in range(len(batches))]
        return float(np.mean(np.concatenate([keras.ops.convert_to_numpy(part) for part in found])))

    assert outside(guided) < 0.5 * outside(plain)


def test_the_validation_loss_of_a_guided_run_is_the_plain_one(guided: Run, prepared: Prepared) -> None:
    rows = split_rows(guided.recipe, prepared)[1]
    truth, probability = prepared.masks["border"][rows], guided.probability[rows].astype(float).clip(1e-7, 1 - 1e-7)
    assert guided.history["val_loss"].iloc[-1] == pytest.approx(log_loss(truth.ravel(), probability.ravel()), abs=1e-5)
    assert guided.history["loss"].iloc[0] > guided.history["val_loss"].iloc[0] + 0.1 * HEAVY


def test_the_saved_model_of_a_guided_run_is_plain_and_predicts_what_the_run_holds(
    guided: Run, plain: Run, prepared: Prepared
) -> None:
    assert type(guided.model) is type(plain.model)
    again = guided.model.predict(as_input(np.asarray(prepared.images)), verbose=0)[..., 0]
    np.testing.assert_allclose(again, guided.probability, atol=1e-5)
    assert guided.recipe.guidance == HEAVY


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the first epoch of a process takes its batches in another order")
def test_a_guided_training_that_was_interrupted_goes_on_to_the_same_weights(
    guided: Run, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, row: dict[str, float], seconds: float) -> None:
        advance(self, row, seconds)
        if len(self.history) == 3:
            raise KeyboardInterrupt

    advance = training._State.advance
    monkeypatch.setattr(training._State, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(guided.recipe, prepared, tmp_path)
    monkeypatch.setattr(training._State, "advance", advance)
    resumed = train(guided.recipe, prepared, tmp_path)
    assert len(resumed.history) == len(guided.history)
    for one, other in zip(resumed.model.get_weights(), guided.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_guidance_training_is_as_it_was(plain: Run, prepared: Prepared) -> None:
    """The training by hand, with a model that Keras alone has compiled."""
    recipe, preset = plain.recipe, plain.recipe.preset
    rows = split_rows(recipe, prepared)[0]
    configure(recipe.seed)
    model = small(seed=recipe.seed)
    assert type(compiled(recipe, 1)) is type(model)
    model.compile(optimizer=keras.optimizers.Adam(preset.learning_rate), loss=keras.losses.BinaryCrossentropy())
    for epoch in range(recipe.epochs):
        order = np.random.default_rng([recipe.seed, epoch]).permutation(rows)
        batches = Batches(prepared.images[order], prepared.masks["border"][order], TINY.batch_size)
        model.fit(batches, shuffle=False, verbose=0)
    for ours, by_hand in zip(plain.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, by_hand)


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backends_pass_these_tests_too(backend: str) -> None:
    printed = on_backend(backend, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not backends", __file__)
    assert " passed" in printed
