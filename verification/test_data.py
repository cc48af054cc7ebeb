"""The data set that the chapters run on is the one that was made."""

from brainseg.data.checksums import changed_files
from brainseg.data.dataset import open_dataset


def test_files_of_the_phantom_are_as_they_were_made() -> None:
    assert changed_files(open_dataset("phantom").root) == []
