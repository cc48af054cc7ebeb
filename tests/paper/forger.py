"""What a forger does, who changes committed files and knows how the chapters are kept."""

import copy
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from brainseg.paper.build.chapters import clean, read_chapter, sealed
from brainseg.paper.build.inputs import inputs
from brainseg.paper.build.marks import MARKS


def refresh(script: Path) -> None:
    """Make every hash in a chapter's notebook fit what it says and what is here, without executing it."""
    path = script.with_suffix(".ipynb")
    now = inputs(script, script.parents[1] / "requirements.lock", {})
    path.write_text(refreshed(path.read_text(encoding="utf-8"), script, now), encoding="utf-8")


def refreshed(text: str, script: Path, now: Mapping[str, Any]) -> str:
    """The same of the text of a notebook, with what its inputs are now; cells say what the script says."""
    notebook, source = nbformat.reads(text, as_version=4), read_chapter(script)
    clean(source, script.stem)
    data = notebook.metadata.brainseg.get("data")
    notebook.metadata = source.metadata
    for cell, own in zip(notebook.cells, source.cells, strict=True):
        cell.update({name: own[name] for name in ("id", "source", "metadata")})
    notebook.metadata["brainseg"] = {**now, "data": data, "outputs": sealed(notebook)}
    return str(nbformat.writes(notebook)) + "\n"


def code(notebook: NotebookNode) -> list[NotebookNode]:
    """Its cells of code that have outputs."""
    return [cell for cell in notebook.cells if cell.get("outputs")]


