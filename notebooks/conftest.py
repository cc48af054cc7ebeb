"""nbval compares re-executed outputs with the committed ones, within the tolerances of brainseg.paper.build.agreement."""

from brainseg.paper.build.nbval import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
