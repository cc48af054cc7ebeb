"""The command line: ``brainseg``."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainseg import __version__
from brainseg.errors import BrainsegError
from brainseg.recipe import STEPS, recipe_at, scale_named

if TYPE_CHECKING:
    from brainseg.experiment import Experiment
    from brainseg.run import Record as RunRecord
    from brainseg.run import Run

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A published brain-tumour segmentation study, re-run, explained and corrected on the same images.",
)
data_commands = typer.Typer(no_args_is_help=True, help="Get, make, check and prepare data sets.")
commands.add_typer(data_commands, name="data")

ModelName = Annotated[str, typer.Argument(help="unet, linknet, segnet or deeplab.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="phantom or tumorseg.")]
DataFolder = Annotated[Path | None, typer.Option("--data", help="Folder of the real data set (tumorseg only).")]
ScaleName = Annotated[
    str, typer.Option("--scale", help="quick or small (64 px), laptop (128 px) or full (as published).")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the training run.")]
StepName = Annotated[
    str, typer.Option("--step", help="How far from published to corrected; the comparison says what each is.")
]
AttentionName = Annotated[str, typer.Option("--attention", help="published, gate, channel, spatial or none.")]
Guidance = Annotated[
    float, typer.Option("--guidance", help="Weight of the penalty on gradients outside the tumour; 0 is none.")
]
Methods = Annotated[list[str] | None, typer.Option("--method", help="Only this kind of map; may be repeated.")]
Record = Annotated[Path | None, typer.Option("--record", help="Write what was found or made to a small JSON file.")]
Root = Annotated[Path, typer.Argument(help="Folder that holds tumorseg-coco/ and cheng2017/.")]


def app() -> None:
    """Run the command line; an error that a user can mend is one line, and exit status 2."""
    try:
        commands()
    except BrainsegError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2)


@commands.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Show the version where it is asked for."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@data_commands.command()
def fetch(root: Annotated[Path, typer.Argument(help="Folder to put the data set into.")]) -> None:
    """Download the study's images (Kaggle) and Cheng's borders (figshare, about 860 MB) to ROOT."""
    from brainseg.data.fetch import fetch as fetch_data

    fetch_data(root, progress=True)
    typer.echo(f"The data set is in {root}. Next: brainseg data check {root}")


@data_commands.command("import-cheng")
def import_cheng(
    source: Annotated[Path, typer.Argument(help="Folder with Cheng's .mat files, or with the zip files of them.")],
    target: Annotated[Path, typer.Argument(help="JSON file to write.")],
) -> None:
    """Make the border file from Cheng's original MATLAB files."""
    from brainseg.data.cheng import import_cheng as import_borders

    slices = import_borders(source, target)
    typer.echo(f"{target}: borders of {len(slices)} slices")


@data_commands.command("make-phantom")
def make_phantom(
    root: Annotated[Path, typer.Argument(help="Folder to make; it must not exist yet, or be empty.")],
    patients: Annotated[int, typer.Option(min=8, help="Number of patients.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed: the same seed gives the same files.")] = 0,
) -> None:
    """Make the phantom: a simulated data set in the layout of the real one, with its quirks."""
    from brainseg.data.phantom import make_phantom as make

    make(root, patients=patients, seed=seed, progress=True)
    typer.echo(f"The phantom is in {root}")


@data_commands.command()
def prepare(
    root: Root,
    scale: ScaleName = "quick",
    workspace: Annotated[Path | None, typer.Option(help="Where to keep the arrays.")] = None,
    record: Record = None,
) -> None:
    """Decode, pair and resize a data set once, into arrays that open at once."""
    from brainseg.data.dataset import default_workspace
    from brainseg.data.prepare import prepare as prepare_arrays

    prepared = prepare_arrays(
        root, scale_named(scale).size, (workspace or default_workspace()) / "prepared", progress=True
    )
    typer.echo(f"{len(prepared.table)} images of {prepared.size} × {prepared.size} pixels in {prepared.folder}")
    _write_record(record, {"fingerprint": prepared.fingerprint, "images": len(prepared.table)})


@data_commands.command()
def check(root: Root, record: Record = None) -> None:
    """Report what is odd in a data set; exit status 1 if anything is."""
    from brainseg.data.check import check as check_data

    report = check_data(root, progress=True)
    typer.echo(report.text())
    _write_record(record, report.to_dict())
    raise typer.Exit(report.exit_code)


@commands.command()
def train(
    model: ModelName,
    step: StepName = "published",
    attention: AttentionName = "published",
    dataset: DatasetName = "phantom",
    data: DataFolder = None,
    scale: ScaleName = "quick",
    seed: Seed = 0,
    guidance: Guidance = 0.0,
    record: Record = None,
) -> None:
    """Train a model; a finished run is found again, an interrupted one goes on."""
    result = _result(model, step, attention, dataset, data, scale, seed, guidance)
    typer.echo(f"{model}, {STEPS[step]}: {len(result.history)} epochs, run {result.name}")
    _write_text(record, result.to_json())


@commands.command()
def evaluate(
    model: ModelName,
    step: StepName = "published",
    attention: AttentionName = "published",
    dataset: DatasetName = "phantom",
    data: DataFolder = None,
    scale: ScaleName = "quick",
    seed: Seed = 0,
) -> None:
    """Show the scores of a model on its test images, and beside the published ones; trains it first if need be."""
    from brainseg.evaluate import on_borders, summary

    result = _result(model, step, attention, dataset, data, scale, seed)
    typer.echo(f"{model}, {STEPS[step]}: the study's metrics\n\n{summary(result).to_string()}\n")
    typer.echo(f"Scores per test image against the tumours' borders\n\n{on_borders([result]).to_string()}")


