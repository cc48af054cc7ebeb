"""Numbers recorded on the real images, which a reader of the book need not have."""

import json

import pandas as pd

from brainseg.errors import BrainsegError
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
