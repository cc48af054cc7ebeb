"""Which scores can stand beside each other, and what a file of a paper's scores is told about that."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score
from typer.testing import CliRunner

from brainseg.cli import commands
from brainseg.errors import BrainsegError
from brainseg.paper import study
from brainseg.paper.claims.checker import NAMES, check, read_table
from brainseg.paper.claims.consistency import implied_mean_iou
from brainseg.paper.claims.pooled import SCORES, allowed, consistent, contradictions, hold_for_means, printed

SLACK = Fraction(1, 10**9)
counts = st.lists(st.one_of(st.just(0), st.integers(1, 10), st.integers(1, 10**6)), min_size=4, max_size=4)
digits = st.integers(1, 7)
some = st.sets(st.sampled_from(SCORES), min_size=1)


def scores_of(tp: int, fp: int, fn: int, tn: int) -> dict[str, Fraction]:
    """By the names that everybody knows them by, not by the module's table."""
    quotients = {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "prevalence": (tp + fn, tp + fp + fn + tn),
        "dice": (2 * tp, 2 * tp + fp + fn),
        "iou": (tp, tp + fp + fn),
    }
    scores = {name: Fraction(above, below) for name, (above, below) in quotients.items() if below}
    if tp + fp + fn and tn + fp + fn:
        scores["mean_iou"] = (Fraction(tp, tp + fp + fn) + Fraction(tn, tn + fp + fn)) / 2
    return scores


def rounded(value: Fraction, places: int) -> str:
    return str(round(Decimal(value.numerator) / Decimal(value.denominator), places))


def test_the_scores_are_those_of_scikit_learn() -> None:
    truth, answer = np.random.default_rng(0).random((2, 400)) < np.array([[0.3], [0.4]])
    pairs = {
        "accuracy": accuracy_score(truth, answer),
        "precision": precision_score(truth, answer),
        "recall": recall_score(truth, answer),
        "specificity": recall_score(~truth, ~answer),
        "prevalence": truth.mean(),
        "dice": f1_score(truth, answer),
        "iou": jaccard_score(truth, answer),
        "mean_iou": jaccard_score(truth, answer, average="macro"),
    }
    cells = [(truth & answer), (~truth & answer), (truth & ~answer), (~truth & ~answer)]
    found = scores_of(*(int(cell.sum()) for cell in cells))
    assert found == pytest.approx(pairs)
    assert set(found) == set(SCORES)


@given(counts, digits, some)
def test_scores_of_real_counts_are_never_called_contradictory(cells: list[int], places: int, names: set[str]) -> None:
    assume(any(cells))
    scores = scores_of(*cells)
    row = {name: rounded(scores[name], places) for name in names & set(scores)}
    assert contradictions({name: printed(text) for name, text in row.items()}) == []
    assert check("a row", row).verdict == "possible"


@given(counts, digits, some)
def test_what_is_implied_holds_for_the_counts_that_the_scores_are_of(
    cells: list[int], places: int, names: set[str]
) -> None:
    assume(any(cells))
    scores = scores_of(*cells)
    row = {name: printed(rounded(scores[name], places)) for name in names & set(scores)}
    found = allowed(row)
    for name, value in scores.items():
        interval = found.range(name)
        assert interval.low - SLACK <= value <= interval.high + SLACK


