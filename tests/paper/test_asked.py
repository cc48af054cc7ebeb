"""The networks that a chapter asks for are known without executing it."""

from pathlib import Path

import pytest

from brainseg.errors import BrainsegError
from brainseg.paper.build.asked import asked_for


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("workspace.recipe('unet')", ["unet-published-published"]),
        ("workspace.run(workspace.recipe('unet', attention=None))", ["unet-published-none"]),
        (
            "{n: workspace.run(workspace.recipe(n, 'corrected')) for n in MODELS if n == 'segnet'}",
            ["segnet-corrected-published"],
        ),
        (
            "select.by_step(workspace.result(workspace.recipe('deeplab', step)) for step in STEPS)",
            [f"deeplab-{step}-published" for step in ("published", "paired", "borders", "patients", "corrected")],
        ),
        ("workspace.recipe('unet', guidance=0.3)", ["unet-published-published-guidance-0.3"]),
        ("workspace.recipe('unet'), workspace.recipe('unet')", ["unet-published-published"]),
        ("len('unet')", []),
    ],
)
def test_calls_and_the_loops_around_them_are_found(tmp_path: Path, source: str, runs: list[str]) -> None:
    chapter = tmp_path / "chapter.py"
    chapter.write_text(f"# %%\nx = [{source}]\n")
    assert asked_for(chapter) == runs


def test_a_workspace_goes_by_that_name(tmp_path: Path) -> None:
    chapter = tmp_path / "chapter.py"
    chapter.write_text("# %%\nother.recipe('unet')\n")
    with pytest.raises(BrainsegError, match=r"line 2: received other\.recipe\(…\), expected workspace\.recipe"):
        asked_for(chapter)


def test_what_cannot_be_known_before_is_refused_with_its_line(tmp_path: Path) -> None:
    chapter = tmp_path / "chapter.py"
    chapter.write_text("# %%\nname = input()\nworkspace.run(workspace.recipe(name))\n")
    with pytest.raises(BrainsegError, match=r"chapter\.py, line 3: .*loops over MODELS or STEPS"):
        asked_for(chapter)
