"""The one exception that a user is meant to read, and the look-up that raises it most often."""

from collections.abc import Iterable
from typing import TypeVar

Value = TypeVar("Value")


class BrainsegError(Exception):
    """An error whose message says what was received, what was expected and what to do.

    The command line prints the message as one line and exits with status 2.
    """


def known(value: Value, among: Iterable[Value], what: str) -> Value:
    """The value, if it is one of those that there are.

    >>> known("full", ["quick", "full"], "scale")
    'full'
    >>> known("fill", ["quick", "full"], "scale")
    Traceback (most recent call last):
    brainseg.errors.BrainsegError: received scale 'fill', expected one of: quick, full
    """
    if value not in (values := list(among)):
        raise BrainsegError(f"received {what} {value!r}, expected one of: {', '.join(map(str, values))}")
    return value
