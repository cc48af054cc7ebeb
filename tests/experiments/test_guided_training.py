"""What guidance does to a training, and what it leaves as it was."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from brainseg.backend import configure, keras
from brainseg.experiments import fit as fitting
from brainseg.experiments.batches import Batches
from brainseg.experiments.fit import Examples, Fitted, fit
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import TRAININGS, Recipe, Scale, Training
from brainseg.models import as_input
from brainseg.models.guidance import energy_outside
from tests.toy_models import LAYERS

pytestmark = pytest.mark.slow

SIZE, HEAVY = 16, 30.0


def small(*_: Any, seed: int, **__: Any) -> Any:
    """A network that is trained in a second, with what can go wrong: dropout and batch normalisation."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    kernel = keras.initializers.HeNormal(seed)
    features = LAYERS.Conv2D(4, 5, padding="same", use_bias=False, kernel_initializer=kernel, name="conv")
    x = LAYERS.ReLU(name="relu")(LAYERS.BatchNormalization(name="norm")(features(image)))
    x = LAYERS.Dropout(0.1, seed=seed, name="dropout")(x)
    x = LAYERS.Conv2D(1, 1, kernel_initializer=keras.initializers.HeNormal(seed), name="logits")(x)
    return keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Bright squares on noise."""
    masks = np.zeros((6, SIZE, SIZE), np.uint8)
    for i, mask in enumerate(masks):
        mask[i : i + 6, 2 * i : 2 * i + 5] = 1
    noise = np.random.default_rng(0).integers(0, 120, masks.shape)
    grey = (noise + 90 * masks).astype(np.uint8)
    return Examples(grey[:4], masks[:4], grey[4:], masks[4:])


@pytest.fixture(scope="module")
def recipe() -> Iterator[Recipe]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "build", small)
        patch.setattr(fitting, "half_precision", lambda weights: weights)  # weights as they were trained
        patch.setitem(TRAININGS, "published", {"deeplab": Training(8, None, learning_rate=0.02)})  # type: ignore[call-overload]
        yield recipe_at("borders", "deeplab", Scale("tiny", SIZE, 2, 3))


@pytest.fixture(scope="module")
def plain(recipe: Recipe, examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fit(recipe, examples, tmp_path_factory.mktemp("runs") / "state.npz")


@pytest.fixture(scope="module")
def guided(recipe: Recipe, examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fit(replace(recipe, guidance=HEAVY), examples, tmp_path_factory.mktemp("runs") / "state.npz")


def test_guidance_lowers_the_energy_outside(plain: Fitted, guided: Fitted, examples: Examples) -> None:
    """Of the network as it is trained: a short training leaves the moving statistics behind."""

    def outside(fitted: Fitted) -> float:
        copy = small(seed=0)  # because its statistics move
        copy.set_weights(fitted.model.get_weights())
        shares = energy_outside(copy, as_input(examples.images), examples.masks[..., np.newaxis], training=True)
        return float(keras.ops.mean(shares))

    assert outside(guided) < 0.5 * outside(plain)


def test_the_validation_loss_of_a_guided_training_is_the_plain_one(guided: Fitted, examples: Examples) -> None:
    answer = guided.model.predict_on_batch(as_input(examples.validation_images))[..., 0].astype(float)
    truth, probability = examples.validation_masks.ravel(), answer.clip(1e-7, 1 - 1e-7).ravel()
    assert guided.history[-1]["val_loss"] == pytest.approx(log_loss(truth, probability), rel=1e-5)
    assert guided.history[0]["loss"] > guided.history[0]["val_loss"] + 0.1 * HEAVY


def test_the_model_of_a_guided_training_is_plain(guided: Fitted, plain: Fitted) -> None:
    assert type(guided.model) is type(plain.model)


def test_a_guided_training_that_was_interrupted_goes_on_to_the_same_weights(
    recipe: Recipe, guided: Fitted, examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def interrupted(*arguments: Any) -> Batches:
        nonlocal made
        made += 1
        if made == 5:  # the validation images, three epochs, and no more
            raise KeyboardInterrupt
        return Batches(*arguments)

    monkeypatch.setattr(fitting, "Batches", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(replace(recipe, guidance=HEAVY), examples, tmp_path / "state.npz")
    monkeypatch.setattr(fitting, "Batches", Batches)
    resumed = fit(replace(recipe, guidance=HEAVY), examples, tmp_path / "state.npz")
    assert len(resumed.history) == len(guided.history)
    for one, other in zip(resumed.model.get_weights(), guided.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_guidance_training_is_that_of_keras(recipe: Recipe, plain: Fitted, examples: Examples) -> None:
    """The training by hand, with a model that Keras alone has compiled."""
    preset = recipe.preset
    configure(recipe.seed)
    model = small(seed=recipe.seed)
    model.compile(optimizer=keras.optimizers.Adam(preset.learning_rate), loss=keras.losses.BinaryCrossentropy())
    for epoch in range(recipe.epochs):
        order = np.random.default_rng([recipe.seed, epoch]).permutation(len(examples.images))
        batches = Batches(examples.images[order], examples.masks[order], recipe.batch_size)
        model.fit(batches, shuffle=False, verbose=0)
    ours, by_hand = (one.predict_on_batch(as_input(examples.images)) for one in (plain.model, model))
    assert np.ptp(by_hand) > 0.1
    np.testing.assert_allclose(ours, by_hand, atol=1e-5)
