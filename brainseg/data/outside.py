"""What comes from outside, and what goes there: files read within bounds, words safe to print, files written whole.

Bounds are far above anything in use, and low enough that no input of 100 MB takes a gigabyte.
"""

import hashlib
import json
import logging
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from brainseg.errors import BrainsegError

LOG = logging.getLogger("brainseg")

TEXT: Final = 1 << 24
"""Bytes of a text that is read, at most; the largest of the study's has a seventh."""

FILE: Final = 1 << 29
"""Bytes of any other file that is read, at most, and of what it unpacks to."""

SIDE: Final = 4096
"""Pixels of a picture's side, at most."""

ASPECT: Final = 32
"""Times that one side of a picture may be as long as the other."""

_SHOWN = 80


def printable(text: str) -> str:
    r"""A text with everything escaped that would move a terminal's cursor, change its colours, or not be encoded.

    >>> printable("a\nb\x1b[31m.png")
    'a\\nb\\u001b[31m.png'
    """
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def shown(value: object) -> str:
    """A value as an error shows it: in a few characters, whatever it is.

    >>> len(shown([1] * 1000))
    80
    """
    try:
        text = printable(repr(value))
    except (ValueError, RecursionError):  # a whole number of thousands of digits, lists a thousand deep
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 2]} …"


def words(error: BaseException) -> str:
    """Kind and message of another library's error, in one line.

    >>> words(OSError("no route"))
    'OSError: no route'
    """
    return printable(" ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":"))[:400]


@contextmanager
def expecting(what: str, instead: str) -> Iterator[None]:
    """Whatever a library raises over bytes that are not what it expects becomes one error.

    Args:
        what: Names the input and says what it is not.
        instead: What to do.

    >>> with expecting("a.json has no name", "add one"):
    ...     {}["name"]
    Traceback (most recent call last):
    brainseg.errors.BrainsegError: a.json has no name (KeyError: 'name'): add one
    """
    try:
        yield
    except BrainsegError:
        raise
    except Exception as error:
        raise BrainsegError(f"{what} ({words(error)}): {instead}") from error


def read_bytes(path: Path, at_most: int = FILE) -> bytes:
    """Read a file, if it is one and not too large.

    >>> read_bytes(Path("/dev"))
    Traceback (most recent call last):
    brainseg.errors.BrainsegError: received /dev, which is no file: name a file
    """
    require_file(path, at_most)
    with readable(path):
        return path.read_bytes()


def require_file(path: Path, at_most: int = FILE) -> None:
    """Refuse what is no file, or one of more bytes than that, without opening it: a pipe would never end."""
    with readable(path):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise BrainsegError(f"received {path}, which is no file: name a file")
    if status.st_size > at_most:
        raise BrainsegError(f"{path} has {status.st_size:,} bytes, expected at most {at_most:,}: name a smaller file")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """An error of the system over a path names it in one line."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BrainsegError(f"{path} cannot be read: {why}") from error


def require_size(what: object, height: int, width: int) -> None:
    """Refuse a picture that is empty, too large or too long."""
    sides = (height, width)
    if not (min(sides) >= 1 and max(sides) <= SIDE and max(sides) <= ASPECT * min(sides)):
        raise BrainsegError(
            f"{what} has height and width {list(sides)}, expected 1 to {SIDE}, and neither more than {ASPECT} times "
            "the other: resize or cut it"
        )


def make_folder(path: Path) -> None:
    """Make a folder, if it is not there, and those around it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BrainsegError(f"the folder {path} cannot be made: {why}") from error


def write_whole(path: Path, content: bytes | str | Callable[[Path], Any]) -> None:
    """Write a file beside its place, and move it there when it is whole; nothing is left if that fails.

    Args:
        path: Where to.
        content: Of the file, a text in UTF-8, or what writes it to a path.

    Raises:
        BrainsegError: If the folder cannot be made or written to, or is full.
    """
    partial = path.with_name(
        f".partial-{hashlib.sha256(path.name.encode(errors='replace')).hexdigest()[:8]}{path.suffix}"
    )
    make_folder(path.parent)
    try:
        if callable(content):
            content(partial)
        else:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    except OSError as error:
        raise BrainsegError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        remove(partial)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a folder under a temporary name: what stops that leaves nothing, and a full disk is named."""
    if path.exists():
        LOG.info("%s, left by an interrupted command, is removed", path)
    remove(path)
    try:
        path.mkdir()
        yield
    except OSError as error:
        raise BrainsegError(f"{path.parent} cannot be written to: {error.strerror or error}") from error
    finally:
        remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and that is possible."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return
