"""Whether the files of a data set are still as they were made: its list of checksums."""

import hashlib
from pathlib import Path

from brainseg.data.outside import TEXT, read_bytes, readable, write_whole
from brainseg.errors import BrainsegError

CHECKSUMS = "SHA256SUMS"
"""Name of the list, in the folder of the data set; ``sha256sum --check`` reads it too."""


def published_files() -> dict[str, tuple[str, int]]:
    """Digest and size of each file of the study's data set, by name.

    >>> len(published_files())
    2150
    """
    lines = Path(__file__).with_name("tumorseg.sha256").read_text(encoding="utf-8").splitlines()
    return {name: (digest, int(size)) for digest, size, name in (line.split(maxsplit=2) for line in lines)}


def unlike_published(root: Path) -> list[str] | None:
    """Files of the study's data set that are not as published: one phrase each, as :func:`changed_files` has them.

    None for another data set: one that has less than half of the names.
    """
    files = published_files()
    there = {name: root / name for name in files if (root / name).is_file()}
    if 2 * len(there) < len(files):
        return None
    changed = [
        f"{name} has changed" for name, path in there.items() if (sha256(path), path.stat().st_size) != files[name]
    ]
    return changed + [f"{name} is missing" for name in files if name not in there]


def unlike_listed(root: Path) -> tuple[list[str], int] | None:
    """Files that are not as they were made or published, and how many are listed; None where no list is known.

    >>> unlike_listed(getfixture("tmp_path")) is None
    True
    """
    if (root / CHECKSUMS).is_file():
        return changed_files(root), len(_listed(root))
    changed = unlike_published(root)
    return None if changed is None else (changed, len(published_files()))


def write_checksums(root: Path) -> None:
    """Write the list for all files under ``root`` but hidden ones."""
    lines = [f"{digest}  {name}\n" for name, digest in _digests(root).items()]
    write_whole(root / CHECKSUMS, "".join(lines))


def changed_files(root: Path) -> list[str]:
    """Files under ``root`` that are not as the list says: one phrase each, such as ``a/b.jpg has changed``.

    Hidden files, whose names begin with a dot, are not looked at.

    >>> root = getfixture("tmp_path")
    >>> _ = (root / "a").write_text("one"), (root / "b").write_text("two")
    >>> write_checksums(root)
    >>> _ = (root / "a").write_text("another"), (root / "b").unlink(), (root / "c").write_text("three")
    >>> changed_files(root)
    ['a has changed', 'b is missing', 'c has been added']
    """
    known, found = _listed(root), _digests(root)
    return [
        f"{name} {'is missing' if name not in found else 'has been added' if name not in known else 'has changed'}"
        for name in sorted({*known, *found})
        if known.get(name) != found.get(name)
    ]


def _listed(root: Path) -> dict[str, str]:
    path = root / CHECKSUMS
    if not path.is_file():
        raise BrainsegError(f"{root} has no {CHECKSUMS}: make the data set anew")
    lines = read_bytes(path, TEXT).decode(errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("[!.]*") if path.is_file() and path.name != CHECKSUMS)
    return {path.relative_to(root).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """Digest of a file, 64 hexadecimal digits."""
    with readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
