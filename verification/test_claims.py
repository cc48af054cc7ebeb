"""Every claim gets a verdict, and none that this book itself makes is wrong."""

import json
from collections.abc import Callable

import pytest

from brainseg.experiments.workspace import Workspace
from brainseg.paper.claims.claim import Claim
from brainseg.paper.claims.evidence import Evidence
from brainseg.paper.claims.ledger import evaluate, failures, read_claims


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Recorded results, and the runs of this copy of the book."""
    return Evidence(workspace=Workspace())


@pytest.mark.parametrize("claim", read_claims(), ids=lambda claim: claim.id)
def test_claim(claim: Claim, evidence: Evidence, record_property: Callable[[str, object], None]) -> None:
    table = evaluate([claim], evidence)
    found = json.loads(table.to_json(orient="records"))[0] | {"failed": not failures(table).empty}
    record_property("claim", found)
    assert not found["failed"], f"{claim.quote!r} is {found['verdict']}: {found['why']}"
