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
    code = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "brainseg").rglob("*.py"))
    names = {name for name in re.findall(r"`(\w+\.[\w.]+)`", page) if not name.endswith((".yml", ".py"))}
    assert len(names) > 15
    for name in names:
        parts = name.split(".")
        assert (REPOSITORY / "brainseg" / parts[0]).exists(), name
        last = parts[-1]
        module = (REPOSITORY / "brainseg").joinpath(*parts).with_suffix(".py")
        assert module.is_file() or re.search(rf"(def|class) {last}\b|^{last}\b", code, re.MULTILINE), name


def test_folders_of_results_that_pages_name_are_those_of_experiments() -> None:
    pages = [*(REPOSITORY / "notebooks").glob("*.py"), *(REPOSITORY / "book").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"results/(tumorseg-[\w-]+)`", page.read_text("utf-8"))}
    assert named
    assert named <= {matrix.folder for matrix in read_matrix().values() if matrix.recorded}
