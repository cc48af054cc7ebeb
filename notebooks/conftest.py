"""nbval compares re-executed outputs with the committed ones, within the tolerances of brainseg.book.comparison."""

from brainseg.book.nbval import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
