"""Which scores can stand beside each other: every constraint between scores of pooled pixels, and what rounding allows.

Four counts are behind such scores: tumour pixels that are marked, healthy pixels that are marked, tumour pixels that
are missed, and healthy pixels that are left alone. Only their shares matter. Each score but mean IoU is a quotient of
two sums of counts, so that "it rounds to the printed number" is a pair of linear inequalities. The counts that a row of
a paper allows are therefore a convex cone in four dimensions. It is described by its edges, exactly, in whole numbers
(Motzkin et al. 1953, "The double description method"), and quotients have their extremes on edges.

Mean IoU is the mean of tp / (tp + e) and tn / (tn + e), with e for the wrong pixels: concave in (tp, tn) / e, and
growing in both. So it is lowest on an edge, and highest on one or between two.

The counts are taken as real numbers: what is called contradictory here is so for any number of pixels.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import combinations, product
from typing import Final

from brainseg.errors import BrainsegError

Counts = tuple[int, int, int, int]
"""True positives, false positives, false negatives, true negatives."""

QUOTIENTS: Final[Mapping[str, tuple[Counts, Counts]]] = {
    "accuracy": ((1, 0, 0, 1), (1, 1, 1, 1)),
    "precision": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "recall": ((1, 0, 0, 0), (1, 0, 1, 0)),
    "specificity": ((0, 0, 0, 1), (0, 1, 0, 1)),
    "prevalence": ((1, 0, 1, 0), (1, 1, 1, 1)),
    "dice": ((2, 0, 0, 0), (2, 1, 1, 0)),
    "iou": ((1, 0, 0, 0), (1, 1, 1, 0)),
}
"""Numerator and denominator of each score, as weights of the four counts; prevalence is the share of tumour."""

SCORES: Final = (*QUOTIENTS, "mean_iou")
"""All scores. Of several that contradict each other, the last one here is named as the one that does not fit."""

ROUNDING: Final = 1e-12
"""What the highest mean IoU, which is not rational, may be off by."""

STEPS: Final = 30
"""Halvings in the search for a bound."""


@dataclass(frozen=True)
class Interval:
    """All numbers from ``low`` to ``high``, both included."""

    low: Fraction
    high: Fraction

    def meets(self, other: "Interval") -> bool:
        """Whether the two have a number in common, up to :data:`ROUNDING`."""
        return self.low <= other.high + Fraction(ROUNDING) and other.low <= self.high + Fraction(ROUNDING)


def printed(text: str) -> Interval:
    """What a printed number stands for: all that rounds to it, half a unit of its last digit up and down.

    Args:
        text: A share such as ``0.359``, or per cent with a sign, ``35.9 %``.

    Raises:
        BrainsegError: If it is no number.

    >>> printed("0.36") == printed("36 %") == Interval(Fraction(355, 1000), Fraction(365, 1000))
    True
    """
    digits, percent, rest = text.strip().partition("%")
    try:
        number = Decimal(digits.strip())
        exponent = number.as_tuple().exponent
        if rest or not isinstance(exponent, int):
            raise InvalidOperation
    except InvalidOperation:
        raise BrainsegError(f"received {text!r}, expected a number such as 0.359 or 35.9 %") from None
    unit = Fraction(1, 100) if percent else Fraction(1)
    half = Fraction(10) ** exponent / 2
    return Interval(unit * (Fraction(number) - half), unit * (Fraction(number) + half))


def _weighed(weights: Iterable[int], counts: Counts) -> int:
    return sum(weight * count for weight, count in zip(weights, counts, strict=True))


def _counts(values: Iterable[int]) -> Counts:
    tp, fp, fn, tn = values
    return tp, fp, fn, tn


@dataclass(frozen=True)
class Allowed:
    """The counts with which all of some scores lie in their intervals.

    Attributes:
        edges: Each edge of the cone, as whole counts, with the constraints that hold there with equality.
        mean_iou: What mean IoU must lie in, if it is one of the scores.
    """

    edges: Mapping[Counts, frozenset[Counts]]
    mean_iou: Interval | None = None

    def where(self, score: str, interval: Interval) -> "Allowed":
        """Those of the counts with which one more score lies in an interval."""
        if score == "mean_iou":
            return Allowed(self.edges, interval)
        return self._not_below(score, interval.low)._not_above(score, interval.high)

    @property
    def possible(self) -> bool:
        """Whether there are any counts that have a tumour, a background, and a mean IoU in its interval."""
        if not self.edges or (self.mean_iou is not None and not self._two_classes):
            return False
        return self.mean_iou is None or self._mean_iou_range().meets(self.mean_iou)

    def has(self, score: str) -> bool:
        """Whether a score is defined for any of the counts."""
        if score == "mean_iou":
            return self._two_classes
        return any(_weighed(QUOTIENTS[score][1], edge) for edge in self.edges)

    def range(self, score: str) -> Interval:
        """Lowest and highest value of a score that the counts allow; it must be defined for some, and they possible.

        With a mean IoU in its interval, they are found by halving, to ten digits.
        """
        if score == "mean_iou":
            found = self._mean_iou_range()
            limits = self.mean_iou or found
            return Interval(max(found.low, limits.low), min(found.high, limits.high))
        numerator, denominator = QUOTIENTS[score]
        pairs = [(_weighed(numerator, edge), _weighed(denominator, edge)) for edge in self.edges]
        values = [Fraction(above, below) for above, below in pairs if below]
        outer = Interval(min(values), max(values))
        if self.mean_iou is None:
            return outer
        return Interval(
            _first(outer.low, outer.high, lambda value: self._not_above(score, value).possible),
            _first(outer.high, outer.low, lambda value: self._not_below(score, value).possible),
        )

    def _not_below(self, score: str, value: Fraction) -> "Allowed":
        above, below = QUOTIENTS[score]
        scale, share = value.denominator, value.numerator
        return self._cut(_counts(scale * a - share * b for a, b in zip(above, below, strict=True)))

    def _not_above(self, score: str, value: Fraction) -> "Allowed":
        above, below = QUOTIENTS[score]
        scale, share = value.denominator, value.numerator
        return self._cut(_counts(share * b - scale * a for a, b in zip(above, below, strict=True)))

    def _cut(self, weights: Counts) -> "Allowed":
        """Those counts whose weighted sum is not negative: edges on that side, and those where two neighbours part."""
        side = {edge: _weighed(weights, edge) for edge in self.edges}
        kept = {
            edge: tight | {weights} if side[edge] == 0 else tight
            for edge, tight in self.edges.items()
            if side[edge] >= 0
        }
        inside, outside = ([edge for edge in side if sign * side[edge] > 0] for sign in (1, -1))
        for one, other in product(inside, outside):
            common = self.edges[one] & self.edges[other]
            if not any(common <= tight for edge, tight in self.edges.items() if edge not in (one, other)):
                between = [side[one] * b - side[other] * a for a, b in zip(one, other, strict=True)]
                divisor = math.gcd(*between)
                kept[_counts(value // divisor for value in between)] = common | {weights}
        return Allowed(kept, self.mean_iou)

    @property
    def _two_classes(self) -> bool:
        return any(edge[0] + edge[1] + edge[2] for edge in self.edges) and any(sum(edge[1:]) for edge in self.edges)

    def _mean_iou_range(self) -> Interval:
        wrong = [(tp, fp + fn, tn) for tp, fp, fn, tn in self.edges]
        lowest = min((Fraction(tp, tp + e) + Fraction(tn, tn + e) for tp, e, tn in wrong if e), default=Fraction(2))
        pairs = [*combinations(wrong, 2), *((edge, edge) for edge in wrong)]
        highest = max(value for one, other in pairs for value in _between(one, other))
        return Interval(lowest / 2, max(Fraction(highest), lowest) / 2)


_ONLY: Final = tuple(_counts(int(i == place) for i in range(4)) for place in range(4))

ALL: Final = Allowed({only: frozenset(_ONLY) - {only} for only in _ONLY})
"""All counts there are: the constraints are that none is negative."""


def allowed(scores: Mapping[str, Interval]) -> Allowed:
    """The counts with which all these scores are as printed.

    Accuracy 0.8 and Dice 0.667 leave little choice: of ten pixels two are rightly called tumour, two are wrong.

    >>> counts = allowed({"accuracy": printed("0.8000"), "dice": printed("0.6667")})
    >>> interval = counts.range("mean_iou")
    >>> round(float(interval.low), 3), round(float(interval.high), 3)
    (0.625, 0.625)
    """
    counts = ALL
    for score, interval in scores.items():
        counts = counts.where(score, interval)
    return counts


def consistent(scores: Mapping[str, Interval]) -> bool:
    """Whether all these scores can be of the same pooled pixels.

    >>> consistent({"dice": printed("0.50"), "iou": printed("0.33")})
    True
    >>> consistent({"dice": printed("0.50"), "iou": printed("0.36")})
    False
    """
    counts = allowed(scores)
    return counts.possible and all(counts.has(score) for score in scores)


def contradictions(scores: Mapping[str, Interval]) -> list[tuple[str, ...]]:
    """The smallest sets of these scores that cannot be of the same pooled pixels.

    >>> contradictions({name: printed(text) for name, text in {"dice": "0.50", "iou": "0.36", "recall": "0.7"}.items()})
    [('dice', 'iou')]
    """
    if consistent(scores):
        return []
    names = [name for name in SCORES if name in scores]
    found: list[tuple[str, ...]] = []
    for size in range(1, len(names) + 1):
        for some in combinations(names, size):
            if not any(set(smaller) <= set(some) for smaller in found):
                found += [some] * (not consistent({name: scores[name] for name in some}))
    return found


def hold_for_means(scores: Mapping[str, Interval]) -> bool:
    """Whether scores can be means over images, each of its own pixels, as far as two laws tell.

    Every score is from 0 to 1. And IoU is Dice / (2 − Dice), which bends upwards and stays below Dice: so the mean over
    images of the tumour's IoU is from that of the mean Dice (Jensen 1906) to the mean Dice.

    >>> hold_for_means({"dice": printed("0.50"), "iou": printed("0.41")})
    True
    >>> hold_for_means({"dice": printed("0.50"), "iou": printed("0.30")})
    False
    """
    if any(interval.low > 1 or interval.high < 0 for interval in scores.values()):
        return False
    dice, iou = scores.get("dice"), scores.get("iou")
    return dice is None or iou is None or (dice.high >= iou.low and dice.low / (2 - dice.low) <= iou.high)


def _first(start: Fraction, end: Fraction, holds: Callable[[Fraction], bool]) -> Fraction:
    """The value nearest to ``start`` for which something holds that holds from there to ``end``, nearly."""
    if holds(start):
        return start
    for _ in range(STEPS):
        middle = (start + end) / 2
        start, end = (start, middle) if holds(middle) else (middle, end)
    return end


def _between(one: tuple[int, int, int], other: tuple[int, int, int]) -> Iterator[float]:
    """Twice the mean IoU on two edges (right tumour, wrong, right background), and where between them it is highest."""
    (t, e, n), (u, f, m) = one, other
    yield _share(t, e, u, f) + _share(n, e, m, f)
    yield _share(u, f, t, e) + _share(m, f, n, e)
    tumour, background = u * (t + e) - t * (u + f), m * (n + e) - n * (m + f)
    if tumour * background < 0:
        # Moving from one edge to the other, one IoU grows and the other falls; where both are equally fast is the top.
        a, b = math.sqrt(abs(tumour)), math.sqrt(abs(background))
        across, along = b * (t + e) - a * (n + e), a * (m + f) - b * (u + f)
        if across * along > 0:
            step = across / along
            yield sum((x + step * y) / (x + e + step * (y + f)) for x, y in ((t, u), (n, m)))


def _share(right: int, wrong: int, right_beside: int, wrong_beside: int) -> float:
    """IoU on an edge; where it has no pixel of the class, that of the points between it and the edge beside it."""
    if right + wrong:
        return right / (right + wrong)
    return right_beside / (right_beside + wrong_beside) if right_beside + wrong_beside else 0.0
