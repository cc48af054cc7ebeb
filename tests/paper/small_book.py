"""A book of five pages, built with the settings and the extensions of the real one."""

import base64
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import yaml

from brainseg.morphology import opening
from brainseg.paper.build.api import page
from brainseg.paper.build.citation import how_to_cite
from brainseg.paper.build.marks import SVG, marked
from brainseg.paper.display import source
from brainseg.plotting.style import plate
from tests.conftest import REPOSITORY

CHAPTER = "notebooks/09_morphology"
TOC: dict[str, Any] = {
    "format": "jb-book",
    "root": "book/index",
    "chapters": [{"file": name} for name in (CHAPTER, "book/api/morphology", "book/api/app", "book/references")],
}
INDEX = """# A small book

It says *little* {cite:p}`study`, in few words. [Chapter](/notebooks/09_morphology) and [its end](#the-end).

(the-end)=
## The end

```{note}
With an icon.
```
"""


def drawing() -> str:
    """A chart as a chapter shows it."""
    figure = plate(1)
    figure.subplots().plot([0, 1, 0.5])
    return marked({SVG: str(figure._repr_mimebundle_()[SVG])}, f"{CHAPTER}, cell-03")[SVG]


def picture() -> bytes:
    """What is shown as pixels."""
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, 1, 0.5])
    kept = io.BytesIO()
    figure.savefig(kept)
    plt.close(figure)
    return kept.getvalue()


def notebook() -> nbformat.NotebookNode:
    """A chapter with a picture and a chart, whose code is hidden, and with the source of a function."""
    image = nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(picture()).decode()})
    drawn = nbformat.v4.new_output("display_data", {"image/svg+xml": drawing()})
    shown = nbformat.v4.new_output("display_data", {"text/markdown": source(opening).data})
    cells = [
        nbformat.v4.new_markdown_cell("# Clean masks\n\nWhat a disc does not fit into goes."),
        nbformat.v4.new_code_cell("draw()", outputs=[image], metadata={"tags": ["hide-input"]}),
        nbformat.v4.new_code_cell("chart()", outputs=[drawn], metadata={"tags": ["hide-input"]}),
        nbformat.v4.new_code_cell("source(opening)", outputs=[shown]),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    return made


def build(folder: Path, dataset: str = "phantom", repository: str = "", base: str = "") -> Path:
    """Build it for a data set, with the two settings that a publisher has, and give the folder of its pages."""
    for name in ("book/_ext", "book/_static"):
        shutil.copytree(REPOSITORY / name, folder / name)
    for name in ("lab.css", "lab.js"):
        shutil.copy2(REPOSITORY / "brainseg" / "plotting" / name, folder / "book" / "_static")
    shutil.copy2(REPOSITORY / "book" / "references.bib", folder / "book")
    files = {
        "book/index.md": INDEX,
        "book/references.md": (REPOSITORY / "book" / "references.md").read_text(encoding="utf-8"),
        "book/citation.txt": how_to_cite(REPOSITORY / "CITATION.cff"),
        "book/copy.txt": dataset,
        "book/api/morphology.md": page("morphology", ["brainseg.morphology"]),
        "book/api/app.md": page("app", ["brainseg.app.weights"]),
        f"{CHAPTER}.ipynb": nbformat.writes(notebook()),
        "_toc.yml": yaml.safe_dump(TOC, sort_keys=False),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    settings = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    settings["repository"]["url"], settings["html"]["baseurl"] = repository, base
    (folder / "_config.yml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("jupyter-book")), *("build", "-W", "-n", "--keep-going"), str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "_build" / "html"
