"""The claims ledger: read from its file, evaluated, and what fails in it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from brainseg.data.outside import shown
from brainseg.data.schema import read_yaml, require
from brainseg.errors import BrainsegError
from brainseg.fingerprint import resource
from brainseg.models import MODELS, TITLES
from brainseg.paper.claims import entries, findings, words  # noqa: F401 (they register their tests)
from brainseg.paper.claims.claim import CANNOT_BE_TESTED, GROUPS, NOT_REPRODUCED, VERDICTS, Claim
from brainseg.paper.claims.evidence import Evidence, UntestableError
from brainseg.paper.claims.verdicts import TESTS, Outcome, takes
from brainseg.paper.study import MEASURES

SCHEMA = yaml.safe_load(Path(__file__).with_name("claim.schema.yml").read_text(encoding="utf-8"))
SCHEMA["properties"]["test"] = {"enum": sorted(TESTS)}
_QUOTE = "'"
COLUMNS = (
    *("id", "maker", "group", "quote", "place", "published", "measured", "difference", "tolerance", "reason"),
    *("verdict", "why", "mechanism", "shown_in", "sources"),
)


def read_claims(path: Path | None = None) -> list[Claim]:
    """Read a ledger, by default this book's: a YAML list with one mapping for each claim.

    Raises:
        BrainsegError: If the file cannot be read or has no claim, one does not fit ``claim.schema.yml``, an id is used
            twice, or a test does not exist or does not take the arguments. The message names the claim.

    >>> claims = read_claims()
    >>> claims[0].maker, claims[0].published
    ('study', 0.9428)
    """
    path = path or resource("book/claims.yml")
    content = read_yaml(path)
    if not isinstance(content, list) or not content:
        raise BrainsegError(f"{path}: received {shown(content)}, expected a list of claims")
    claims = [_claim(entry, f"{path.name}, claim {place}") for place, entry in enumerate(content, start=1)]
    if repeated := [name for name, times in Counter(claim.id for claim in claims).items() if times > 1]:
        raise BrainsegError(f"{path.name}: received the id {repeated[0]} twice, expected another for each claim")
    return claims


def evaluate(claims: Sequence[Claim], evidence: Evidence) -> pd.DataFrame:
    """Test claims on what the evidence has.

    Returns:
        One row per claim, with :data:`COLUMNS`: the fields of the claim and of the outcome; ``difference`` is measured
        minus published, and ``sources`` a list of names of what the test looked at. Numbers that do not exist are None.
    """
    rows = []
    for claim in claims:
        evidence.used.clear()
        found = vars(claim) | vars(_outcome(claim, evidence))
        has_both = None not in (found["measured"], claim.published)
        found["difference"] = found["measured"] - claim.published if has_both else None
        rows.append(found | {"group": claim.group, "sources": list(evidence.used)})
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """Of a table by :func:`evaluate`, the book's own claims that are not reproduced."""
    return table[(table["maker"] == "book") & (table["verdict"] == NOT_REPRODUCED)]


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Number of claims in such a table by group, ``table``, ``words`` and ``book`` (rows), and verdict (columns)."""
    found = pd.crosstab(table["group"], table["verdict"])
    return found.reindex(index=list(GROUPS), columns=list(VERDICTS), fill_value=0)


def as_published(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column of such a table for the study's entries: by network, then measure, ``baseline`` and ``study``."""
    values = table.set_index("id")[column]
    return pd.DataFrame(
        {
            (title, side): {TITLES[model]: values[f"{model}-{metric.replace('_', '-')}{end}"] for model in MODELS}
            for metric, title in MEASURES.items()
            for side, end in {"baseline": "-baseline", "study": ""}.items()
        }
    )


def _outcome(claim: Claim, evidence: Evidence) -> Outcome:
    try:
        return TESTS[claim.test](claim, evidence, **claim.arguments)
    except UntestableError as reason:
        return Outcome(CANNOT_BE_TESTED, None, str(reason))


def _claim(entry: Any, where: str) -> Claim:
    if isinstance(entry, dict) and "id" in entry:
        where = f"{where} ({shown(entry['id']).strip(_QUOTE)})"
    require(entry, SCHEMA, where)
    fields: dict[str, Any] = {name: value.strip() if isinstance(value, str) else value for name, value in entry.items()}
    claim = Claim(**fields)
    signature = takes(claim.test)
    try:
        signature.bind(**claim.arguments)
    except TypeError as error:
        raise BrainsegError(
            f"{where}: received the arguments {shown(claim.arguments)} for the test {claim.test}, "
            f"which takes {signature}"
        ) from error
    return claim
