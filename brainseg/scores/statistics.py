"""Intervals and tests for per-image scores: patients, not images, are what a result must repeat on.

Every function takes long tables with one row per image and run: ``seed`` (of the training run), ``patient``, ``number``
(of the image) and ``value``; rows whose value is NaN are left out. An image has one patient, and one value in a run.
``draws`` are the repetitions of the bootstrap and of the permutation test, ``seed`` is theirs.

Images of one patient resemble each other, so the bootstrap draws patients, and then images within each drawn patient;
where there are several seeds it draws these too (Davison and Hinkley 1997, "Bootstrap methods and their application",
section 3.8; Saravanan, Berman and Sober 2020, "Application of the hierarchical bootstrap to multi-level data in
neuroscience"). Every run is scored on the same patients: patients are crossed with seeds, not nested in them, and a
draw takes the same patients and images for all its seeds.

Such intervals are not exact. What varies between the images of one patient is in the patient's mean already, and
drawing images adds it a second time: intervals are too wide, by a factor of up to √2 where images of one patient differ
as much as those of different ones. And n seeds, drawn with replacement, show (n − 1)/n of the variance between runs:
with two or three seeds intervals are too narrow in that part.

With cross-validation every patient is tested once in a run, by the network that has not seen them. The networks of the
folds differ as those of seeds do, and an interval over patients has a part of that in it, not all: it is about these
trained networks. What holds for a design, trained anew, is asked of folds, see :func:`over_folds`.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import ceil, inf, nan
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from brainseg.errors import BrainsegError

CONFIDENCE = 0.95
"""Share of repetitions of the study whose interval would contain the true mean."""

DRAWS = 2000
"""Repetitions of the bootstrap, and of the permutation test where it is not exact."""

EXACT = 12
"""With up to so many patients, the permutation test goes through all 2ⁿ flips."""

MARGIN = 0.02
"""A difference in mean Dice that is smaller does not matter.

It is what a perfect outline loses, on average over the study's images, when it is shifted by a tenth of a pixel at
64 × 64 pixels, which is less than one pixel of the original slices: no border is known better than that.
"""

POWER = 0.8
"""How often a test should find a difference that is there."""

BETTER, WORSE, SAME, UNDECIDED = DECISIONS = ("better", "worse", "no difference that matters", "cannot tell")
"""What an interval of a difference can say, see :func:`decision`."""

_NORMAL: Final = NormalDist()
_Z = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Interval:
    """A mean over images and the ends of its 95 % interval.

    >>> print(Interval(0.58, 0.53, 0.629))
    0.58 [0.53, 0.63]
    """

    mean: float
    low: float
    high: float

    @property
    def detectable(self) -> float:
        """Of a difference: the smallest true one that would be found with :data:`POWER`, normally distributed.

        >>> round(Interval(0.0, -0.02, 0.02).detectable, 4)
        0.0286
        """
        return (1 + _NORMAL.inv_cdf(POWER) / _Z) * (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Difference(Interval):
    """A mean difference with its 95 % interval, a two-sided p value, and how much there is behind it.

    Attributes:
        p: Of the permutation test over patients, see :func:`paired_difference`.
        images, patients: How many were scored on both sides.
        seeds: How many runs were matched by their seed; 0 where the seeds differ and runs were averaged.
        seeds_needed: With how many the interval would be narrow enough to decide, if mean and spread stayed; infinite
            if further seeds alone never do, NaN if fewer than two were matched, so that their spread is not known.
    """

    p: float
    images: int
    patients: int
    seeds: int
    seeds_needed: float = nan


def bootstrap_mean(scores: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Mean of scores with the percentile interval of a hierarchical bootstrap over seeds, patients and images.

    The mean counts the images of a run equally, and the runs equally. With one seed the interval holds for that one
    trained network: how much another run would differ is not in it. Without any value, mean and ends are NaN.

    >>> table = pd.DataFrame({"seed": 0, "patient": list("aabb"), "number": range(4), "value": [0.2, 0.4, 0.8, 1.0]})
    >>> print(bootstrap_mean(table))
    0.60 [0.25, 0.95]
    """
    values = _by_run(scores)
    if values.empty:
        return Interval(np.nan, np.nan, np.nan)
    return Interval(_mean(values), *_ends(values, draws, seed))


