"""Intervals and tests against closed forms, enumeration by hand, SciPy and values of statsmodels."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from brainseg.data.cases import cases
from brainseg.data.cheng import read_borders
from brainseg.data.coco import read_dataset
from brainseg.errors import BrainsegError
from brainseg.scores.statistics import (
    BETTER,
    DRAWS,
    EXACT,
    MARGIN,
    SAME,
    UNDECIDED,
    WORSE,
    Difference,
    Interval,
    bootstrap_mean,
    decision,
    holm,
    labelled_differences,
    over_folds,
    paired_difference,
    smallest_p,
)

NORMAL_95 = 1.959964


def scores(patients: Sequence[Any] | NDArray[Any], values: Any, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"seed": seed, "patient": patients, "number": range(len(patients)), "value": values})


def simulated(patients: int, images: int, between: float, within: float, seed: int = 0) -> pd.DataFrame:
    """Balanced scores around 0: a normal effect of each patient and one of each image."""
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), images)
    return scores(owner, random.normal(0, between, patients)[owner] + random.normal(0, within, len(owner)))


def each_image_alone(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(patient=table["number"])


def exact_p(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Permutation test over all sign flips of the patients' summed differences, by SciPy."""
    of_patients = (a["value"] - b["value"]).groupby(a["patient"]).sum().to_list()
    return float(stats.permutation_test((of_patients,), np.sum, permutation_type="samples", n_resamples=10**6).pvalue)


def width(interval: Interval) -> float:
    return interval.high - interval.low


def ends(interval: Interval) -> tuple[float, float, float]:
    return interval.mean, interval.low, interval.high


def test_equal_scores_have_an_interval_of_no_width() -> None:
    table = pd.concat([scores([*"aabbbc"], 0.7, seed) for seed in range(3)])
    assert ends(bootstrap_mean(table)) == pytest.approx((0.7, 0.7, 0.7))


def test_width_is_the_normal_one_of_the_two_stage_variance() -> None:
    """A draw averages P patients; each has the variance of patient means plus 1/m of that within the patient."""
    table = simulated(patients=150, images=3, between=0.1, within=0.2)
    by_patient = table["value"].to_numpy().reshape(150, 3)
    variance = (by_patient.mean(axis=1).var() + by_patient.var(axis=1).mean() / 3) / 150
    interval = bootstrap_mean(table, draws=8000)
    assert width(interval) == pytest.approx(2 * NORMAL_95 * np.sqrt(variance), rel=0.04)
    assert interval.mean == pytest.approx(table["value"].mean())


def test_images_that_are_alone_give_the_ordinary_bootstrap() -> None:
    table = simulated(patients=150, images=1, between=0.1, within=0.0)
    expected = stats.bootstrap((table["value"],), np.mean, n_resamples=8000, method="percentile", rng=0)
    interval = bootstrap_mean(table, draws=8000)
    assert width(interval) == pytest.approx(np.ptp(expected.confidence_interval), rel=0.04)


def test_images_of_a_patient_that_resemble_each_other_widen_the_interval() -> None:
    """Ten equal images per patient hold as much as one: the interval is √10 times that of independent images."""
    table = simulated(patients=60, images=10, between=0.1, within=0.0)
    clustered, independent = bootstrap_mean(table), bootstrap_mean(each_image_alone(table))
    assert clustered.mean == pytest.approx(independent.mean)
    assert width(clustered) / width(independent) == pytest.approx(np.sqrt(10), rel=0.1)


def test_intervals_of_repeated_studies_cover_the_true_mean() -> None:
    repeated = [simulated(patients=30, images=6, between=0.1, within=0.1, seed=seed) for seed in range(100)]
    covered, ignoring_patients = (
        np.mean([interval.low <= 0 <= interval.high for interval in intervals])
        for intervals in (
            [bootstrap_mean(table, draws=200) for table in repeated],
            [bootstrap_mean(each_image_alone(table), draws=200) for table in repeated],
        )
    )
    assert 0.91 <= covered <= 0.99
    assert ignoring_patients < 0.85


