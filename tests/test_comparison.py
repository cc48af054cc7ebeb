import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.book.comparison import agree

AGREE = [
    ("a   1.50\nb  10.25", "a 1.50\nb 10.25"),
    ("1.0e-03", "1.1e-03"),
    ("---- ----\n0.99 1.00", "----- ----\n1.00 1.00"),
    ("-0.10", "-0.11"),
]
DISAGREE = [
    ("0.50", "0.52"),
    ("images 215", "images 216"),
    ("unet 0.5", "segnet 0.5"),
    ("0.5 0.5", "0.5"),
    ("0.5", ""),
    ("0.5", "nan"),
    ("-0.50", "0.50"),
]


@pytest.mark.parametrize(("reference", "output"), AGREE)
def test_rounding_and_layout_may_differ(reference: str, output: str) -> None:
    assert agree(reference, output)


@pytest.mark.parametrize(("reference", "output"), DISAGREE)
def test_words_and_numbers_may_not(reference: str, output: str) -> None:
    assert not agree(reference, output)


@given(st.text())
def test_every_text_agrees_with_itself(text: str) -> None:
    assert agree(text, text)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_trained_numbers_agree_exactly_within_the_tolerance(one: float, other: float) -> None:
    difference = abs(float(f"{one:.3f}") - float(f"{other:.3f}"))
    if abs(difference - 0.05) > 1e-6:
        assert agree(f"Dice {one:.3f}", f"Dice {other:.3f}", 0.05) == (difference < 0.05)


def test_whole_numbers_of_a_trained_network_may_differ_by_a_fraction() -> None:
    assert agree("1000 pixels", "1040 pixels", 0.05)
    assert not agree("1000 pixels", "1060 pixels", 0.05)
