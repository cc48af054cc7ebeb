"""Which source files a module depends on, and a fingerprint of them.

A result is current only as long as the code that made it has not changed. That code is the module that was called
and every module of this package that it imports, directly or not, with the page template of the same name that a module
may have beside it; an unrelated module does not count.
"""

import ast
import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent


def source_files(*modules: str) -> list[Path]:
    """Source files of this package that the modules depend on, themselves included, sorted.

    Args:
        modules: Dotted names, such as ``"brainseg.data.prepare"``.

    >>> [path.name for path in source_files("brainseg.errors")]
    ['__init__.py', 'errors.py']
    """
    return _closure(path for module in modules for path in _files_of(module))


def imported_files(script: Path) -> list[Path]:
    """Source files of this package that a script depends on, the script not included."""
    return _closure(path for module in _imports(script) for path in _files_of(module))


def code_fingerprint(paths: Iterable[Path]) -> str:
    """SHA-256 over what Python files do: comments, docstrings and layout do not count. Of other files all counts.

    So that a result need not be made again because a sentence about it was mended.

    >>> len(code_fingerprint(source_files("brainseg.errors")))
    64
    """
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".py":
            content = ast.dump(_without_docstrings(ast.parse(content))).encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def commit() -> str:
    """Commit that the package was checked out at, with ``-dirty`` if files have changed since; else ``"unknown"``.

    >>> commit() == "unknown" or len(commit().removesuffix("-dirty")) == 40
    True
    """
    # Else a checkout that the package was merely installed into would answer.
    if not (PACKAGE.parent / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(PACKAGE.parent), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text that stands alone: a docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _closure(start: Iterable[Path]) -> list[Path]:
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for module in _imports(path) for file in _files_of(module)]
    return sorted(found)


def _files_of(module: str) -> Iterator[Path]:
    """Files that importing ``module`` runs: the module and the packages around it."""
    first, *rest = module.split(".")
    if first != PACKAGE.name:
        return
    folder = PACKAGE
    yield folder / "__init__.py"
    for name in rest:
        if (folder / name / "__init__.py").is_file():
            folder = folder / name
            yield folder / "__init__.py"
        elif (file := folder / f"{name}.py").is_file():
            yield file
            if (template := file.with_suffix(".html")).is_file():
                yield template
            return
        else:
            return


def _imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports anywhere; ``from a import b`` may name a module ``a.b``."""
    if path.suffix == ".html":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