def paired_difference(a: pd.DataFrame, b: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> Difference:
    """Mean difference a − b on the same images, with interval and p value.

    Images are matched by number, and runs by seed where both sides have the same seeds; otherwise every image's scores
    are averaged over the runs of each side first. Images scored on one side only are left out. The interval is that of
    :func:`bootstrap_mean` for the differences.

    The p value is of a permutation test that exchanges a and b in whole patients, which flips the sign of all their
    differences (Fisher 1935, "The design of experiments", section 21). Patients are the independent units; under the
    null hypothesis neither side is favoured in any of them. All 2ⁿ flips of up to twelve patients are tried, so that p
    is exact and at least 2/2ⁿ; beyond, as many random ones as there are draws, with p = (count + 1)/(draws + 1), which
    is never 0 (Phipson and Smyth 2010). The test takes the trained runs as given: unlike the interval, it knows nothing
    of how much further runs would differ.

    Raises:
        BrainsegError: If no image is scored on both sides.

    >>> a = pd.DataFrame({"seed": 0, "patient": list("abcd"), "number": range(4), "value": [0.5, 0.6, 0.7, 0.8]})
    >>> difference = paired_difference(a, a.assign(value=a["value"] - 0.1))
    >>> round(difference.mean, 3), difference.p
    (0.1, 0.125)
    """
    first, second = _by_run(a), _by_run(b)
    matched = set(first) == set(second)
    if not matched:
        first, second = (values.mean(axis="columns").to_frame() for values in (first, second))
    values = (first - second).dropna(how="all").dropna(axis="columns", how="all")
    if values.empty:
        raise BrainsegError(
            "received two tables without a common image, expected scores of the same images of the same "
            "patients: score both on one test set"
        )
    low, high = _ends(values, draws, seed)
    by_seed = values.mean().to_numpy() if matched else np.empty(0)
    return Difference(
        mean=_mean(values),
        low=low,
        high=high,
        p=_flip_test(values, draws, seed),
        images=len(values),
        patients=values.index.get_level_values("patient").nunique(),
        seeds=values.shape[1] if matched else 0,
        seeds_needed=_seeds_needed((high - low) / 2, by_seed),
    )


def over_folds(means: ArrayLike, tested_to_learnt: float = 1 / 3) -> Interval:
    """Mean of one number of each fold, with a 95 % interval: folds are what it is drawn over.

    Given the difference of two designs in each fold, averaged over its seeds, it has in it what other patients and
    another training change. The seeds of one fold share its patients and are not counted singly. Folds of a single seed
    start from the same weights, and have in them little of what another seed changes. Folds learn from the same images
    in part, so their numbers go together and Student's interval is too narrow: the variance of their mean is taken to
    be s² (1/n + test images / training images) in place of s²/n (Nadeau and Bengio 2003, "Inference for the
    generalization error"), which is right where two folds correlate by the share of the test images among both.

    Args:
        means: One number of each fold; of a single one, the ends are NaN.
        tested_to_learnt: Test images for each training image: here one fifth to three fifths. With 0, the interval is
            Student's.

    >>> print(over_folds([0.0, 0.1, 0.2]), over_folds([0.0, 0.1, 0.2], tested_to_learnt=0))
    0.10 [-0.25, 0.45] 0.10 [-0.15, 0.35]
    """
    values = np.asarray(means, float)
    if len(values) < 2:
        return Interval(float(values.mean()), nan, nan)
    error = values.std(ddof=1) * np.sqrt(1 / len(values) + tested_to_learnt)
    half = float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * error)
    return Interval(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)


