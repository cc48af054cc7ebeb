"""Write what the repository holds, for machines: an RO-Crate, what an archive asks, and CODECHECK's manifest.

    python scripts/manifests.py

All are made of the files that they describe, and a test says when they are no longer up to date.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml
from rocrate.model.contextentity import ContextEntity
from rocrate.model.data_entity import DataEntity
from rocrate.model.file import File
from rocrate.model.person import Person
from rocrate.rocrate import ROCrate

from brainseg.paper.build.chapters import read_chapter
from brainseg.paper.build.report import OUTPUTS, SUFFIXES

REPOSITORY = Path(__file__).resolve().parents[1]
CRATE = "ro-crate-metadata.json"
MANIFEST = "codecheck.yml"
ZENODO = ".zenodo.json"
REPORT = {
    "report.json": "Verdicts, comparisons and largest differences of every output and claim",
    "index.html": "The same for people",
    "junit.xml": "The same for continuous integration",
}

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
FORMATS = {
    ".md": "text/markdown",
    ".yml": "application/yaml",
    ".cff": "application/yaml",
    ".py": "text/x-python",
    ".ipynb": "application/x-ipynb+json",
}
WORKFLOW = "Snakefile"
VERSION = "1.1"
"""Of RO-Crate: the one that the profiles of workflows and their runs are made for."""

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
RUN = {
    "name": "make reference",
    "description": "The chapters executed on the phantom, at the quick scale, with seed 0",
}
FOLDERS = {
    "brainseg/": "The package: data readers, models, losses, metrics, morphology, saliency, audit",
    "book/": "The book's pages besides the chapters",
    "results/": "Numbers recorded on the study's images",
    "tests/": "Tests of the package",
    "verification/": "What make verify checks besides the chapters' outputs",
}


def crate(root: Path) -> str:
    """The repository as an RO-Crate: the text of ``ro-crate-metadata.json``.

    A workflow, and one run of it: the chapters as they are committed, executed on the phantom.
    """
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    found = ROCrate(version=VERSION)
    found.name, found.description = citation["title"], citation["abstract"].strip()
    author = {"name": citation["authors"][0]["name"], "@type": "Organization"}
    found.root_dataset["author"] = found.add(Person(found, "#authors", properties=author))
    for name, value in {
        "datePublished": str(citation["date-released"]),
        **{key: citation[key] for key in ("version", "keywords")},
    }.items():
        found.root_dataset[name] = value
    licences = {
        LICENCE: "MIT License, for the code",
        DATA_LICENCE: "CC BY 4.0, for prose, figures and data",
    }
    code, prose = (
        found.add(ContextEntity(found, address, properties={"@type": "CreativeWork", "name": name}))
        for address, name in licences.items()
    )
    found.root_dataset["license"] = [code, prose]
    for address, (name, description) in DATA.items():
        data = {"@type": "Dataset", "name": name, "description": description, "license": {"@id": DATA_LICENCE}}
        found.add(DataEntity(found, address, properties=data))
    for add, things in ((found.add_file, FILES), (found.add_dataset, FOLDERS)):
        for name, description in things.items():
            if name == WORKFLOW:
                continue
            add(name, name, properties={"name": name, "description": description} | _format(name))
    found.get("README.md")["about"] = found.root_dataset
    properties = {"name": FILES[WORKFLOW], "version": citation["version"], "encodingFormat": "text/plain"}
    workflow = found.add_workflow(WORKFLOW, WORKFLOW, main=True, lang="snakemake", properties=properties)
    chapters = [_add_chapter(found, source.relative_to(root).as_posix(), _title(source)) for source in _chapters(root)]
    run = found.add_action(workflow, "#reference", *map(list, zip(*chapters, strict=True)), properties=RUN)
    run["agent"], found.root_dataset["mentions"] = found.get("#authors"), run
    found.root_dataset["conformsTo"] = [
        found.add(ContextEntity(found, address, properties={"@type": "CreativeWork", "name": name, "version": version}))
        for address, name in PROFILES.items()
        for version in [address.rpartition("/")[2]]
    ]
    content = found.metadata.generate()
    content["@graph"].sort(key=lambda entity: entity["@id"])
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def manifest(root: Path) -> str:
    """The files that a check should make again, after CODECHECK 2.0: the text of ``codecheck.yml``.

    It is the author's part of that file: codechecker, report, summary and certificate are the codechecker's. Authors of
    this repository go by one name, so there is no ORCID to give.
    """
    content = {
        "version": "https://codecheck.org.uk/spec/config/2.0/",
        "paper": {
            "title": "Explainable AI and attention-driven models for brain tumor segmentation, run again",
            "authors": [{"name": "The brainseg authors"}],
            "reference": "The book in this repository, which begins with book/index.md",
        },
        "source": "make verify executes every chapter anew, on networks that it trains anew, writes the files of this "
        "manifest, compares each with the committed one, and judges every claim in book/claims.yml; its exit status is "
        "the verdict.",
        "manifest": [
            *({"file": f"build/report/{name}", "comment": words} for name, words in REPORT.items()),
            *(entry for path in _chapters(root) for entry in _outputs(path)),
        ],
    }
    return "%YAML 1.1\n---\n" + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def zenodo(root: Path) -> str:
    """What an archive asks of a release: the text of ``.zenodo.json``, from ``CITATION.cff``."""
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    content = {
        "title": citation["title"],
        "description": citation["abstract"].strip(),
        "version": citation["version"],
        "upload_type": "software",
        "access_right": "open",
        "license": "MIT",
        "notes": "Prose and figures of the book are under CC BY 4.0.",
        "creators": [{"name": author["name"]} for author in citation["authors"]],
        "keywords": citation["keywords"],
        "related_identifiers": [
            {"identifier": address, "relation": "references", "resource_type": "dataset"} for address in DATA
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _add_chapter(found: ROCrate, script: str, title: str) -> tuple[File, File]:
    """Add a chapter's source and the executed chapter."""
    words = {"name": title, "description": "The chapter's source"}
    source = found.add_file(script, script, properties=words | _format(script))
    notebook = Path(script).with_suffix(".ipynb").as_posix()
    words["description"] = "The chapter, executed on the phantom: the reference for its outputs"
    executed = words | _format(notebook) | {"isBasedOn": source}
    return source, found.add_file(notebook, notebook, properties=executed)


def _format(name: str) -> dict[str, str]:
    return {} if name.endswith("/") else {"encodingFormat": FORMATS.get(Path(name).suffix, "text/plain")}


def _chapters(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9]*.py"))


def _title(source: Path) -> str:
    return str(read_chapter(source).cells[0].source.partition("\n")[0].removeprefix("# "))


def _outputs(source: Path) -> Iterator[dict[str, str]]:
    """A file for each figure and table of a chapter, as the report of a verification has them."""
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in sorted(SUFFIXES.keys() & output.get("data", {}).keys()):
                figure = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
                words = f"figure {figure}" if figure else "a table"
                file = f"build/report/{OUTPUTS}/{source.stem}-{cell.id}.{SUFFIXES[kind]}"
                yield {"file": file, "comment": f"{_title(source)}, {cell.id}: {words}"}


if __name__ == "__main__":
    for name, make in {CRATE: crate, MANIFEST: manifest, ZENODO: zenodo}.items():
        (REPOSITORY / name).write_text(make(REPOSITORY), encoding="utf-8")