def test_over_folds_that_share_no_image_the_interval_is_students() -> None:
    means = [0.52, 0.65, 0.54, 0.76, 0.62]
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    found = over_folds(means, tested_to_learnt=0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert np.isnan(over_folds([0.5]).low)


def test_over_folds_that_learn_from_the_same_images_the_interval_covers_the_true_mean() -> None:
    """Numbers of five folds that correlate by 1/5 ÷ (1/5 + 3/5), the share that Nadeau and Bengio take for it."""
    random, correlation = np.random.default_rng(0), 1 / 4
    common, own = random.normal(size=(4000, 1)), random.normal(size=(4000, 5))
    repeated = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    covered, by_student = (
        np.mean([interval.low <= 0 <= interval.high for interval in (over_folds(means, **ratio) for means in repeated)])
        for ratio in ({}, {"tested_to_learnt": 0})
    )
    assert 0.94 <= covered <= 0.96
    assert by_student < 0.85


def test_patients_are_crossed_with_seeds() -> None:
    """Runs that agree on every image are no further patients: they do not narrow the interval."""
    one = simulated(patients=20, images=3, between=0.1, within=0.1)
    three = pd.concat([one.assign(seed=seed) for seed in range(3)])
    assert ends(bootstrap_mean(three)) == pytest.approx(ends(bootstrap_mean(one)))


def test_seeds_are_drawn() -> None:
    """Two seeds with 0 and 1 everywhere: draws are 0, 0.5 and 1, a quarter of them at each end."""
    table = pd.concat([scores([*"aabc"], float(seed), seed) for seed in (0, 1)])
    assert ends(bootstrap_mean(table)) == (0.5, 0.0, 1.0)
    half = [ends(bootstrap_mean(table[table["seed"] == seed])) for seed in (0, 1)]
    assert half == [(0, 0, 0), (1, 1, 1)]


def test_seeds_count_equally_whatever_they_scored() -> None:
    table = pd.concat([scores([*"abcd"], [0.0, 0.2, 0.4, 0.6]), scores([*"abcd"], [1.0, np.nan, np.nan, np.nan], 1)])
    assert bootstrap_mean(table).mean == pytest.approx((0.3 + 1.0) / 2)


def test_images_without_score_are_left_out() -> None:
    table = simulated(patients=9, images=3, between=0.1, within=0.1)
    table.loc[[2, 3, 4, 5, 17], "value"] = np.nan
    assert bootstrap_mean(table) == bootstrap_mean(table.dropna())
    assert np.isfinite(ends(bootstrap_mean(table))).all()


def test_mean_of_nothing_is_nan() -> None:
    nothing = simulated(patients=3, images=2, between=0.1, within=0.1).assign(value=np.nan)
    assert np.isnan(ends(bootstrap_mean(nothing))).all()
    assert np.isnan(ends(bootstrap_mean(nothing[:0]))).all()


def test_order_of_rows_does_not_matter_and_the_seed_of_the_bootstrap_does() -> None:
    a = pd.concat([simulated(9, 4, 0.1, 0.1, seed).assign(seed=seed) for seed in (3, 4)], ignore_index=True)
    b = a.assign(value=np.sin(a["value"]))
    shuffled = a.sample(frac=1, random_state=0)
    assert bootstrap_mean(shuffled) == bootstrap_mean(a)
    assert paired_difference(shuffled, b) == paired_difference(a, b.sample(frac=1, random_state=1))
    assert bootstrap_mean(a, seed=1).low != bootstrap_mean(a).low


def test_no_difference_from_itself() -> None:
    a = simulated(patients=20, images=3, between=0.1, within=0.1)
    assert paired_difference(a, a) == Difference(0, 0, 0, p=1, images=60, patients=20, seeds=1)


def test_exchanging_the_sides_changes_the_sign_only() -> None:
    a, b = (simulated(20, 3, 0.1, 0.1, seed) for seed in (0, 1))
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert other.mean == pytest.approx(-one.mean)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=0.003)
    assert other.p == one.p


