"""Which files something depends on, whether they have changed, and where the repository's own files are.

There is one notion of "changed" for Python files: the syntax tree, without docstrings and without the words of errors.
A module depends on itself and on every module of this package that it imports, directly or not, with the page template
of the same name that a module may have beside it.
"""

import ast
import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from brainseg.errors import BrainsegError

PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """A file or folder of the repository that the package reads: beside the package, or in a wheel inside it.

    Raises:
        BrainsegError: If it is in neither.

    >>> resource("book/claims.yml").name
    'claims.yml'
    """
    for root in (PACKAGE / "repository", PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise BrainsegError(f"{name} is missing, in {PACKAGE.parent} and in the package: check it out, or install again")


def source_files(*modules: str) -> list[Path]:
    """Source files of this package that modules depend on, themselves included, sorted.

    >>> [path.name for path in source_files("brainseg.errors")]
    ['__init__.py', 'errors.py']
    """
    return _closure(path for module in modules for path in _files_of(module))


def imported_files(script: Path) -> list[Path]:
    """Source files of this package that a script depends on, the script not included."""
    return _closure(path for module in _imports(script) for path in _files_of(module))


def code_fingerprint(paths: Iterable[Path]) -> str:
    r"""SHA-256 over what Python files do: layout, comments, docstrings and the words of errors do not count.

    Of other files all counts. So a result need not be made again because a sentence was mended.

    >>> file = getfixture("tmp_path") / "a.py"
    >>> _ = file.write_text("def f(x):\n    if x < 0:\n        raise BrainsegError('negative')")
    >>> before = code_fingerprint([file])
    >>> _ = file.write_text('def f(x):\n    "Root."\n    if x < 0:\n        raise BrainsegError(f"{x} is below 0")')
    >>> code_fingerprint([file]) == before
    True
    """
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".py":
            content = _written(_WithoutWords().visit(ast.parse(content))).encode()
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
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()  # noqa: S603 (nothing in it is of a user)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _written(node: Any) -> str:
    """A syntax tree as a text, the same with every version of Python: these differ in which empty fields they have."""
    if isinstance(node, ast.AST):
        fields = (f"{name}={_written(value)}" for name, value in ast.iter_fields(node) if value not in (None, []))
        return f"{type(node).__name__}({', '.join(fields)})"
    return f"[{', '.join(map(_written, node))}]" if isinstance(node, list) else repr(node)


class _WithoutWords(ast.NodeTransformer):
    """Takes out of a syntax tree texts that stand alone, which are docstrings, words of errors, and the version."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == BrainsegError.__name__:
            node.exc.args, node.exc.keywords = [], []
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        return None if ast.unparse(node.targets[0]) == "__version__" else node


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


def _imports(path: Path) -> Iterable[str]:
    """Dotted names that a file imports anywhere; ``from a import b`` may name a module ``a.b``."""
    return () if path.suffix == ".html" else _imported(path.read_bytes())


@cache
def _imported(content: bytes) -> tuple[str, ...]:
    return tuple(_names_imported(ast.parse(content)))


def _names_imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
