"""What a chapter is made from, and what of it has changed."""

import ast
import hashlib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from brainseg.errors import BrainsegError
from brainseg.fingerprint import PACKAGE, code_fingerprint, imported_files, resource
from brainseg.paper.build.descent import RECORDED

READ_BY = {
    "experiments/matrix.py": ("experiments.yml", "brainseg/experiments/experiment.schema.yml"),
    "experiments/stored.py": ("results/phantom-quick-networks",),
    "plotting/lab.py": ("brainseg/plotting/lab.css", "brainseg/plotting/lab.js"),
    "paper/claims/evidence.py": ("results",),
    "paper/claims/ledger.py": ("book/claims.yml", "brainseg/paper/claims/claim.schema.yml"),
}
"""Which files and folders of the repository a module of the package reads, whatever a chapter asks of it."""


def input_files(source: Path, lock: Path) -> list[Path]:
    """The script, the lock, the modules of the package that the script imports, directly or not, and what is read.

    Raises:
        BrainsegError: If one of the modules in :data:`READ_BY`, or what it reads, is not there; or if the script asks
            for a recorded result by another thing than its name.
    """
    modules = imported_files(source)
    read = {
        PACKAGE / module: {path for name in names for path in _read(PACKAGE / module, name)}
        for module, names in READ_BY.items()
    }
    by_modules = (paths for module, paths in read.items() if module in modules)
    return [source, lock, *modules, *sorted(_results(source).union(*by_modules))]


def inputs(source: Path, lock: Path, parameters: Mapping[str, object], data: str | None = None) -> dict[str, Any]:
    """Everything that decides a chapter's outputs, as a notebook's metadata keep it.

    Args:
        source, lock: The chapter's script, and the file with the locked environment.
        data: Fingerprint of the data set.

    Returns:
        ``files``: 16 hexadecimal digits for each of the :func:`input_files`: of a module for what it does, and all that
        is said in what the chapter shows of it; of any other file, the script among them, for all that it says.
        ``parameters``. ``data``.
    """
    names = shown_by(source)
    files = {
        _label(path, lock.parent): digest(path, names if path != source else None) for path in input_files(source, lock)
    }
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


def _results(source: Path) -> set[Path]:
    """Files of recorded results that a chapter asks :mod:`brainseg.experiments.recorded` for."""
    from brainseg.experiments.recorded import experiments_at_every_scale, record_files

    files: set[Path] = set()
    for call in _calls(source):
        asked = call.func.id if isinstance(call.func, ast.Name) else ""
        if asked == "recorded_at_every_scale":
            files.update(*map(record_files, experiments_at_every_scale()))
        elif asked in RECORDED:
            match call.args:
                case [ast.Constant(str(name))]:
                    files.update([resource(f"results/{name}.json")] if asked == "recorded" else record_files(name))
                case _:
                    raise BrainsegError(
                        f"{source.name} has {ast.unparse(call)}, expected the name of a recorded result as a text, so "
                        "that what the chapter reads is known before it is executed"
                    )
    return files


def shown_by(source: Path) -> set[str]:
    """Names of the functions and classes whose source a chapter shows, docstrings and comments included."""
    shows = (call for call in _calls(source) if ast.unparse(call.func).endswith("source"))
    return {ast.unparse(thing).rpartition(".")[2] for call in shows for thing in call.args}


def _calls(source: Path) -> Iterator[ast.Call]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def digest(path: Path, shown: Collection[str] | None) -> str:
    """Of a module for what it does, and for all that it says of what is ``shown``; of any other file for all."""
    if path.suffix != ".py" or shown is None:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    does, text, tree = _module(path, path.stat().st_mtime_ns)
    defined = (node for node in ast.walk(tree) if getattr(node, "name", None) in shown) if shown else ()
    said = "".join(ast.get_source_segment(text, node) or "" for node in defined)
    return hashlib.sha256((does + said).encode()).hexdigest()[:16]


@cache
def _module(path: Path, changed: int) -> tuple[str, str, ast.Module]:
    """Fingerprint of what a module does, its text, and its syntax tree."""
    text = path.read_text(encoding="utf-8")
    return code_fingerprint([path]), text, ast.parse(text)
