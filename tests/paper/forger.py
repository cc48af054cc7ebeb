"""What a forger does who knows how the chapters are kept."""

from pathlib import Path

import nbformat

from brainseg.paper.build.chapters import sealed
from brainseg.paper.build.inputs import inputs


def refresh(script: Path) -> None:
    """Make every hash in a chapter's notebook fit what it says and what is here, without executing it."""
    path = script.with_suffix(".ipynb")
    notebook = nbformat.read(path, as_version=4)
    made_from = inputs(script, script.parents[1] / "requirements.lock", {}, notebook.metadata.brainseg.get("data"))
    notebook.metadata["brainseg"] = made_from | {"outputs": sealed(notebook)}
    nbformat.write(notebook, path)
