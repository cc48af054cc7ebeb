"""What Snakemake would do, without doing it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from brainseg.paper.build.graph import RULES, edges_of, layered, layers, rule_graph
from tests.conftest import REPOSITORY


def snakemake(workspace: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Ask Snakemake in the repository; what it builds would go to the workspace."""
    return subprocess.run(
        ["snakemake", *map(str, arguments)],
        cwd=REPOSITORY,
        env=os.environ | {"BRAINSEG_WORKSPACE": str(workspace)},
        capture_output=True,
        text=True,
    )


def planned(output: str) -> dict[str, int]:
    """How often each rule would run, by the table at the end of a dry run."""
    table = output.rpartition("Job stats:")[2]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_an_experiment_runs_where_and_as_large_as_it_says_or_is_told(tmp_path: Path) -> None:
    own = snakemake(tmp_path, "-n", "results", "--config", "experiment=attention", f"data={tmp_path}")
    assert planned(own.stdout) == {"prepare": 1, "run": 30, "results": 1, "total": 32}
    assert "tumorseg-small-0/runs/deeplab-corrected-spatial-fold-4.json" in own.stdout


@pytest.mark.slow
def test_an_experiment_moves_to_the_phantom(tmp_path: Path) -> None:
    told = snakemake(
        tmp_path, "-n", "-p", "results", "--config", "experiment=full", "dataset=phantom", "scale=quick", "seed=3"
    )
    assert planned(told.stdout) == {"phantom": 1, "prepare": 1, "run": 8, "results": 1, "total": 11}
    assert "--dataset phantom --scale quick --seed 3 --record" in told.stdout
    assert "results/phantom-quick-full/unet-published-published-3.json.gz" in told.stdout


@pytest.mark.slow
def test_what_an_experiment_changes_of_its_scale_is_told_to_the_command(tmp_path: Path) -> None:
    told = snakemake(tmp_path, "-n", "-p", "results", "--config", "experiment=longer", f"data={tmp_path}")
    assert planned(told.stdout)["run"] == 5
    assert "--attention published --width 32 --batch-size 8 --epochs 120 --fold 4 --dataset tumorseg" in " ".join(
        told.stdout.split()
    )


@pytest.mark.slow
def test_an_experiment_on_real_images_wants_their_folder(tmp_path: Path) -> None:
    refused = snakemake(tmp_path, "-n", "results", "--config", "experiment=ladder")
    assert refused.returncode != 0
    assert "no folder for the data set tumorseg: add data=FOLDER" in refused.stdout + refused.stderr


@pytest.mark.slow
def test_the_picture_in_the_book_shows_the_rules_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """If not: python -m brainseg.paper.build pictures"""
    monkeypatch.chdir(REPOSITORY)
    drawn = (REPOSITORY / "book" / "_static" / "workflow.svg").read_text(encoding="utf-8")
    edges = rule_graph()
    assert {("prepare", "run"), ("run", "chapter"), ("chapter", "book"), ("saliency", "results")} <= set(edges)
    assert drawn == layered(edges, RULES)


def test_a_graph_is_drawn_in_layers() -> None:
    edges = edges_of('0[label = "b", color = 1]; 1[label = "a"]; 2[label = "c"]; 1 -> 0; 0 -> 2; 1 -> 2')
    assert edges == [("a", "b"), ("a", "c"), ("b", "c")]
    assert layers(edges) == [["a"], ["b"], ["c"]]
    drawn = layered(edges, {"b": "in between"})
    assert re.findall(r">([^<>\s][^<>]*)</text>", drawn) == ["a", "b", "in between", "c"]
    assert drawn == layered(edges, {"b": "in between"})