@given(
    st.dictionaries(st.sampled_from([name for name in SCORES if name != "mean_iou"]), st.integers(1, 99), min_size=2)
)
def test_without_mean_iou_the_verdict_is_that_of_linear_programming(cells: Mapping[str, int]) -> None:
    """Of intervals that are not so narrow that the programme's own tolerance, 1e-7, decides."""
    rows = {name: printed(f"0.{value:02d}") for name, value in cells.items()}
    weights = {
        "accuracy": ([1, 0, 0, 1], [1, 1, 1, 1]),
        "precision": ([1, 0, 0, 0], [1, 1, 0, 0]),
        "recall": ([1, 0, 0, 0], [1, 0, 1, 0]),
        "specificity": ([0, 0, 0, 1], [0, 1, 0, 1]),
        "prevalence": ([1, 0, 1, 0], [1, 1, 1, 1]),
        "dice": ([2, 0, 0, 0], [2, 1, 1, 0]),
        "iou": ([1, 0, 0, 0], [1, 1, 1, 0]),
    }
    limits = [
        sign * (np.array(weights[name][0]) - float(end) * np.array(weights[name][1]))
        for name, interval in rows.items()
        for sign, end in ((-1, interval.low), (1, interval.high))
    ]
    # Counts as multiples of the pixels that are marked or missed, so that no quotient is 0 / 0.
    of = [0, 1, 1, 0] if set(rows) <= {"accuracy", "prevalence"} else [1, 1, 1, 0]
    found = linprog(np.zeros(4), np.array(limits), np.zeros(len(limits)), [of], [1.0], bounds=(0, None))
    assert consistent(rows) == (found.status == 0)


@given(st.integers(40, 99), st.integers(1, 99), st.integers(1, 99), st.sampled_from(["dice", "recall", "prevalence"]))
def test_with_mean_iou_no_counts_on_a_fine_grid_speak_against_the_verdict(
    accuracy: int, mean_iou: int, other: int, name: str
) -> None:
    texts = {"accuracy": f"0.{accuracy:02d}", "mean_iou": f"0.{mean_iou:02d}", name: f"0.{other:02d}"}
    intervals = {score: printed(text) for score, text in texts.items()}
    axes = (np.geomspace(1e-4, 1, 80), np.linspace(0, 1, 81), np.linspace(0, 1, 9))
    prevalence, recall, right = np.meshgrid(*axes)
    low, high = (float(end) for end in (intervals["accuracy"].low, intervals["accuracy"].high))
    wrong = 1 - (low + right * (high - low))
    tp, fn = prevalence * recall, prevalence * (1 - recall)
    fp = wrong - fn
    tn = 1 - tp - fp - fn
    real = (fp >= 0) & (tn >= 0) & (tp + wrong > 0) & (tn + wrong > 0)
    with np.errstate(all="ignore"):
        values = {
            "mean_iou": (tp / (tp + wrong) + tn / (tn + wrong)) / 2,
            "dice": 2 * tp / (2 * tp + wrong),
            "recall": tp / (tp + fn),
            "prevalence": tp + fn,
        }
    for score in ("mean_iou", name):
        real &= (values[score] >= float(intervals[score].low)) & (values[score] <= float(intervals[score].high))
    assert consistent(intervals) or not real.any()


@given(st.integers(0, 999))
def test_mean_iou_is_from_half_the_accuracy_to_where_both_classes_are_equal(accuracy: int) -> None:
    """The closed form: lowest with nothing right of one class, highest with half of what is right in each."""
    interval = printed(f"0.{accuracy:03d}")
    found = allowed({"accuracy": interval}).range("mean_iou")
    assert found.low == max(Fraction(), interval.low) / 2
    assert float(found.high) == pytest.approx(float(interval.high / (2 - interval.high)))


def test_known_contradictions_are_found_with_the_scores_that_make_them() -> None:
    def found(**texts: str) -> list[tuple[str, ...]]:
        return contradictions({name: printed(text) for name, text in texts.items()})

    assert found(dice="0.800", iou="0.700") == [("dice", "iou")]
    assert found(accuracy="0.90", mean_iou="0.40") == [("accuracy", "mean_iou")]  # it is never below half the accuracy
    assert found(precision="0.9", recall="0.9", dice="0.7") == [("precision", "recall", "dice")]
    assert found(accuracy="0.99", recall="0.50", prevalence="0.10") == [("accuracy", "recall", "prevalence")]
    assert found(accuracy="0.99", recall="0.90", specificity="0.95") == [("accuracy", "recall", "specificity")]
    assert found(dice="1.2", accuracy="0.9") == [("dice",)]
    assert found(recall="0.50", iou="0.60") == [("recall", "iou")]
    assert found(precision="0.80", recall="0.60", iou="0.52", accuracy="0.95") == []