def decision(difference: Interval, margin: float = MARGIN) -> str:
    """What the 95 % interval of a difference a − b says of a: one of :data:`DECISIONS`.

    No difference that matters, if the interval lies between −margin and margin: then both one-sided tests of a
    difference as large as the margin reject it, at 2.5 % each (Schuirmann 1987, "A comparison of the two one-sided
    tests procedure and the power approach"). Else better or worse, if the interval excludes zero.

    >>> [decision(Interval(0, *ends)) for ends in ((0.01, 0.05), (-0.01, 0.015), (-0.01, 0.05))]
    ['better', 'no difference that matters', 'cannot tell']
    """
    if -margin < difference.low and difference.high < margin:
        return SAME
    if difference.low > 0:
        return BETTER
    return WORSE if difference.high < 0 else UNDECIDED


def counted(decisions: Iterable[str]) -> str:
    """How many decisions there are of each kind, in words.

    >>> counted([UNDECIDED, BETTER, UNDECIDED])
    'better in 1, cannot tell in 2'
    """
    made = list(decisions)
    return ", ".join(f"{one} in {made.count(one)}" for one in DECISIONS if one in made)


def labelled_differences(pairs: Mapping[Any, tuple[pd.DataFrame, pd.DataFrame]]) -> pd.DataFrame:
    """Paired differences a − b of pairs (a, b) that have a label each, with Holm's correction of their p values.

    Returns:
        One row per pair: ``label``, ``mean``, ``low``, ``high``, ``decision``, ``detectable``, ``p``, ``p_holm``,
        ``images``, ``patients``, ``seeds``, ``seeds_needed``, see :class:`Difference` and :func:`decision`.

    Raises:
        BrainsegError: If there is no pair.
    """
    if not pairs:
        raise BrainsegError("received no pair of tables, expected one or more: give scores of two models at least")
    found = {label: paired_difference(*pair) for label, pair in pairs.items()}
    table = pd.DataFrame(
        {"label": label, **asdict(one), "decision": decision(one), "detectable": one.detectable}
        for label, one in found.items()
    )
    table["p_holm"] = holm(table["p"])
    interval, behind = ["mean", "low", "high", "decision", "detectable"], ["images", "patients", "seeds"]
    return table[["label", *interval, "p", "p_holm", *behind, "seeds_needed"]]


def beside_zero(low: pd.Series, high: pd.Series) -> tuple[int, int]:
    """How many intervals lie above zero, and how many below; the others contain it.

    >>> beside_zero(pd.Series([0.1, -0.2, -0.3]), pd.Series([0.2, 0.1, -0.1]))
    (1, 1)
    """
    return int((low > 0).sum()), int((high < 0).sum())


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values for their number, so that the chance of any false finding stays below the level tested at.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the smallest of n values is multiplied by n,
    the next by n − 1, and so on; none may be smaller than the one before it, nor larger than 1. The tests may depend on
    each other in any way.

    >>> holm([0.01, 0.04, 0.03]).round(3)
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise BrainsegError(
            f"received p values {values.tolist()}, expected numbers from 0 to 1: leave out tests without p"
        )
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return adjusted


def smallest_p(seeds: int) -> float:
    """The smallest two-sided p value that a sign or signed-rank test over so many paired seeds can give, 2/2ⁿ.

    It is that of differences which all have the same sign. Five seeds cannot reach 0.05, whatever the models.

    >>> [smallest_p(seeds) for seeds in (1, 5, 6)]
    [1.0, 0.0625, 0.03125]
    """
    return 2.0 ** (1 - seeds)


