"""Write what the repository holds, for machines: an RO-Crate, and a manifest after CODECHECK of what to reproduce.

    python scripts/manifests.py

Both are made of the files that they describe, and a test says when they are no longer up to date.
"""

import json
from pathlib import Path

import yaml
from rocrate.model.contextentity import ContextEntity
from rocrate.model.data_entity import DataEntity
from rocrate.model.person import Person
from rocrate.rocrate import ROCrate

from brainseg.paper.build.chapters import read_chapter

REPOSITORY = Path(__file__).resolve().parents[1]
CRATE = "ro-crate-metadata.json"
MANIFEST = "codecheck.yml"
PUBLISHED = "2026-11-24"
"""Date of the version that ``CITATION.cff`` names."""

LICENCE, DATA_LICENCE = "https://spdx.org/licenses/MIT", "https://creativecommons.org/licenses/by/4.0/"
DATA = {
    "https://www.kaggle.com/datasets/pkdarabi/brain-tumor-image-dataset-semantic-segmentation": (
        "Brain Tumor Image DataSet: Semantic Segmentation",
        "The study's images and boxes: 2146 slices in COCO format",
    ),
    "https://doi.org/10.6084/m9.figshare.1512427.v5": (
        "Brain tumor dataset, version 5",
        "Jun Cheng's 3064 slices, from which the study's images come: tumour borders, types and patients",
    ),
}
FILES = {
    "README.md": "Where to start",
    "requirements.lock": "All packages in their exact versions, with hashes",
    "environment.yml": "The same for conda",
    "Snakefile": "From the data to the book: every step with its inputs and outputs",
    "Makefile": "One command for each thing that a person wants",
    "CITATION.cff": "How to cite",
    "book/claims.yml": "Every claim of the study and of the book, and how it is tested",
}
FOLDERS = {
    "brainseg/": "The package: data readers, models, losses, metrics, morphology, saliency, audit",
    "book/": "The book's pages besides the chapters",
    "results/": "Numbers recorded on the study's images",
    "tests/": "Tests of the package",
    "verification/": "What make verify checks besides the chapters' outputs",
}


def crate(root: Path) -> str:
    """The repository as an RO-Crate: the text of ``ro-crate-metadata.json``."""
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    found = ROCrate()
    found.name, found.description, found.license = citation["title"], citation["abstract"].strip(), LICENCE
    author = {"name": citation["authors"][0]["name"], "@type": "Organization"}
    found.root_dataset["author"] = found.add(Person(found, "#authors", properties=author))
    for name, value in {"datePublished": PUBLISHED, **{key: citation[key] for key in ("version", "keywords")}}.items():
        found.root_dataset[name] = value
    found.add(ContextEntity(found, LICENCE, properties={"@type": "CreativeWork", "name": "MIT License"}))
    for address, (name, description) in DATA.items():
        data = {"@type": "Dataset", "name": name, "description": description, "license": DATA_LICENCE}
        found.add(DataEntity(found, address, properties=data))
    for add, things in ((found.add_file, FILES), (found.add_dataset, FOLDERS)):
        for name, description in things.items():
            add(name, name, properties={"name": name, "description": description})
    for source in _chapters(root):
        _add_chapter(found, source.relative_to(root).as_posix(), _title(source))
    content = found.metadata.generate()
    content["@graph"].sort(key=lambda entity: entity["@id"])
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def manifest(root: Path) -> str:
    """The outputs that a check should reproduce: the text of ``codecheck.yml``."""
    content = {
        "version": "https://codecheck.org.uk/spec/config/1.0/",
        "paper": {
            "title": "Explainable AI and attention-driven models for brain tumor segmentation, run again",
            "authors": [{"name": "The brainseg authors"}],
            "reference": "book/index.md",
        },
        "manifest": [
            {"file": path.with_suffix(".ipynb").relative_to(root).as_posix(), "comment": _outputs(path)}
            for path in _chapters(root)
        ],
        "summary": "make verify executes every chapter anew, compares each output with the one in the file, evaluates "
        "every claim in book/claims.yml, and writes build/report/index.html; its exit status is the verdict.",
    }
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def _add_chapter(found: ROCrate, script: str, title: str) -> None:
    source = {"name": title, "description": "The chapter's source", "encodingFormat": "text/x-python"}
    executed = {
        "name": title,
        "description": "The chapter, executed on the phantom: the reference for its outputs",
        "encodingFormat": "application/x-ipynb+json",
        "isBasedOn": found.add_file(script, script, properties=source),
    }
    notebook = Path(script).with_suffix(".ipynb").as_posix()
    found.add_file(notebook, notebook, properties=executed)


def _chapters(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9]*.py"))


def _title(source: Path) -> str:
    return str(read_chapter(source).cells[0].source.partition("\n")[0].removeprefix("# "))


def _outputs(source: Path) -> str:
    cells = [cell for cell in read_chapter(source).cells if "figure" in cell.metadata.get("mystnb", {})]
    figures = ", ".join(f"{cell.metadata.mystnb.figure['name']} ({cell.id})" for cell in cells)
    return f"{_title(source)}: all outputs, among them the figures {figures}"


if __name__ == "__main__":
    for name, text in {CRATE: crate(REPOSITORY), MANIFEST: manifest(REPOSITORY)}.items():
        (REPOSITORY / name).write_text(text, encoding="utf-8")
