"""``brainseg train`` and ``brainseg evaluate`` as a new user meets them, wrong input included."""

import csv
import json
from pathlib import Path

import pytest

from brainseg import __version__
from tests.conftest import Brainseg
from tests.data_fixtures import write_dataset

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRAINSEG_WORKSPACE", str(tmp_path / "work"))


@pytest.mark.slow
def test_train_and_evaluate_end_with_a_table(brainseg: Brainseg, capsys: Captured, tmp_path: Path) -> None:
    real = ["--dataset", "tumorseg", "--data", write_dataset(tmp_path / "data")]
    record = tmp_path / "records" / "deeplab.json"
    assert brainseg("train", "deeplab", *real, "--record", record) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("deeplab, as published: 20 epochs, run deeplab-64-")
    assert "train deeplab" in captured.err
    kept = json.loads(record.read_text())
    assert kept["recipe"]["model"] == "deeplab"
    assert len(kept["scores"]["dice"]) == len(kept["scores"]["number"]) == 9

    assert brainseg("evaluate", "deeplab", *real) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    first, second = captured.out.split("Scores per test image against the tumours' borders")
    assert [line.split()[0] for line in first.splitlines()[4:7]] == ["accuracy", "mean", "Dice"]
    assert "0.5756" in first
    assert [line.split()[0] for line in second.split("score")[1].splitlines()[1:]][-2:] == ["HD95,", "missed"]

    assert brainseg("train", "deeplab", "--step", "processed", *real) == 0
    name = capsys.readouterr().out.split()[-1]
    assert (tmp_path / "work" / "runs" / name / "run.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet"], "received model 'resnet', expected one of: unet, linknet, segnet, deeplab"),
        (["unet", "--step", "best"], "received step 'best', expected one of: published, paired, scored, borders"),
        (["deeplab", "--attention", "gate"], "Modified DeepLab cannot have attention 'gate', because it has no skip"),
        (["unet", "--scale", "huge"], "received scale 'huge', expected one of: quick, small, laptop, full"),
        (
            ["unet", "--epochs", "40"],
            "received 40 epochs for a training as published, which has 30: leave out --epochs",
        ),
        (["unet", "--dataset", "mnist"], "received data set 'mnist', expected one of: phantom, tumorseg"),
        (["unet", "--dataset", "tumorseg"], "received the data folder None for 'tumorseg'"),
        (["unet", "--dataset", "tumorseg", "--data", "nowhere"], "received the data folder nowhere"),
        (["unet", "--data", "somewhere"], "received the data folder somewhere for the phantom"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_wrong_input_is_one_line_and_status_2(
    brainseg: Brainseg, capsys: Captured, tmp_path: Path, command: str, arguments: list[str], message: str
) -> None:
    assert brainseg(command, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"Error: {message}")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not (tmp_path / "work").exists()


def test_a_negative_seed_is_refused(brainseg: Brainseg, capsys: Captured) -> None:
    assert brainseg("train", "unet", "--seed", -1) == 2
    assert "--seed" in capsys.readouterr().err


def test_a_negative_guidance_is_refused_before_anything_is_made(
    brainseg: Brainseg, capsys: Captured, tmp_path: Path
) -> None:
    assert brainseg("train", "unet", "--guidance", "-1") == 2
    assert capsys.readouterr().err == "Error: received a guidance of -1.0, expected a finite number, 0 or more\n"
    assert not (tmp_path / "work").exists()


def test_an_unknown_kind_of_map_is_refused_before_anything_is_made(
    brainseg: Brainseg, capsys: Captured, tmp_path: Path
) -> None:
    assert brainseg("saliency", "unet", "--method", "guess") == 2
    assert capsys.readouterr().err.startswith("Error: received method 'guess', expected one of: gradient, gradient")
    assert not (tmp_path / "work").exists()


def test_help_names_every_command_and_version_the_version(brainseg: Brainseg, capsys: Captured) -> None:
    assert brainseg("--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("data", "train", "evaluate", "predict", "explain", "export"))
    assert brainseg("data", "--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("fetch", "import-cheng", "make-phantom", "prepare", "check"))
    assert brainseg("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_scores_are_written_with_what_their_columns_mean(brainseg: Brainseg, capsys: Captured, tmp_path: Path) -> None:
    assert brainseg("scores", "corrected", "--to", tmp_path / "scores.csv") == 0
    assert capsys.readouterr().out.startswith("8584 rows of 4 runs in ")
    with (tmp_path / "scores.csv").open() as table, (tmp_path / "scores.columns.csv").open() as meanings:
        assert next(csv.reader(table)) == [row["column"] for row in csv.DictReader(meanings)]
    assert brainseg("scores", "ladders", "--to", tmp_path / "scores.csv") == 2
    assert "experiment 'ladders'" in capsys.readouterr().err