@pytest.mark.parametrize(
    ("patients", "changes", "p"),
    [
        ("abc", [0.1, 0.2, 0.3], 2 / 8),  # 0.6 is reached by +++ and −−− only
        ("abc", [0.4, -0.1, 0.2], 4 / 8),  # 0.5; of 0.7, 0.5, 0.3, 0.1, each with both signs, two reach it
        ("abcd", [0.4, 0.3, 0.2, -0.1], 4 / 16),  # 0.8; so do 1.0 and 0.8
        ("abcd", [0.1, 0.1, 0.1, -0.1], 10 / 16),  # 0.2; only the six flips with two of each sign do not
        ("aabc", [0.3, 0.1, -0.1, 0.1], 6 / 8),  # patients 0.4, −0.1, 0.1; of 0.6, 0.4, 0.4, 0.2 three reach 0.4
        ("aaab", [0.5, -0.5, 0.3, 0.0], 4 / 4),  # patients 0.3 and 0: every flip reaches 0.3
    ],
)
def test_p_is_the_share_of_exchanged_patients_that_differ_as_much(
    patients: str, changes: list[float], p: float
) -> None:
    b = scores([*patients], 0.5)
    assert paired_difference(b.assign(value=b["value"] + changes), b).p == p


def test_p_is_that_of_scipys_permutation_test() -> None:
    a, b = (simulated(9, 4, 0.1, 0.1, seed) for seed in (0, 4))
    assert paired_difference(a, b).p == pytest.approx(exact_p(a, b))
    assert 0.01 < exact_p(a, b) < 0.9


def test_p_of_random_exchanges_is_close_to_the_exact_one() -> None:
    a, b = (simulated(EXACT + 2, 4, 0.1, 0.1, seed) for seed in (0, 4))
    exact = exact_p(a, b)
    assert paired_difference(a, b, draws=8000).p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 8000))


def test_p_is_never_zero() -> None:
    a = simulated(patients=40, images=2, between=0.1, within=0.1)
    difference = paired_difference(a, a.assign(value=a["value"] - 1))
    assert difference.p == 1 / (DRAWS + 1)
    assert (difference.low, difference.high) == pytest.approx((1, 1))


def test_images_are_matched_by_number_and_runs_by_seed() -> None:
    a = pd.DataFrame(
        [(0, "x", 1, 0.5), (0, "y", 2, 0.7), (0, "z", 3, 0.9), (1, "x", 1, 0.6), (1, "y", 2, 0.8), (1, "z", 3, np.nan)],
        columns=["seed", "patient", "number", "value"],
    )
    b = pd.DataFrame(
        [(1, "y", 2, 0.5), (0, "w", 4, 0.1), (0, "y", 2, 0.6), (1, "x", 1, 0.2), (1, "z", 3, 0.3)],
        columns=["seed", "patient", "number", "value"],
    )
    difference = paired_difference(a, b)
    assert difference.mean == pytest.approx(((0.7 - 0.6) + ((0.6 - 0.2) + (0.8 - 0.5)) / 2) / 2)
    assert (difference.images, difference.patients, difference.seeds) == (2, 2, 2)


def test_p_is_of_the_mean_that_counts_seeds_equally() -> None:
    """Patients add −0.05, 0.05 and 0.05 to the mean of 0.05, so that every flip reaches it."""
    b = pd.concat([scores([*"abc"], 0.5), scores([*"abc"], [0.5, np.nan, np.nan], 1)])
    difference = paired_difference(b.assign(value=b["value"] + [0.0, 0.3, 0.3, -0.1, 0.0, 0.0]), b)
    assert difference.mean == pytest.approx(0.05)
    assert difference.p == 1


