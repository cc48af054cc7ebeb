import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainseg import plotting
from brainseg.plotting.curves import PANELS
from brainseg.plotting.described import summary
from brainseg.plotting.style import Plate

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 255, (3, 32, 32), np.uint8)
RANDOM_MAPS: NDArray[np.float64] = RANDOM.random((3, 32, 32))
MASKS = (RANDOM.random((3, 32, 32)) > 0.6).astype(np.uint8)


def curves(changed: bool = False) -> Plate:
    values = np.linspace(0, 1, 12) + 0.001 * changed * (np.arange(12) == 7)
    names = [f"{side}{measure}" for measure in PANELS for side in ("", "val_")]
    return plotting.learning_curves(pd.DataFrame({"epoch": range(1, 13), **dict.fromkeys(names, values)}), 0.95, "unet")


def slices(changed: bool = False) -> Plate:
    masks = MASKS.copy()
    masks[1, 9, 9] ^= changed
    return plotting.montage(IMAGES, {"prediction": masks})


def maps(changed: bool = False) -> Plate:
    gates = RANDOM_MAPS.copy()
    gates[1, 3, 3] += 0.01 * changed
    return plotting.attention_maps(IMAGES, MASKS, {"gate_1": gates}, np.array([0.1, 0.5, 0.9]))


@pytest.mark.parametrize("draw", [curves, slices, maps])
def test_a_figure_of_other_data_has_another_text_and_the_same_data_the_same(draw: Callable[..., Plate]) -> None:
    assert repr(draw()) == repr(draw())
    assert repr(draw()) != repr(draw(True))


def test_a_network_is_known_by_its_colour() -> None:
    history = pd.DataFrame({name: [0.5, 0.6] for name in ("epoch", "loss", "accuracy", "mean_iou", "dice")})
    history = history.join(history.drop(columns="epoch").add_prefix("val_"))
    assert repr(plotting.learning_curves(history, 0.9, "unet")) != repr(
        plotting.learning_curves(history, 0.9, "segnet")
    )


def test_the_text_is_the_same_before_and_after_drawing_and_changes_no_picture() -> None:
    figure, other = curves(), curves()
    before = repr(figure)
    assert figure._repr_mimebundle_() == other._repr_mimebundle_()  # this is what a notebook calls
    assert repr(figure) == before


def test_words_of_a_figure_are_in_its_text() -> None:
    figure = Plate()
    ax = figure.subplots()
    ax.set_title("Dice,\nper image", loc="left")
    ax.text(0.5, 0.5, "a note")
    ax.imshow(np.ma.masked_less([[0.0, 1.0]], 0.5))
    figure.savefig(io.BytesIO())
    assert "Panel 1: Dice, per image\n" in repr(figure)
    assert "Text a note: place 2 values" in repr(figure)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.data())
def test_two_values_that_change_places_change_the_summary(values: list[float], data: st.DataObject) -> None:
    i, j = (data.draw(st.integers(0, len(values) - 1)) for _ in range(2))
    swapped = list(values)
    swapped[i], swapped[j] = values[j], values[i]
    if abs(values[i] - values[j]) > 0.01 and i != j:
        assert summary(values) != summary(swapped)
