"""Progress on standard error, for whoever waits, and lines on standard output that it does not disturb."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Thing = TypeVar("Thing")


class Progress:
    """A bar on standard error that appears after a second, so that what is quick shows none.

    Args:
        what: Is being done.
        total: How many images there are.

    >>> progress = Progress("count", 2)
    >>> for number in progress.through([1, 2]):
    ...     progress.print(f"line {number}")
    line 1
    line 2
    """

    def __init__(self, what: str, total: int) -> None:
        self._bar = tqdm(desc=what, total=total, unit="image", delay=1)

    def through(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """Hand things on, and count each when the next is asked for."""
        with self._bar:
            for thing in things:
                yield thing
                self._bar.update()

    def print(self, line: str) -> None:
        """Print a line on standard output; above the bar, where both are on a terminal."""
        shown = self._bar.last_print_t > self._bar.start_t
        if shown and sys.stdout.isatty():
            tqdm.write(line)
        else:
            sys.stdout.write(f"{line}\n")
