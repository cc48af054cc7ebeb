"""What a class needs of a server, for the page of its teacher. Every number is from ``results/classroom.json``."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from brainseg.paper.build.markdown import table

RECORD: Final = "classroom"
"""Name of the recorded result."""

STUDENTS: Final = 30
HEAD: Final = ("chapter", "memory, GiB", "seconds, first", "seconds, again", "on disk, MiB")


def needs(record: Mapping[str, pd.DataFrame]) -> str:
    """What one student and a class need, MyST Markdown.

    Args:
        record: As :func:`brainseg.experiments.recorded.recorded` reads it.
    """
    chapters, (machine,) = record["chapters"], record["machine"].to_dict("records")
    most = chapters.drop(columns="chapter").max()
    rows = (
        (
            f"[](/notebooks/{row['chapter']})",
            f"{row['memory_mib'] / 2**10:.1f}",
            *(f"{row[name]:.0f}" for name in ("first_seconds", "again_seconds", "disk_mib")),
        )
        for row in chapters.to_dict("records")
    )
    return (
        f"**{STUDENTS} students at once need up to {STUDENTS * most['memory_mib'] / 2**10:.0f} GiB of memory**, if all "
        f"have run the chapter that takes most. The chapter that takes longest keeps a processor busy for "
        f"{_minutes(most['first_seconds'])} minutes in all the first time, each in a folder of their own, and for "
        f"{_minutes(most['again_seconds'])} where phantom and answers are there.\n\n"
        f"{table(HEAD, rows)}\n\n"
        f"One student, the whole chapter with its solutions: the most memory that the kernel held, seconds of a "
        f"processor in an empty folder and once more, and what lies in the folder then. Measured on {machine['date']} "
        f"on {machine['processor']}, Python {machine['python']}.\n"
    )


def _minutes(seconds: float) -> str:
    return f"{STUDENTS * seconds / 60:.0f}"
