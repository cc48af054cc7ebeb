"""experiments.yml: what it means, what the recorded results say it must mean, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.matrix import Matrix, chosen, read_matrix
from brainseg.experiments.recipe import scale_named
from brainseg.fingerprint import resource
from brainseg.models import MODELS

PLAIN = "about: x, scale: quick, steps: [corrected]"


def write(folder: Path, text: str) -> Path:
    path = folder / "experiments.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("matrix", read_matrix().values(), ids=lambda matrix: matrix.name)
def test_the_matrix_has_exactly_the_recorded_files(matrix: Matrix) -> None:
    folder = resource("results") / matrix.folder
    if not matrix.recorded:
        assert not folder.exists(), "recorded now: experiments.yml should say so"
        return
    networks = {path.stem for path in folder.glob("*.onnx")}
    assert networks <= set(matrix.files)
    assert set(matrix.files) == {path.name.removesuffix(".json.gz") for path in folder.iterdir()} - {
        f"{name}.onnx" for name in networks
    }


def test_the_full_study_has_both_ends() -> None:
    runs = [(run.model, run.step, run.seed) for run in read_matrix()["full"].runs]
    assert runs == [(model, step, 0) for model in MODELS for step in ("published", "corrected")]


def test_what_would_be_trained_twice_or_cannot_be_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, f"e: {{{PLAIN}, models: [unet, deeplab], attentions: [published, gate, none, channel]}}")
    names = [run.name for run in read_matrix(path)["e"].runs]
    assert names == [
        *("unet-corrected-published", "unet-corrected-none", "unet-corrected-channel"),
        *("deeplab-corrected-published", "deeplab-corrected-channel"),
    ]


def test_weights_of_guidance_are_part_of_a_name_unless_they_are_0(tmp_path: Path) -> None:
    path = write(tmp_path, f"e: {{{PLAIN}, models: [unet], guidance: [0, 0.3], records: [runs, saliency]}}")
    matrix = read_matrix(path)["e"]
    assert matrix.files == {
        "unet-corrected-published-0": "tumorseg-quick-0/runs/unet-corrected-published.json",
        "unet-corrected-published-guidance-0.3-0": "tumorseg-quick-0/runs/unet-corrected-published-guidance-0.3.json",
        "unet-0": "tumorseg-quick-0/saliency/unet.json",
        "unet-guidance-0.3-0": "tumorseg-quick-0/saliency/unet-guidance-0.3.json",
    }
    assert [run.recipe.guidance for run in matrix.runs] == [0, 0.3]


def test_a_run_means_what_the_command_line_trains() -> None:
    (run,) = (run for run in read_matrix()["gates"].runs if run.name == "unet-corrected-none-fold-3" and not run.seed)
    assert run.recipe == recipe_at("corrected", "unet", scale_named("small"), 0, None, fold=3)


def test_what_is_another_than_the_scale_says_is_in_the_recipe_and_in_the_name(tmp_path: Path) -> None:
    path = write(tmp_path, f"e: {{{PLAIN}, models: [deeplab], changes: {{width: 4, epochs: 3}}, folds: [2]}}")
    (run,) = read_matrix(path)["e"].runs
    assert run.name == "deeplab-corrected-published-width-4-epochs-3-fold-2"
    scale = dataclasses.replace(scale_named("quick"), width=4, epochs=3)
    assert run.recipe == recipe_at("corrected", "deeplab", scale, fold=2)


def test_an_experiment_moves_to_other_data_scale_and_seed() -> None:
    matrix = read_matrix()["ladder"].at("phantom", "laptop", 7)
    assert matrix.folder == "phantom-laptop-ladder"
    assert {(run.dataset, run.scale, run.seed) for run in matrix.runs} == {("phantom", "laptop", 7)}
    assert read_matrix()["ladder"].at().folder == "tumorseg-small-ladder"
    with pytest.raises(BrainsegError, match="received scale 'huge', expected one of: quick, small, laptop, full"):
        matrix.at(scale="huge")


def test_all_experiments_are_chosen_by_none_and_an_unknown_one_is_refused() -> None:
    assert [matrix.name for matrix in chosen([])] == list(read_matrix())
    with pytest.raises(BrainsegError, match="received experiment 'ladders', expected one of: ladder, folds"):
        chosen(["ladders"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("e: [", "is no YAML"),
        ("[]", "without experiments"),
        (f"An experiment: {{{PLAIN}}}", "received [0] 'An experiment', expected small letters, digits and hyphens"),
        ("e: nothing", "experiment e: received 'nothing', expected a mapping of fields"),
        (f"e: {{{PLAIN}, epochs: 3}}", "received the unknown field epochs, expected about, dataset"),
        ("e: {about: x, scale: quick}", "experiment e: the field steps is missing: add it"),
        ("e: {about: x, scale: huge, steps: [published]}", "received scale 'huge'"),
        ("e: {about: x, scale: quick, steps: [best]}", "received steps 'best', expected one of: published, paired"),
        ("e: {about: x, scale: quick, steps: published}", "steps 'published', expected a list of different names"),
        (f"e: {{{PLAIN}, models: [resnet]}}", "received models 'resnet', expected one of: unet"),
        (f"e: {{{PLAIN}, models: [unet, unet]}}", "expected a list of different names"),
        (f"e: {{{PLAIN}, models: []}}", "expected a list of different names"),
        (f"e: {{{PLAIN}, attentions: [self]}}", "received attentions 'self', expected one of: published, gate, none"),
        (f"e: {{{PLAIN}, seeds: [0.5]}}", "expected a list of different whole numbers"),
        (f"e: {{{PLAIN}, seeds: [1.0]}}", "expected a list of different whole numbers"),
        (f"e: {{{PLAIN}, seeds: [true]}}", "expected a list of different whole numbers"),
        (f"e: {{{PLAIN}, seeds: [-1]}}", "whole numbers, none below 0"),
        (f"e: {{{PLAIN}, guidance: [much]}}", "expected a list of different numbers"),
        (
            f"e: {{{PLAIN}, changes: {{size: 9}}}}",
            "received the unknown field size, expected width, batch_size, epochs",
        ),
        (f"e: {{{PLAIN}, changes: {{epochs: 2}}}}", "epochs"),
        (f"e: {{{PLAIN}, changes: [9]}}", "expected a mapping of width, batch_size or epochs to whole numbers"),
        (f"e: {{{PLAIN}, dataset: mnist}}", "received dataset 'mnist', expected one of: phantom, tumorseg"),
        (f"e: {{{PLAIN}, recorded: perhaps}}", "recorded 'perhaps', expected true or false"),
        (f"e: {{{PLAIN}, records: [pictures]}}", "received records 'pictures', expected one of: runs, saliency"),
        (f"e: {{{PLAIN}, attentions: [none], records: [saliency]}}", "saliency is recorded of steps"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BrainsegError, match=message.replace("[", r"\[")):
        read_matrix(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match=r"expected the experiments\.yml of the repository"):
        read_matrix(tmp_path / "experiments.yml")
