import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainseg.data.alike import ALIKE, most_alike, thumbnail
from tests.data_fixtures import pixels


def picture(seed: int) -> NDArray[np.uint8]:
    return np.dstack([pixels(seed, 120, 160)] * 3) // 2 + 40


THERE = np.stack([thumbnail(picture(seed)) for seed in range(6)])


@given(
    seed=st.integers(0, 5),
    turns=st.integers(0, 3),
    mirrored=st.booleans(),
    gain=st.floats(0.8, 1.2),
    offset=st.integers(-20, 20),
)
@settings(max_examples=40, deadline=None)
def test_a_copy_is_found_however_turned_mirrored_and_lit(
    seed: int, turns: int, mirrored: bool, gain: float, offset: int
) -> None:
    copy = np.rot90(picture(seed)[:, :: -1 if mirrored else 1], turns)
    lit = np.clip(copy * gain + offset, 0, 255).astype(np.uint8)
    saved = cv2.imdecode(cv2.imencode(".jpg", lit)[1], cv2.IMREAD_COLOR)
    places, correlation = most_alike(thumbnail(np.asarray(saved, np.uint8))[None], THERE)
    assert places.tolist() == [seed]
    assert correlation[0] >= ALIKE


@given(seed=st.integers(6, 10_000))
@settings(max_examples=40, deadline=None)
def test_another_picture_is_not_alike(seed: int) -> None:
    assert most_alike(thumbnail(picture(seed))[None], THERE)[1][0] < ALIKE


def test_each_row_has_its_own_answer_however_many_there_are() -> None:
    order = np.random.default_rng(0).integers(0, 6, 600)
    assert most_alike(THERE[order], THERE)[0].tolist() == order.tolist()


def test_a_picture_of_one_grey_is_like_none() -> None:
    flat = thumbnail(np.full((90, 90, 3), 7, np.uint8))
    assert most_alike(flat[None], np.stack([flat, THERE[0]]))[1].tolist() == [0]
