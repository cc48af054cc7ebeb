"""What a student installs: from the lock, only what a chapter needs."""

import re
from collections.abc import Iterable
from typing import Final

from brainseg.errors import BrainsegError

PACKAGE: Final = re.compile(r"^[a-z0-9][^\n]*==(?:[^\n]*\n)(?:[ #][^\n]*(?:\n|$))*", re.MULTILINE)


def pinned(lock: str, wanted: Iterable[str]) -> str:
    r"""The part of a lock, as uv writes it, that packages and what they need are in.

    Raises:
        BrainsegError: If one of them is not in the lock.

    >>> lock = "a==1 \\\n    --hash=sha256:0\n    # via b\nb==2\n    # via\n    #   c\n    #   d\nc==3\n    # via e\n"
    >>> print(pinned(lock, ["b"]), end="")
    a==1 \
        --hash=sha256:0
    b==2
    """
    blocks = [(block.partition("==")[0], block) for block in PACKAGE.findall(lock)]
    needed = {re.split(r"[^\w.-]", one)[0].lower().replace("_", "-") for one in wanted}
    if missing := needed - {name for name, _ in blocks}:
        raise BrainsegError(f"received a lock without {', '.join(sorted(missing))}, expected all: make lock")
    parents = [(name, set(re.findall(r"# +(?:via )?([\w.-]+)", block))) for name, block in blocks]
    before: set[str] = set()
    while before != needed:
        before = needed
        needed = needed | {name for name, of in parents if of & needed}
    kept = (block for name, block in blocks if name in needed)
    return "".join(re.sub(r"^ +#.*\n?", "", block, flags=re.MULTILINE) for block in kept)
