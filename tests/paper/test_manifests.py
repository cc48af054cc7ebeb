"""The generated descriptions of the repository: valid, complete, and up to date."""

import runpy
from pathlib import Path

import nbformat
import pytest
import yaml
from rocrate.rocrate import ROCrate

from tests.conftest import REPOSITORY

MANIFEST = "codecheck.yml"


@pytest.mark.parametrize(("name", "make"), [("ro-crate-metadata.json", "crate"), (MANIFEST, "manifest")])
def test_descriptions_are_what_would_be_generated_now(name: str, make: str) -> None:
    generated = runpy.run_path(str(REPOSITORY / "scripts" / "manifests.py"))[make](REPOSITORY)
    assert (REPOSITORY / name).read_text(encoding="utf-8") == generated, "run: python scripts/manifests.py"


def test_the_crate_is_one_for_its_library_and_what_it_names_exists() -> None:
    found = ROCrate(REPOSITORY)
    local = [entity for entity in found.data_entities if "://" not in entity.id]
    assert len(local) > 20
    assert [entity.id for entity in local if not (REPOSITORY / entity.id).exists()] == []
    assert found.license == "https://spdx.org/licenses/MIT"
    assert found.root_dataset["author"]["name"] == "The brainseg authors"


def test_the_manifest_names_every_chapter_with_all_its_figures() -> None:
    entries = yaml.safe_load((REPOSITORY / MANIFEST).read_text(encoding="utf-8"))["manifest"]
    files = {Path(entry["file"]): entry["comment"] for entry in entries}
    assert set(files) == {path.relative_to(REPOSITORY) for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    for path, comment in files.items():
        for cell in nbformat.read(REPOSITORY / path, as_version=4).cells:
            if "figure" in cell.metadata.get("mystnb", {}):
                assert f"{cell.metadata.mystnb.figure.name} ({cell.id})" in comment
