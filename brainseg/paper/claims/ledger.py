"""The claims ledger: read from its file, evaluated, and what fails in it."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from brainseg.errors import BrainsegError
from brainseg.models import MODELS, TITLES
from brainseg.paper.claims import entries, findings, words  # noqa: F401 (they register their tests)
from brainseg.paper.claims.claim import CANNOT_BE_TESTED, CLAIMS, GROUPS, MAKERS, NOT_REPRODUCED, VERDICTS, Claim
from brainseg.paper.claims.evidence import Evidence, UntestableError
from brainseg.paper.claims.verdicts import TESTS, Outcome
from brainseg.paper.study import MEASURES

_FIELDS = {field.name: field for field in dataclasses.fields(Claim)}
_OPTIONAL = ("published", "arguments")


def read_claims(path: Path = CLAIMS) -> list[Claim]:
    """Read a ledger: a YAML list with one mapping for each claim, whose keys are the fields of :class:`Claim`.

    Raises:
        BrainsegError: If the file cannot be read, a field is missing, unknown, empty or of the wrong kind, an id is not
            in lower case with hyphens or is used twice, or a test does not exist or does not take the arguments. The
            message names the claim.

    >>> claims = read_claims()
    >>> claims[0].maker, claims[0].published
    ('study', 0.9428)
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BrainsegError(f"{path} cannot be read as a ledger of claims: {error}") from error
    if not isinstance(content, list):
        raise BrainsegError(f"{path}: received {type(content).__name__}, expected a list of claims")
    claims = [_claim(entry, f"{path.name}, claim {place}") for place, entry in enumerate(content, start=1)]
    if repeated := [name for name, times in Counter(claim.id for claim in claims).items() if times > 1]:
        raise BrainsegError(f"{path.name}: received the id {repeated[0]} twice, expected another for each claim")
    return claims


def evaluate(claims: Sequence[Claim], evidence: Evidence) -> pd.DataFrame:
    """Test claims.

    Args:
        claims: As :func:`read_claims` gives them.
        evidence: What the tests look at.

    Returns:
        One row per claim: ``id``, ``maker``, ``group``, ``quote``, ``place``, ``published``, ``measured``,
        ``difference`` (measured minus published), ``tolerance``, ``reason``, ``verdict``, ``why``, ``mechanism``,
        ``shown_in``, and ``sources``, a list of names of what the test looked at. Numbers that do not exist are None.
    """
    rows = []
    for claim in claims:
        evidence.used.clear()
        outcome = _outcome(claim, evidence)
        rows.append(
            {
                "id": claim.id,
                "maker": claim.maker,
                "group": claim.group,
                "quote": claim.quote,
                "place": claim.place,
                "published": claim.published,
                "measured": outcome.measured,
                "difference": _difference(outcome.measured, claim.published),
                "tolerance": claim.tolerance,
                "reason": claim.reason,
                "verdict": outcome.verdict,
                "why": outcome.why,
                "mechanism": outcome.mechanism,
                "shown_in": claim.shown_in,
                "sources": list(evidence.used),
            }
        )
    return pd.DataFrame(rows, dtype=object)


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """The book's own claims that are not reproduced: then the book is wrong, or its records have changed.

    Args:
        table: As :func:`evaluate` gives it.
    """
    return table[(table["maker"] == "book") & (table["verdict"] == NOT_REPRODUCED)]


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Number of claims by group, ``table``, ``words`` and ``book`` (rows), and verdict (columns).

    Args:
        table: As :func:`evaluate` gives it.
    """
    found = pd.crosstab(table["group"], table["verdict"])
    return found.reindex(index=list(GROUPS), columns=list(VERDICTS), fill_value=0)


def _difference(measured: float | None, published: float | None) -> float | None:
    return None if measured is None or published is None else measured - published


def as_published(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of the entries of the study's table, laid out as the study does.

    Args:
        table: As :func:`evaluate` gives it.
        column: For instance ``"verdict"``.

    Returns:
        One row per network; columns: for each measure ``without`` and ``with`` gates.
    """
    values = table.set_index("id")[column]
    return pd.DataFrame(
        {
            (title, side): {TITLES[model]: values[f"{model}-{metric.replace('_', '-')}{end}"] for model in MODELS}
            for metric, title in MEASURES.items()
            for side, end in {"without": "-baseline", "with": ""}.items()
        }
    )


def _outcome(claim: Claim, evidence: Evidence) -> Outcome:
    try:
        return TESTS[claim.test].run(claim, evidence, **claim.arguments)
    except UntestableError as reason:
        return Outcome(CANNOT_BE_TESTED, None, str(reason))


def _claim(entry: Any, where: str) -> Claim:
    if not isinstance(entry, dict):
        raise BrainsegError(f"{where}: received {entry!r}, expected a mapping with the fields {', '.join(_FIELDS)}")
    if "id" in entry:
        where = f"{where} ({entry['id']})"
    if unknown := [str(name) for name in entry if name not in _FIELDS]:
        raise BrainsegError(f"{where}: received the unknown field {unknown[0]}, expected {', '.join(_FIELDS)}")
    if missing := [name for name in _FIELDS if name not in entry and name not in _OPTIONAL]:
        raise BrainsegError(f"{where}: the field {missing[0]} is missing: add it")
    for name in ("id", "maker", "quote", "place", "test", "reason", "shown_in"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise BrainsegError(f"{where}: received {name} {entry[name]!r}, expected a text")
    for name in ("published", "tolerance"):
        value = entry.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BrainsegError(f"{where}: received {name} {value!r}, expected a number")
    if entry["tolerance"] < 0:
        raise BrainsegError(f"{where}: received the tolerance {entry['tolerance']}, expected 0 or more")
    if entry["maker"] not in MAKERS:
        raise BrainsegError(f"{where}: received the maker {entry['maker']!r}, expected {' or '.join(MAKERS)}")
    if not set(entry["id"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise BrainsegError(f"{where}: expected an id of small letters, digits and hyphens")
    if ": " not in entry["shown_in"]:
        raise BrainsegError(f"{where}: received shown_in {entry['shown_in']!r}, expected NN_name: Heading")
    _require_test(entry["test"], entry.get("arguments", {}), where)
    fields: dict[str, Any] = {name: value.strip() if isinstance(value, str) else value for name, value in entry.items()}
    return Claim(**fields)


def _require_test(name: str, arguments: Mapping[str, Any], where: str) -> None:
    if name not in TESTS:
        raise BrainsegError(f"{where}: received the unknown test {name}, expected one of: {', '.join(sorted(TESTS))}")
    try:
        TESTS[name].signature.bind(**arguments)
    except TypeError as error:
        takes = TESTS[name].signature
        raise BrainsegError(
            f"{where}: received the arguments {arguments} for the test {name}, which takes {takes} ({error})"
        ) from error
