"""Numbers recorded on the real images, which a reader of the book need not have."""

import gzip
import json
from functools import cache

import pandas as pd

from brainseg.errors import BrainsegError
from brainseg.run import Record
from brainseg.sources import PACKAGE

RESULTS = PACKAGE.parent / "results"


def recorded(name: str) -> dict[str, pd.DataFrame]:
    """The tables of one recorded result, by their names.

    Parameters
    ----------
    name
        Name of a file in ``results/``, without its ending. ``tumorseg-check`` is what
        ``brainseg data check FOLDER --record FILE`` wrote about the study's images.

    Raises
    ------
    BrainsegError
        If there is no such file.

    Examples
    --------
    >>> int(recorded("tumorseg-check")["agreement"].set_index("split").loc["all", "images"])
    2145
    """
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        raise BrainsegError(f"received the name {name!r}, expected a file {path}: choose one of those in {RESULTS}")
    return {table: pd.DataFrame(rows) for table, rows in json.loads(path.read_text(encoding="utf-8")).items()}


@cache
def recorded_runs(name: str) -> tuple[Record, ...]:
    """The runs of one recorded experiment, in the order of their file names: a compressed JSON file each.

    Parameters
    ----------
    name
        Name of a folder in ``results/``; ``tumorseg-small-ladder`` holds what ``make results`` trained on the study's
        images, from published to corrected, at the scale ``small``.

    Raises
    ------
    BrainsegError
        If there is no such folder, or it is empty.
    """
    files = sorted((RESULTS / name).glob("*.json.gz"))
    if not files:
        raise BrainsegError(f"received the name {name!r}, expected a folder with runs in {RESULTS}")
    return tuple(Record.from_json(gzip.decompress(path.read_bytes()).decode()) for path in files)
