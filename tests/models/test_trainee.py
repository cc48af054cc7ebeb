"""What is trained in a network's place: the same weights, gradients and statistics, in another arithmetic."""

from typing import Any

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.models import ARCHITECTURES, MODELS, build
from brainseg.models.losses import bce_dice, loss
from brainseg.models.trainee import Trainee, trainee
from tests.toy_models import images, randomise

every_network = pytest.mark.parametrize(
    ("name", "attention"), [(name, kind) for name in MODELS for kind in ARCHITECTURES[name].attentions]
)


def network(name: str, attention: str | None, dropout: float = 0.0) -> Any:
    return randomise(build(name, 16, width=4, attention=attention, dropout=dropout, normalisation="batch"))


def squares() -> Any:
    masks = np.zeros((3, 16, 16, 1), np.float32)
    masks[0, 2:6, 4:7] = masks[1, 10:, 10:] = 1
    return masks


def step(model: Any, precision: str = "float32") -> Trainee:
    made = trainee(model, precision)
    made.compile(keras.optimizers.SGD(0.1), bce_dice, run_eagerly=True)
    made.train_on_batch(images(3, 3, 16), squares())
    return made


@pytest.mark.contract
@every_network
def test_a_step_is_that_of_the_plain_network(name: str, attention: str | None) -> None:
    """The plain one by Keras alone: its batch normalisation, its cross-entropy of probabilities."""
    model, by_hand = network(name, attention), network(name, attention)
    entropy, epsilon = keras.losses.BinaryCrossentropy(), 1.0

    def plain(truth: Any, probability: Any) -> Any:
        both = keras.ops.sum(truth * probability, (1, 2, 3))
        either = keras.ops.sum(truth + probability, (1, 2, 3))
        return entropy(truth, probability) + 1 - (2 * both + 2 * epsilon) / (either + 2 * epsilon)

    by_hand.compile(keras.optimizers.SGD(0.1), plain, run_eagerly=True)
    by_hand.train_on_batch(images(3, 3, 16), squares())
    before = model.get_weights()
    after = step(model).get_weights()
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
    for variable, ours, theirs in zip(by_hand.weights, after, by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-5, err_msg=variable.path)


@pytest.mark.contract
def test_validation_uses_the_moving_statistics() -> None:
    model = network("unet", "gate")
    made = trainee(model)
    logits = keras.ops.convert_to_numpy(made(images(3, 3, 16), training=False))
    expected = keras.ops.convert_to_numpy(model(images(3, 3, 16), training=False))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-6)


@pytest.mark.contract
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")  # Keras asks JAX for it, and gets int32
def test_metrics_are_of_probabilities() -> None:
    """Keras's mean IoU takes the whole part of an answer: of a probability 0, of a logit of 3 not."""
    image = keras.Input((4, 4, 1))
    logits = keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="logits")(image)
    made = trainee(keras.Model(image, keras.layers.Activation("sigmoid", name="probability")(logits)))
    made.compile(loss=loss("binary_crossentropy"), metrics=[keras.metrics.MeanIoU(2, name="iou")])
    answers = np.full((1, 4, 4, 1), 3.0, np.float32)
    assert made.test_on_batch(answers, np.ones_like(answers), return_dict=True)["iou"] == 0
    assert made.test_on_batch(answers + 60, np.ones_like(answers), return_dict=True)["iou"] == pytest.approx(1)


@pytest.mark.contract
@pytest.mark.parametrize("name", MODELS)
def test_dropout_drops_the_same_in_both(name: str) -> None:
    model = network(name, "published", dropout=0.5)
    made = trainee(model)
    for _ in range(2):
        logits = keras.ops.convert_to_numpy(made(images(3, 3, 16), training=True))
        expected = keras.ops.convert_to_numpy(model(images(3, 3, 16), training=True))
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-5)