@commands.command()
def explain(
    image: Annotated[Path, typer.Argument(help="JPEG, PNG, DICOM or NIfTI file with a slice.")],
    model: Annotated[str, typer.Option("--model", help="unet, linknet, segnet or deeplab.")] = "unet",
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML page to write; a PNG goes beside it.")] = Path(
        "report.html"
    ),
    number: Annotated[
        int | None, typer.Option("--slice", help="Which slice of a volume, from 0; else the middle one.")
    ] = None,
    dataset: DatasetName = "phantom",
    data: DataFolder = None,
    scale: ScaleName = "quick",
    seed: Seed = 0,
) -> None:
    """Show what a corrected model marks in an image, what that rests on, and how sure it is; not a medical device."""
    from brainseg.slices import read_slice

    if output.suffix != ".html":
        raise BrainsegError(f"received -o {output}, expected a name that ends in .html")
    picture = read_slice(image, number)
    run = _experiment(model, "corrected", "published", dataset, data, scale, seed).run(model, "corrected")
    from brainseg.explanation import NOT_A_DEVICE, explain_slice, write_report

    explanation = explain_slice(run, picture)
    drawn = write_report(explanation, run, dataset, image.name, output)
    typer.echo("\n".join([*explanation.sentences(), NOT_A_DEVICE, f"The report is {output}, its pictures {drawn}"]))


@commands.command()
def saliency(
    model: ModelName,
    images: Annotated[int, typer.Option(min=1, help="At most so many test images.")] = 30,
    dataset: DatasetName = "phantom",
    data: DataFolder = None,
    scale: ScaleName = "quick",
    seed: Seed = 0,
    guidance: Guidance = 0.0,
    method: Methods = None,
    record: Record = None,
) -> None:
    """Score every kind of saliency map of a corrected model on its test images, beside controls (minutes)."""
    from brainseg.run import columns
    from brainseg.saliency import METHODS, known_methods
    from brainseg.saliency.evaluation import SCORES, randomisation, score_maps

    methods = known_methods(method or tuple(METHODS))
    experiment = _experiment(model, "corrected", "published", dataset, data, scale, seed, guidance)
    run = experiment.run(model, "corrected", guidance=guidance)
    scores = score_maps(run, experiment.data, images, methods, progress=True)
    typer.echo(scores.groupby("map", sort=False)[list(SCORES)].mean().round(3).to_string())
    destroyed = randomisation(run, experiment.data, methods=methods, progress=True)
    _write_record(record, {**_about(run), "scores": columns(scores), "randomisation": columns(destroyed)})


@commands.command("randomise-labels")
def randomise_labels(
    model: ModelName,
    images: Annotated[int, typer.Option(min=1, help="At most so many test images.")] = 30,
    dataset: DatasetName = "phantom",
    data: DataFolder = None,
    scale: ScaleName = "quick",
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """Compare a corrected model's saliency maps with those after training with the next seed and on shuffled labels."""
    experiment = _experiment(model, "corrected", "published", dataset, data, scale, seed)
    from brainseg.run import columns
    from brainseg.saliency.evaluation import label_randomisation

    recipe = experiment.recipe(model, "corrected")
    others = {"another seed": replace(recipe, seed=seed + 1), "shuffled labels": replace(recipe, pairing="shuffled")}
    run, runs = experiment.trained(recipe), {name: experiment.trained(other) for name, other in others.items()}
    table = label_randomisation(run, runs, experiment.data, images, progress=True)
    typer.echo(table.pivot_table("correlation", "map", "network", sort=False).round(3).to_string())
    _write_record(record, {**_about(run), "labels": columns(table)})


@commands.command()
def measure(
    size: Annotated[int, typer.Option(help="Height and width of the images in pixels.")] = 128,
    width: Annotated[int, typer.Option(help="Filters at full resolution.")] = 64,
    record: Record = None,
) -> None:
    """Measure what each model costs: parameters, multiply-adds, time and memory (a few minutes)."""
    from brainseg import efficiency

    machine = efficiency.machine()
    table = efficiency.measure(size=size, width=width, progress=True)
    typer.echo(table.set_index("model").astype(object).T.to_string(float_format="{:.1f}".format))
    _write_record(record, {"models": table.to_dict("records"), "machine": [machine]})


def _about(run: "Run") -> dict[str, object]:
    """Which run a record is about."""
    return {"name": run.name, "recipe": run.recipe.to_dict(), "provenance": run.provenance}


def _result(
    model: str,
    step: str,
    attention: str,
    dataset: str,
    data: Path | None,
    scale: str,
    seed: int,
    guidance: float = 0.0,
) -> "RunRecord":
    experiment = _experiment(model, step, attention, dataset, data, scale, seed, guidance)
    return experiment.result(model, step, None if attention == "none" else attention, guidance)


def _experiment(
    model: str,
    step: str,
    attention: str,
    dataset: str,
    data: Path | None,
    scale: str,
    seed: int,
    guidance: float = 0.0,
) -> "Experiment":
    """The experiment, after a look at the recipe: a typing error should not cost the making of the phantom."""
    recipe_at(step, model, scale_named(scale), seed, None if attention == "none" else attention, guidance)
    from brainseg.experiment import Experiment

    return Experiment(dataset, scale, seed, data)


def _write_record(path: Path | None, record: dict[str, object]) -> None:
    _write_text(path, json.dumps(record, indent=2) + "\n")


def _write_text(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
