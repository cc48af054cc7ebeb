"""The status page: from what, when, how long and on what chapters, networks and records were made."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brainseg.experiments.matrix import Matrix, read_matrix
from brainseg.experiments.recorded import recorded_provenance
from brainseg.paper.build.markdown import table

PACKAGES = (
    *("tensorflow", "keras", "numpy", "pandas", "scipy", "scikit-learn", "scikit-image", "opencv-python-headless"),
    *("matplotlib", "seaborn", "jupyter-book", "jupytext", "papermill", "nbval", "snakemake"),
)
"""The packages whose versions are shown; the lock has all."""


def status(folder: Path, prepared: Path, lock: Path) -> str:
    """The tables of the status page, in MyST's Markdown.

    Args:
        folder: Where a copy of the book is made: it holds the records of the runs in ``runs``, and the executed
            chapters with their provenance in ``book/notebooks``.
        prepared: What ``brainseg data prepare --record`` wrote.
        lock: The file with the locked environment.
    """
    chapters = [json.loads(path.read_text()) for path in sorted((folder / "book" / "notebooks").glob("[0-9]*.json"))]
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "runs").glob("*.json"))]
    parts = {
        "This copy": _copy(folder.name, json.loads(prepared.read_text()), chapters, lock),
        "Chapters": table(
            ("Chapter", "Executed, UTC", "Seconds", "Slowest cell", "Made from"), map(_chapter, chapters)
        ),
        "Training runs": table(("Run", "Epochs", "Seconds", "Finished, UTC", "Computed on", "Commit"), map(_run, runs)),
        "Recorded experiments": "\n\n".join(_recorded(one) for one in read_matrix().values() if one.recorded),
        "Versions": table(("Package", "Version"), ((name, version(name)) for name in PACKAGES)),
    }
    return "\n".join(f"## {title}\n\n{text}\n" for title, text in parts.items())


def digest(inputs: Mapping[str, Any]) -> str:
    """One name, eight hexadecimal digits, for everything that a chapter was made from.

    >>> digest({"files": {"a.py": "01"}, "parameters": {}, "data": None})
    'd98ca548'
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:8]


def _copy(name: str, prepared: Mapping[str, Any], chapters: Sequence[Mapping[str, Any]], lock: Path) -> str:
    made = chapters[0]["made_with"]
    rows = {
        "Data set, scale and seed": name,
        "Images": f"{prepared['images']}, fingerprint `{prepared['fingerprint']}`",
        "Commit": ", ".join(sorted({_commit(chapter["commit"]) for chapter in chapters})),
        "Lock": f"`requirements.lock`, SHA-256 `{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}…`",
        "Python": f"{made['python']} on {made['machine']}",
        "Keras": f"{made['keras']}, backend {made['backend']}",
        "Processor": f"{made['device']}; {made['threads']} thread, oneDNN {'on' if made['onednn'] == '1' else 'off'}",
    }
    return table(("", ""), rows.items())


def _chapter(chapter: Mapping[str, Any]) -> Iterator[str]:
    cell, seconds = next(iter(chapter["slowest"].items()))
    yield f"[](/notebooks/{chapter['chapter']})"
    yield _time(chapter["started"])
    yield f"{chapter['seconds']:.0f}"
    yield f"{cell}, {seconds:.0f} s"
    yield f"{len(chapter['inputs']['files'])} files, `{digest(chapter['inputs'])}`"


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    made = run["provenance"]
    recipe = run["recipe"]
    yield f"{recipe['model']}, `{run['name']}`"
    yield str(len(run["history"]["epoch"]))
    yield f"{made['seconds']:.0f}"
    yield _time(made["finished"])
    yield str(made["made_with"]["device"])
    yield _commit(made["commit"])


def _recorded(experiment: Matrix) -> str:
    """The records of an experiment, folded below a line about all of them."""
    made = recorded_provenance(experiment.name)
    rows = (
        (f"`{record}`", f"`{row['run']}`", f"{row['seconds']:.0f}", _time(row["finished"]), f"`{row['code'][:8]}`")
        for record, row in made.iterrows()
    )
    hours = made.drop_duplicates("run")["seconds"].sum() / 3600
    line = f"{experiment.about}: {len(made)} records in `results/{experiment.folder}`, {hours:.1f} hours of training"
    devices = ", ".join(sorted(set(made["device"])))
    head = ("Record", "Training", "Seconds", "Finished, UTC", "Code")
    return f"::::{{dropdown}} {experiment.name}\n{line} on {devices}.\n\n{table(head, rows)}\n::::"


def _commit(name: str) -> str:
    return f"`{name[:8]}`" + (" with changes" if name.endswith("-dirty") else "")


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