@pytest.mark.parametrize("end", ["", "_baseline"])
def test_of_the_study_no_row_is_possible_and_the_implied_mean_iou_is_that_of_the_formula(end: str) -> None:
    for name, row in study.published_table().iterrows():
        texts = {score: f"{row[score + end]:.4f}" for score in ("accuracy", "dice", "mean_iou")}
        found = check(str(name), texts)
        assert found.verdict == "not of pooled pixels"
        implied = found.implied["mean_iou"]
        assert implied.low < implied_mean_iou(row[f"accuracy{end}"], row[f"dice{end}"]) < implied.high
        assert implied.high - implied.low < Fraction(3, 10_000)


def test_the_printed_pair_of_single_images_is_recognised_as_stretched() -> None:
    found = check("image", {"iou": "0.0541", "dice": "13.1321"})
    assert found.verdict == "impossible"
    assert ["128 rows" in note for note in found.notes] == [True]


def test_half_the_background_is_recognised() -> None:
    assert any("Keras" in note for note in check("a", {"mean_iou": "0.4813", "prevalence": "0.0374"}).notes)
    assert check("a", {"mean_iou": "0.4913", "prevalence": "0.0374"}).notes == ()


@given(st.lists(st.tuples(counts, st.just(0)), min_size=1, max_size=5))
def test_means_over_images_are_never_called_impossible(images: list[tuple[list[int], int]]) -> None:
    each = [scores_of(*cells) for cells, _ in images if any(cells[:3])]
    assume(each)
    means = {name: sum((one[name] for one in each), Fraction()) / len(each) for name in ("dice", "iou", "accuracy")}
    assert hold_for_means({name: printed(rounded(value, 4)) for name, value in means.items()})


def test_a_table_is_read_as_papers_print_it(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("Method,Backbone,Dice (%),mIoU,F-beta\nU-Net,plain,81.50,0.70,\nU-Net,deep,–,,0.3\n,,,0.3,\n")
    assert read_table(file) == {
        "U-Net plain": {"dice": "81.50 %", "mean_iou": "0.70"},
        "U-Net deep 0.3": {},
        "row 3": {"mean_iou": "0.3"},
    }


def test_json_keeps_the_digits_as_written(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    file.write_text('{"a": {"dice": 0.3590, "accuracy": 1}, "b": {"sensitivity": "35.90%", "Jaccard index": 0.5}}')
    assert read_table(file) == {
        "a": {"dice": "0.3590", "accuracy": "1"},
        "b": {"recall": "35.90%", "iou": "0.5"},
    }


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "a,b\n1,2\n", "no score"),
        ("t.csv", "", "no score"),
        ("t.csv", "dice,f1\n0.1,0.1\n", "two columns of Dice"),
        ("t.csv", "model,dice\nx,0.9 ± 0.1\n", "x, dice: received '0.9 ± 0.1'"),
        ("t.csv", "dice\nInfinity\n", "expected a number"),
        ("t.json", "[1]", "expected CSV with a head, or JSON"),
        ("t.json", "{", "expected CSV with a head, or JSON"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BrainsegError, match=words):
        read_table(tmp_path / name)


def test_the_command_says_what_contradicts_what_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("model,accuracy,dice,mean_iou\nU-Net,0.9661,0.3624,0.4798\nfine,0.9661,0.3624,0.5935\n")
    result = CliRunner().invoke(commands, ["check-table", str(file)])
    assert result.exit_code == 1
    assert "mean IoU 0.4798 contradicts accuracy 0.9661: allowed is 0.4830 to 0.9345" in result.output
    assert "mean IoU 0.5935 to 0.5936" in result.output
    assert "fine: possible" in result.output
    assert "1 of 2 rows contradict themselves" in result.output
    file.write_text("model,accuracy\nU-Net,0.9661\n")
    assert CliRunner().invoke(commands, ["check-table", str(file)]).exit_code == 0
    assert set(NAMES) == set(SCORES)