def test_runs_of_other_seeds_are_averaged_before_images_are_matched() -> None:
    a = pd.concat([scores([*"abc"], [0.4, 0.5, 0.6]), scores([*"abc"], [0.6, 0.7, 0.8], 1)])
    b = scores([*"abcd"], [0.3, 0.3, 0.3, 0.0], seed=7)
    difference = paired_difference(a, b)
    assert difference.mean == pytest.approx(np.mean([0.2, 0.3, 0.4]))
    assert (difference.images, difference.patients, difference.seeds) == (3, 3, 0)
    assert difference.p == 2 / 8


def test_tables_that_cannot_be_used_are_refused() -> None:
    good = scores([*"aab"], [0.1, 0.2, 0.3])
    for bad, message in [
        (good.drop(columns=["patient", "seed"]), "without the columns patient, seed"),
        (good.assign(patient=pd.Series(["a", "", None], dtype=object)), "2 scores of images without a patient"),
        (good.assign(number=[1, 1, 2]), "an image twice"),
        (good.assign(seed=[0, 1, 1], number=[1, 2, 1]), "with two patients"),
    ]:
        with pytest.raises(BrainsegError, match=message):
            bootstrap_mean(bad)
        with pytest.raises(BrainsegError, match=message):
            paired_difference(good, bad)
    for stranger in (good.assign(number=[7, 8, 9]), good.assign(patient=[*"xyz"]), good.assign(value=np.nan)):
        with pytest.raises(BrainsegError, match="without a common image"):
            paired_difference(good, stranger)


def test_differences_of_pairs_are_corrected_together() -> None:
    tables = {name: simulated(8, 3, 0.1, 0.1, seed) for seed, name in enumerate(["U-Net", "LinkNet", "SegNet"])}
    table = labelled_differences(dict(enumerate(itertools.combinations(tables.values(), 2))))
    assert list(table["label"]) == [0, 1, 2]
    for row, (one, other) in zip(table.itertuples(), itertools.combinations(tables.values(), 2), strict=True):
        expected = paired_difference(one, other)
        assert (row.mean, row.low, row.high, row.p) == (*ends(expected), expected.p)
        assert (row.images, row.patients, row.seeds) == (24, 8, 1)
    np.testing.assert_array_equal(table["p_holm"], holm(table["p"]))
    chosen = labelled_differences({"skips": (tables["SegNet"], tables["U-Net"])})
    assert list(chosen["label"]) == ["skips"]
    assert chosen["p_holm"].item() == chosen["p"].item() == table["p"][1]


def test_differences_need_a_pair() -> None:
    with pytest.raises(BrainsegError, match="give scores of two models"):
        labelled_differences({})


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.0005, 0.2, 0.013, 0.013, 0.6, 0.04, 0.9], [0.0035, 0.6, 0.078, 0.078, 1.0, 0.16, 1.0]),
        ([0.5, 0.001, 0.03], [0.5, 0.003, 0.06]),
    ],
)
def test_holm_gives_the_values_of_statsmodels(p: list[float], adjusted: list[float]) -> None:
    """Values of `statsmodels.stats.multitest.multipletests(p, method="holm")`, statsmodels 0.15.0."""
    np.testing.assert_allclose(holm(p), adjusted)


def test_holm_by_hand() -> None:
    """Smallest × 4 = 0.02; next × 3 = 0.09; next × 2 = 0.08, raised to 0.09; largest × 1 = 0.3."""
    np.testing.assert_allclose(holm([0.3, 0.005, 0.04, 0.03]), [0.3, 0.02, 0.09, 0.09])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p: list[float], random: Any) -> None:
    values, adjusted = np.array(p), holm(p)
    assert (adjusted >= values).all()
    assert (adjusted <= np.minimum(1, len(p) * values)).all()
    assert (np.diff(adjusted[np.argsort(values)]) >= 0).all()
    order = random.sample(range(len(p)), len(p))
    np.testing.assert_array_equal(holm(values[order]), adjusted[order])


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_holm_refuses_what_is_no_p_value(bad: float) -> None:
    with pytest.raises(BrainsegError, match="expected numbers from 0 to 1"):
        holm([0.5, bad])


