import ast
import subprocess
import sys
from pathlib import Path

import pytest

from brainseg.fingerprint import PACKAGE, code_fingerprint, imported_files, source_files

MODULES = ["brainseg.errors", "brainseg.data.coco", "brainseg.data.cheng"]


@pytest.mark.parametrize("module", MODULES)
def test_source_files_cover_what_python_really_imports(module: str) -> None:
    program = (
        f"import sys, {module}\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'brainseg'), sep='\\n')"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert {Path(line) for line in loaded.split()} <= set(source_files(module))


def test_an_unrelated_module_is_not_a_dependency() -> None:
    assert PACKAGE / "cli.py" not in source_files("brainseg.data.prepare")


def test_a_script_depends_on_what_it_imports_even_inside_a_function(tmp_path: Path) -> None:
    script = tmp_path / "chapter.py"
    script.write_text("def f():\n    from brainseg.errors import BrainsegError\n")
    assert PACKAGE / "errors.py" in imported_files(script)


def test_a_template_belongs_to_its_module(tmp_path: Path) -> None:
    template = PACKAGE / "app" / "explanation.html"
    assert template in source_files("brainseg.app.explanation")
    assert template not in source_files("brainseg.app.prediction")
    template = tmp_path / "page.html"
    template.write_text("<p># one</p>")
    before = code_fingerprint([template])
    template.write_text("<p># two</p>")
    assert code_fingerprint([template]) != before


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Other words."""\n\n\ndef f(a):\n    """More of them."""\n    return a + 1  # so\n', True),
        ('"""Words."""\ndef f(a):\n    return a + 2\n', False),
        ('"""Words."""\ndef g(a):\n    return a + 1\n', False),
    ],
)
def test_the_code_fingerprint_changes_with_code_only(tmp_path: Path, text: str, same: bool) -> None:
    file = tmp_path / "a.py"
    file.write_text('"""Words."""\ndef f(a):\n    return a + 1\n')
    before = code_fingerprint([file])
    file.write_text(text)
    assert (code_fingerprint([file]) == before) is same


def test_no_module_uses_relative_imports_which_the_search_does_not_follow() -> None:
    for path in PACKAGE.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not [n.lineno for n in nodes if isinstance(n, ast.ImportFrom) and n.level], path


def test_the_fingerprint_is_the_same_with_every_version_of_python(tmp_path: Path) -> None:
    """Found with Python 3.11; ``ast.dump`` of 3.12 and 3.13 would write other empty fields."""
    module = tmp_path / "module.py"
    code = "class A:\n    def f(self, x: int = 1, *, y=None) -> None:\n        return None\n"
    module.write_text('"""Words."""\n\n__version__ = "1"\n\n\n' + code)
    assert code_fingerprint([module])[:16] == "cdca9bb810bd5ffd"
    module.write_text(module.read_text().replace('"1"', '"2"'))
    assert code_fingerprint([module])[:16] == "cdca9bb810bd5ffd", "the version is no part of what a module does"
