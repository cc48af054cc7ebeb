"""What a cell descends from is found from its code; checked on the chapters and on small cases."""

import pytest

from brainseg.paper.build.chapters import read_chapter
from brainseg.paper.build.descent import answered
from tests.conftest import REPOSITORY

LIVE = "run = workspace.run(recipe)"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([LIVE, "scores = run.scores", "other = 1", "scores.mean()", "other"], [True, True, False, True, False]),
        ([LIVE, "rows = {}", "rows['a'] = run", "rows"], [True, False, True, True]),
        ([LIVE, "rows = []\nfor one in [run]:\n    rows.append(one.name)", "rows"], [True, True, True]),
        ([LIVE, "def show():\n    return run", "show()"], [True, True, True]),
        ([LIVE, "run = 1", "run"], [True, False, False]),
        ([LIVE, "import tables", "tables.summary(run)", "tables.published()"], [True, False, True, False]),
        ([LIVE, "[run for run in recorded('a')]", "[run for run in (1, 2)]"], [True, False, False]),
        (["study = recorded_runs('ladder')", "study"], [False, False]),
        ([LIVE, "beside(recorded_at_every_scale(), [run])"], [True, False]),
        (["while x := workspace.result(recipe):\n    pass", "x"], [True, True]),
    ],
)
def test_names_carry_what_they_descend_from(cells: list[str], expected: list[bool]) -> None:
    assert answered(cells) == expected


def test_chapters_without_networks_descend_from_none() -> None:
    for script in sorted((REPOSITORY / "notebooks").glob("[0-9]*.py")):
        sources = [cell.source for cell in read_chapter(script).cells if cell.cell_type == "code"]
        asks = any("workspace.run(" in source or "workspace.result(" in source for source in sources)
        assert any(answered(sources)) == asks, script.stem