def _retag(*tags: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        code(notebook)[1].metadata["tags"] = [*code(notebook)[1].metadata.get("tags", []), *tags]

    return change


def _cell(kind: str, **values: Any) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        next(cell for cell in notebook.cells[2:] if cell.cell_type == kind).update(values)

    return change


def _output(number: int, **values: Any) -> Callable[[NotebookNode], None]:
    return lambda notebook: code(notebook)[number].outputs[0].update(values)


def _prose(old: str, new: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        cell = next(cell for cell in notebook.cells if cell.cell_type == "markdown" and re.search(old, cell.source))
        cell.source = re.sub(old, new, cell.source, count=1)

    return change


def _comment(notebook: NotebookNode) -> None:
    code(notebook)[1].source = f"# NBVAL_SKIP\n{code(notebook)[1].source}"


def _swap(notebook: NotebookNode) -> None:
    one, other = code(notebook)[1:3]
    one.outputs, other.outputs = other.outputs, one.outputs


def _move(notebook: NotebookNode) -> None:
    code(notebook)[2].outputs.append(code(notebook)[1].outputs.pop())


def _swap_cells(notebook: NotebookNode) -> None:
    notebook.cells[3], notebook.cells[4] = notebook.cells[4], notebook.cells[3]


def _caption(notebook: NotebookNode) -> None:
    figure = next(cell for cell in notebook.cells if "figure" in cell.metadata.get("mystnb", {}))
    figure.metadata.mystnb.figure.caption = "Another " + figure.metadata.mystnb.figure.caption


def _alternative(notebook: NotebookNode) -> None:
    figure = next(cell for cell in notebook.cells if "image" in cell.metadata.get("mystnb", {}))
    figure.metadata.mystnb.image.alt += " All is well."


def _pictures(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in code(notebook):
        yield from (output.data for output in cell.outputs if MARKS.keys() & output.get("data", {}).keys())


def _picture(notebook: NotebookNode) -> None:
    one, other, *_ = _pictures(notebook)
    mine, others = ({kind: data.pop(kind) for kind in MARKS.keys() & data.keys()} for data in (one, other))
    one.update(others)
    other.update(mine)


def _sign(notebook: NotebookNode) -> None:
    data = next(_pictures(notebook))
    (kind,) = MARKS.keys() & data.keys()
    place = max(found.start() for found in re.finditer(r"\d", data[kind][: len(data[kind]) // 2]))
    data[kind] = f"{data[kind][:place]}{9 - int(data[kind][place])}{data[kind][place + 1 :]}"


def _figure_text(notebook: NotebookNode) -> None:
    next(_pictures(notebook))["text/plain"] += " "


def _first_count(notebook: NotebookNode) -> None:
    code(notebook)[0].execution_count += 1


def _stderr(notebook: NotebookNode) -> None:
    code(notebook)[0].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="Warning"))


def _error(notebook: NotebookNode) -> None:
    code(notebook)[0].outputs.append(nbformat.v4.new_output("error", ename="E", evalue="no", traceback=[]))


def _input_hash(notebook: NotebookNode) -> None:
    notebook.metadata.brainseg.files["requirements.lock"] = "0" * 16


def _one_seal(notebook: NotebookNode) -> None:
    seals = notebook.metadata.brainseg.outputs
    seals[next(iter(seals))] = "0" * 16


NOTEBOOK: dict[str, Callable[[NotebookNode], object]] = {
    "a tag that once gave a tolerance": _retag("corrected"),
    "another that did": _retag("trained"),
    "a tag that lets nbval ignore outputs": _retag("nbval-ignore-output"),
    "a tag that lets nbval skip": _retag("nbval-skip"),
    "a tag that lets an exception pass": _retag("raises-exception"),
    "a cell hidden": _retag("remove-cell"),
    "all tags of a cell taken": lambda notebook: code(notebook)[1].metadata.pop("tags", None),
    "a comment for nbval": lambda notebook: code(notebook)[1].update(
        source="# NBVAL_SKIP\n" + code(notebook)[1].source
    ),
    "a word of prose": _prose(r"\bthe\b", "no"),
    "a number of prose": _prose(r"\d", "7"),
    "prose emptied": _cell("markdown", source=""),
    "prose made raw": _cell("markdown", cell_type="raw"),
    "an attachment": _cell("markdown", attachments={"a.png": {"image/png": ""}}),
    "code changed": _cell("code", source="1"),
    "a cell renamed": _cell("code", id="another"),
    "a cell with other metadata": _cell("code", metadata={"collapsed": True}),
    "a cell dropped": lambda notebook: notebook.cells.pop(5),
    "the last cell dropped": lambda notebook: notebook.cells.pop(),
    "a cell doubled": lambda notebook: notebook.cells.insert(5, copy.deepcopy(notebook.cells[5])),
    "a cell added": lambda notebook: notebook.cells.append(nbformat.v4.new_markdown_cell("More.")),
    "cells exchanged": _swap_cells,
    "outputs exchanged": _swap,
    "an output moved": _move,
    "outputs emptied": lambda notebook: code(notebook)[1].update(outputs=[]),
    "an output twice": lambda notebook: code(notebook)[1].outputs.append(code(notebook)[1].outputs[0]),
    "a picture of another cell": _picture,
    "a digit of a picture": _sign,
    "the text of a figure": _figure_text,
    "a caption": _caption,
    "an alternative text": _alternative,
    "an output with metadata": _output(1, metadata={"isolated": True}),
    "an output of another kind": _output(1, output_type="display_data", execution_count=None),
    "a count": _first_count,
    "no count": lambda notebook: code(notebook)[1].update(execution_count=None),
    "a warning": _stderr,
    "an error": _error,
    "another kernel": lambda notebook: notebook.metadata.kernelspec.update(name="other"),
    "another language": lambda notebook: notebook.metadata.language_info.update(name="r"),
    "metadata of its own": lambda notebook: notebook.metadata.update(nbval={"skip": True}),
    "a hash of an input": _input_hash,
    "an input forgotten": lambda notebook: notebook.metadata.brainseg.files.popitem(),
    "parameters": lambda notebook: notebook.metadata.brainseg.parameters.update(seed=1),
    "a hash of an output": _one_seal,
    "no hashes of outputs": lambda notebook: notebook.metadata.brainseg.pop("outputs"),
    "no word of its inputs": lambda notebook: notebook.metadata.pop("brainseg"),
    "an older format": lambda notebook: notebook.update(nbformat_minor=4),
}
"""What is done to a notebook alone, by name."""


def digit(text: str, chance: random.Random) -> str:
    """One digit becomes another."""
    places = [found.start() for found in re.finditer(r"\d", text)]
    if not places:
        return text
    place = chance.choice(places)
    other = chance.choice([one for one in "0123456789" if one != text[place]])
    return text[:place] + other + text[place + 1 :]


def line(text: str, chance: random.Random) -> str:
    """A line is dropped."""
    lines = text.splitlines(keepends=True)
    place = chance.randrange(max(len(lines), 1))
    return "".join(lines[:place] + lines[place + 1 :])


def exchanged(text: str, chance: random.Random) -> str:
    """Two cells of a notebook exchange their outputs."""
    notebook = json.loads(text)
    one, other = chance.sample([cell for cell in notebook["cells"] if cell.get("outputs")], 2)
    one["outputs"], other["outputs"] = other["outputs"], one["outputs"]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def doubled(text: str, chance: random.Random) -> str:
    """A cell of a notebook stands twice."""
    notebook = json.loads(text)
    place = chance.randrange(len(notebook["cells"]))
    notebook["cells"].insert(place, notebook["cells"][place])
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def doubled_block(text: str, chance: random.Random) -> str:
    """A paragraph of a text stands twice: a cell of a script, a claim, a function."""
    blocks = text.split("\n\n")
    place = chance.randrange(len(blocks))
    return "\n\n".join([*blocks[: place + 1], *blocks[place:]])