def _by_run(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores as one row per image, by patient and number, and one column per seed, both sorted."""
    if missing := {"seed", "patient", "number", "value"} - set(scores):
        raise BrainsegError(
            f"received a table without the columns {', '.join(sorted(missing))}: make it with collect()"
        )
    known = scores.dropna(subset="value")
    if (unknown := known["patient"].isna() | (known["patient"] == "")).any():
        raise BrainsegError(f"received {unknown.sum()} scores of images without a patient: leave these images out")
    if (known.groupby("number")["patient"].nunique() > 1).any() or known.duplicated(["seed", "number"]).any():
        raise BrainsegError(
            "received an image twice in one run or with two patients: give each image a number of its own"
        )
    return known.pivot(index=["patient", "number"], columns="seed", values="value")


def _mean(values: pd.DataFrame) -> float:
    """Mean over seeds of the mean over images."""
    return float(values.mean().mean())


def _ends(values: pd.DataFrame, draws: int, seed: int) -> tuple[float, float]:
    """Percentile ends of the hierarchical bootstrap: all draws of all seeds are one product."""
    owner, _ = pd.factorize(values.index.get_level_values("patient"))
    weights, times = _drawn(owner.tobytes(), values.shape[1], draws, seed)
    sums, counts = (_product(weights, of.to_numpy(float)) for of in (values.fillna(0), values.notna()))
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    drawn = np.where(times > 0, times * means, 0).sum(axis=1) / values.shape[1]
    low, high = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _seeds_needed(half_width: float, by_seed: NDArray[np.float64]) -> float:
    """See :class:`Difference`. The variance of a mean over n seeds is that of patients, plus that of seeds over n.

    What decides soonest is a half-width of the mean's distance from zero, or from the margin.
    """
    if (n := len(by_seed)) < 2:
        return nan
    of_seeds = float(np.var(by_seed, ddof=1))
    of_patients = (half_width / _Z) ** 2 - (n - 1) / n * of_seeds / n  # what the bootstrap has drawn
    mean = abs(float(by_seed.mean()))
    left = (max(mean, MARGIN - mean) / _Z) ** 2 - max(0.0, of_patients)
    return max(1, ceil(of_seeds / left)) if left > 0 else inf


def _product(left: NDArray[Any], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix product without BLAS, which adds in another order on each processor."""
    return np.asarray(np.einsum("ij,j...->i...", left, right))


@lru_cache(maxsize=2)  # because one network after another is tested on the same images
def _drawn(owner: bytes, seeds: int, draws: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How often each image is in each draw, (draws, images), and each seed, (draws, seeds).

    A patient who is drawn k times and has m images gives k·m images, each any of the m with equal chance.

    Args:
        owner: Number of each image's patient, as bytes of integers.
    """
    random, patient = np.random.default_rng(seed), np.frombuffer(owner, np.intp)
    people = patient.max() + 1
    times = random.multinomial(people, np.full(people, 1 / people), draws)
    weights = np.empty((draws, len(patient)))
    for person in range(people):
        own = np.flatnonzero(patient == person)
        weights[:, own] = random.multinomial(times[:, person] * len(own), np.full(len(own), 1 / len(own)))
    return weights, random.multinomial(seeds, np.full(seeds, 1 / seeds), draws)


def _flip_test(values: pd.DataFrame, draws: int, seed: int) -> float:
    """Two-sided p value of the permutation test on the mean that flips the signs of whole patients."""
    share_of_mean = (values / values.count()).sum(axis="columns") / values.shape[1]
    shares = share_of_mean.groupby(level="patient").sum().to_numpy()
    as_large = abs(shares.sum()) - 1e-9 * np.abs(shares).sum()
    if len(shares) <= EXACT:
        signs = np.array(list(itertools.product((-1, 1), repeat=len(shares))))
        return float(np.mean(np.abs(_product(signs, shares)) >= as_large))
    signs = np.random.default_rng(seed).choice((-1, 1), (draws, len(shares)))
    return float((1 + np.sum(np.abs(_product(signs, shares)) >= as_large)) / (1 + draws))
