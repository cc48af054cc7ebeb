"""What the pages about the code show of it still stands there."""

import re

import pytest

from brainseg.experiments.matrix import read_matrix
from tests.conftest import REPOSITORY

STYLE = (REPOSITORY / "book" / "style.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n# (\S+)\n(.*?)```", STYLE, re.DOTALL)


@pytest.mark.parametrize(("file", "example"), EXAMPLES, ids=[file for file, _ in EXAMPLES])
def test_examples_of_style_are_from_the_code_itself(file: str, example: str) -> None:
    assert example in (REPOSITORY / file).read_text(encoding="utf-8")


def test_the_walks_name_what_there_is() -> None:
    page = (REPOSITORY / "book" / "architecture.md").read_text(encoding="utf-8")
    names = {name for name in re.findall(r"`(\w+\.[\w.]+)`", page) if not name.endswith((".yml", ".py"))}
    assert len(names) > 15
    for name in names:
        assert defined(name.split(".")), name


def defined(parts: list[str]) -> bool:
    """Whether the first of these name a module or package, and the last, if any is left, something at its top."""
    for known in range(len(parts), 0, -1):
        path = (REPOSITORY / "brainseg").joinpath(*parts[:known])
        files = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
        if files:
            rest, text = parts[known:], files[0].read_text(encoding="utf-8")
            return all(re.search(rf"^( {{4}})?(def|class) {name}\b|^{name}\b", text, re.MULTILINE) for name in rest)
    return False


def test_folders_of_results_that_pages_name_are_those_of_experiments() -> None:
    pages = [*(REPOSITORY / "notebooks").glob("*.py"), *(REPOSITORY / "book").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"results/(tumorseg-[\w-]+)`", page.read_text("utf-8"))}
    assert named
    assert named <= {matrix.folder for matrix in read_matrix().values() if matrix.recorded}