@pytest.mark.parametrize("seeds", [1, 2, 5, 6, 10])
def test_smallest_p_is_that_of_differences_with_one_sign(seeds: int) -> None:
    assert smallest_p(seeds) == pytest.approx(stats.wilcoxon(np.arange(1, seeds + 1), method="exact").pvalue)
    assert smallest_p(seeds) == pytest.approx(stats.binomtest(seeds, seeds).pvalue)


def test_intervals_are_printed_with_two_digits() -> None:
    assert str(Interval(0.5801, 0.526, 0.634)) == "0.58 [0.53, 0.63]"
    assert f"{Difference(-0.1, -0.2, 0, p=0.04, images=9, patients=3, seeds=1)}" == "-0.10 [-0.20, 0.00]"


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.2), st.floats(0.001, 0.1))
def test_a_decision_is_that_of_two_one_sided_tests(mean: float, half_width: float, margin: float) -> None:
    """Of a normal estimate, by SciPy: no difference as large as the margin, else one from zero."""
    assume(min(abs(abs(mean) - half_width), abs(abs(mean) + half_width - margin)) > 1e-6)
    error = half_width / stats.norm.ppf(0.975)
    tests = [stats.norm.sf((margin + sign * mean) / error) for sign in (1, -1)]
    nonzero = 2 * stats.norm.sf(abs(mean) / error) < 0.05
    expected = SAME if max(tests) < 0.025 else (BETTER if mean > 0 else WORSE) if nonzero else UNDECIDED
    assert decision(Interval(mean, mean - half_width, mean + half_width), margin) == expected


def test_what_is_detectable_is_found_four_times_out_of_five() -> None:
    random = np.random.default_rng(0)
    interval = Interval(0.0, -NORMAL_95, NORMAL_95)
    estimates = random.normal(interval.detectable, 1.0, 100_000)
    assert np.mean(estimates > NORMAL_95) == pytest.approx(0.8, abs=0.01)


def of_seeds(seeds: int, patients: int, of_patients: float, between: float) -> Difference:
    """A difference around zero with a normal effect of each patient and one of each seed."""
    random = np.random.default_rng(1)
    effects = random.normal(0, of_patients, patients)
    effects -= effects.mean()
    shifts = between * stats.zscore(random.normal(0, 1, seeds), ddof=1) if seeds > 1 else [0.0]
    tables = [scores(range(patients), effects + shift, seed) for seed, shift in enumerate(shifts)]
    one = pd.concat(tables)
    return paired_difference(one, one.assign(value=0.0))


def test_seeds_needed_are_those_of_the_variance_of_a_mean() -> None:
    """Half-width of n seeds: 1.96 √(patients + seeds / n). Half of the wanted variance is the patients', as drawn."""
    wanted = (MARGIN / NORMAL_95) ** 2
    patients = 400
    found = of_seeds(8, patients, np.sqrt(wanted / 4 * patients), np.sqrt(8 * wanted))
    assert found.seeds_needed == pytest.approx(8 / 0.75, abs=1.5)


def test_seeds_cannot_replace_patients() -> None:
    assert of_seeds(4, 20, 0.2, 0.001).seeds_needed == np.inf


def test_of_one_seed_it_is_not_known_how_many_are_needed() -> None:
    assert np.isnan(of_seeds(1, 20, 0.2, 0.0).seeds_needed)


@pytest.mark.slow
def test_the_margin_is_what_a_tenth_of_a_pixel_costs(real_data: Path) -> None:
    """A perfect outline at 640 × 640 pixels, shifted by one of them along either axis."""
    masks = [case.border.mask(640) for case in cases(read_dataset(real_data), read_borders(real_data)) if case.border]
    kept = [(mask & np.roll(mask, 1, axis)).sum() / mask.sum() for mask in masks for axis in (0, 1)]
    assert len(masks) == 2146
    assert 1 - np.mean(kept) == pytest.approx(MARGIN, abs=0.001)
