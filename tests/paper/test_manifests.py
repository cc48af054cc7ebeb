"""The generated descriptions of the repository: valid, complete, and up to date."""

import io
import json
import runpy
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
import pytest
import requests
import yaml
from rocrate.rocrate import ROCrate

from brainseg import __version__
from tests.conftest import REPOSITORY

MANIFEST = "codecheck.yml"


@pytest.mark.parametrize(
    ("name", "make"), [("ro-crate-metadata.json", "crate"), (MANIFEST, "manifest"), (".zenodo.json", "zenodo")]
)
def test_descriptions_are_what_would_be_generated_now(name: str, make: str) -> None:
    generated = runpy.run_path(str(REPOSITORY / "scripts" / "manifests.py"))[make](REPOSITORY)
    assert (REPOSITORY / name).read_text(encoding="utf-8") == generated, "run: python scripts/manifests.py"


def test_the_crate_is_one_for_its_library_and_what_it_names_exists() -> None:
    found = ROCrate(REPOSITORY)
    local = [entity for entity in found.data_entities if "://" not in entity.id]
    assert len(local) > 20
    assert [entity.id for entity in local if not (REPOSITORY / entity.id).exists()] == []
    assert [licence["name"] for licence in found.root_dataset["license"]] == [
        "MIT License, for the code",
        "CC BY 4.0, for prose, figures and data",
    ]
    assert found.mainEntity.id == "Snakefile"
    assert "ComputationalWorkflow" in found.mainEntity.type
    assert found.root_dataset["author"]["name"] == "The brainseg authors"


def contexts(_: object, request: requests.PreparedRequest, **options: object) -> requests.Response:
    """What a server says: the terms of RO-Crate 1.1, from those of 1.3, which its library has; nothing else is there.

    Of the terms that the crate uses, one meant something else in 1.1.
    """
    terms = json.loads((files("rocrate") / "data" / "ro-crate.jsonld").read_text(encoding="utf-8"))
    terms["@context"]["ComputationalWorkflow"] = "https://bioschemas.org/ComputationalWorkflow"
    answer = requests.Response()
    answer.status_code = 200 if request.url == "https://w3id.org/ro/crate/1.1/context" else 404
    answer.raw = io.BytesIO(json.dumps(terms).encode())
    answer.headers["Content-Type"] = "application/ld+json"
    return answer


@pytest.fixture
def broken_rules(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[str]]:
    """What the profile's validator finds wrong in the text of a crate, without a network."""
    services = pytest.importorskip("rocrate_validator.services", reason="roc-validator is not installed")
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", contexts)

    def found(crate: dict[str, Any]) -> list[str]:
        settings = services.ValidationSettings(
            rocrate_uri=str(REPOSITORY),
            profile_identifier="workflow-run-crate-0.5",
            skip_availability_check=True,
            no_cache=True,
        )
        return [issue.message for issue in services.validate_metadata_as_dict(crate, settings).get_issues()]

    return found


@pytest.mark.filterwarnings("ignore")
def test_the_crate_is_a_workflow_and_a_run_of_it(broken_rules: Callable[[dict[str, Any]], list[str]]) -> None:
    crate = json.loads((REPOSITORY / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert broken_rules(crate) == []
    run = next(entity for entity in crate["@graph"] if entity["@id"] == "#reference")
    del run["instrument"]
    assert broken_rules(crate) != []


def test_the_manifest_is_the_authors_part_of_a_codecheck_and_names_every_figure() -> None:
    text = (REPOSITORY / MANIFEST).read_text(encoding="utf-8")
    assert text.startswith("%YAML 1.1\n---\n")
    content = yaml.safe_load(text)
    assert content["version"] == "https://codecheck.org.uk/spec/config/2.0/"
    assert all(content["paper"][part] for part in ("title", "authors", "reference"))
    files = {Path(entry["file"]): entry["comment"] for entry in content["manifest"]}
    assert len(files) == len(content["manifest"])
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if "figure" in cell.metadata.get("mystnb", {}):
                (said,) = (words for file, words in files.items() if file.stem == f"{path.stem}-{cell.id}")
                assert said.endswith(f"figure {cell.metadata.mystnb.figure.name}")


def test_there_is_one_version() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    log = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == __version__
    assert f"## {__version__} ({citation['date-released']})" in log
