"""What a chapter is made from, and what of it has changed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainseg.errors import BrainsegError
from brainseg.fingerprint import PACKAGE, code_fingerprint, imported_files, resource

READ_BY = {
    "experiments/matrix.py": "experiments.yml",
    "experiments/recorded.py": "results",
    "paper/claims/ledger.py": "book/claims.yml",
}
"""Which file or folder of the repository a module of the package reads."""


def input_files(source: Path, lock: Path) -> list[Path]:
    """The script, the lock, the modules of the package that the script imports, directly or not, and what these read.

    Raises:
        BrainsegError: If one of the modules in :data:`READ_BY`, or what it reads, is not there.
    """
    modules = imported_files(source)
    read = {PACKAGE / module: _read(PACKAGE / module, name) for module, name in READ_BY.items()}
    return [source, lock, *modules, *sorted(path for module in read if module in modules for path in read[module])]


def inputs(source: Path, lock: Path, parameters: Mapping[str, object], data: str | None = None) -> dict[str, Any]:
    """Everything that decides a chapter's outputs, as a notebook's metadata keep it.

    Args:
        source, lock: The chapter's script, and the file with the locked environment.
        data: Fingerprint of the data set.

    Returns:
        ``files``: 16 hexadecimal digits for each of the :func:`input_files`: of a module for what it does, of any other
        file, the script among them, for all that it says. ``parameters``. ``data``.
    """
    files = {_label(path, lock.parent): _digest(path, source) for path in input_files(source, lock)}
    return {"files": files, "parameters": dict(parameters), "data": data}


def changed(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between the inputs that a notebook knows and those that there are now, one phrase each.

    >>> before = {"files": {"a.py": "01", "b.py": "02"}, "parameters": {}, "data": "ab"}
    >>> changed(before, {"files": {"a.py": "09", "c.py": "03"}, "parameters": {}, "data": "ab"})
    ['a.py has changed', 'b.py is no longer an input', 'c.py is new']
    """
    old, new = known.get("files", {}), now["files"]
    words = [
        f"{name} {'is new' if name not in old else 'is no longer an input' if name not in new else 'has changed'}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if known.get("parameters", {}) != now["parameters"]:
        words.append(f"the parameters are {now['parameters']} in place of {known.get('parameters', {})}")
    if known.get("data") != now["data"] and now["data"] is not None:
        words.append(f"the data set is {now['data']} in place of {known.get('data')}")
    return words


def _label(path: Path, root: Path) -> str:
    for parent in (root.resolve(), PACKAGE.parent):
        if path.resolve().is_relative_to(parent):
            return path.resolve().relative_to(parent).as_posix()
    return path.name


def _read(module: Path, name: str) -> list[Path]:
    if not module.is_file():
        raise BrainsegError(f"{module} is not there to read {name}: correct READ_BY in brainseg/paper/build/inputs.py")
    found = [path for path in (resource(name), *resource(name).rglob("*")) if path.is_file()]
    if not found:
        raise BrainsegError(f"received no file in {resource(name)}, expected what {module} reads: check it out again")
    return found


def _digest(path: Path, source: Path) -> str:
    if path.suffix == ".py" and path != source:
        return code_fingerprint([path])[:16]
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
