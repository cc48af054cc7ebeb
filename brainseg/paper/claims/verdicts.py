"""Verdicts, and the register of the tests that give them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from brainseg.errors import BrainsegError
from brainseg.paper.claims.claim import NOT_REPRODUCED, REPRODUCED, Claim
from brainseg.paper.claims.evidence import Evidence

PROBABILITIES = "probabilities where classes are expected"
BLANK_MASK = "nearly the score of a blank mask"
TRAINING_VALUE = "a training value quoted as a result"
ANSWER = "an answer shown as its explanation"


@dataclass(frozen=True)
class Outcome:
    """What a test found.

    Attributes:
        verdict: One of :data:`brainseg.paper.claims.claim.VERDICTS`.
        measured: The value that stands beside the published one, if there is one.
        why: One or two sentences with the numbers that decide.
        mechanism: What makes the value, if it is an artefact.
    """

    verdict: str
    measured: float | None
    why: str
    mechanism: str = ""


TESTS: dict[str, Callable[..., Outcome]] = {}
"""All tests by the names that the ledger uses: functions of the claim, the evidence, and arguments of the ledger."""


def judgement(test: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Register a test that gives an outcome."""
    TESTS[test.__name__] = test
    return test


def measurement(measure: Callable[..., float]) -> Callable[..., float]:
    """Register a test that measures a number: a function of the evidence, and arguments of the ledger.

    The claim is reproduced if the number is within its tolerance of the published one.
    """

    @wraps(measure)
    def test(claim: Claim, evidence: Evidence, **arguments: Any) -> Outcome:
        return compared(claim, measure(evidence, **arguments))

    TESTS[measure.__name__] = test
    return measure


def takes(test: str) -> inspect.Signature:
    """Which arguments of the ledger a test takes."""
    parameters = inspect.signature(TESTS[test]).parameters.values()
    return inspect.Signature([one for one in parameters if one.name not in ("claim", "evidence")])


def compared(claim: Claim, measured: float, what: str = "Measured") -> Outcome:
    """Reproduced if a measured value is within the claim's tolerance of the published one, else not reproduced."""
    if claim.published is None:
        raise BrainsegError(f"claim {claim.id}: its test {claim.test} measures a number, and none is published")
    verdict = REPRODUCED if abs(measured - claim.published) <= claim.tolerance else NOT_REPRODUCED
    return Outcome(verdict, measured, f"{what}: {measured:.4g}; claimed: {claim.published:.4g}.")
