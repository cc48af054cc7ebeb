"""An audit that asked nobody is not one that found nothing."""

import runpy
from typing import Any

import pytest

from tests.conftest import REPOSITORY

CLEAN = {"name": "numpy", "version": "2.1", "vulns": []}
FLAWED = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"]}]}
SKIPPED = {"name": "scipy", "skip_reason": "Dependency not found on PyPI and could not be audited: scipy (1.15)"}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([CLEAN, CLEAN], 0, "2 packages, none known to be unsafe"),
        ([CLEAN, FLAWED, SKIPPED], 1, "jinja2 3.0: PYSEC-1, mended in 3.1"),
        ([CLEAN, SKIPPED], 2, "NOT AUDITED, 1 of 2 packages: Dependency not found on PyPI"),
        ([], 2, "0 packages"),
    ],
)
def test_the_exit_status_says_what_was_found(packages: list[dict[str, Any]], status: int, words: str) -> None:
    verdict = runpy.run_path(str(REPOSITORY / "scripts" / "audit.py"))["verdict"]
    found, lines = verdict({"dependencies": packages})
    assert found == status
    assert lines[0].startswith(words)
