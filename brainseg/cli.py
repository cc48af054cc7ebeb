"""The command line: ``brainseg``."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainseg import __version__
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import STEPS, recipe_at, scale_named
from brainseg.models import architecture

if TYPE_CHECKING:
    from brainseg.app.prediction import Network
    from brainseg.experiments.matrix import Matrix
    from brainseg.experiments.run import Record as RunRecord
    from brainseg.experiments.run import Run
    from brainseg.experiments.workspace import Experiment

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
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the training run.")]
StepName = Annotated[
    str, typer.Option("--step", help="How far from published to corrected; the comparison says what each is.")
]
AttentionName = Annotated[str, typer.Option("--attention", help="published, gate, channel, spatial or none.")]
Guidance = Annotated[
    float, typer.Option("--guidance", help="Weight of the penalty on gradients outside the tumour; 0 is none.")
]
Asked = Annotated[str, typer.Option("--model", help="unet, linknet, segnet or deeplab.")]
SliceNumber = Annotated[
    int | None, typer.Option("--slice", help="Which slice of a volume, from 0; else the middle one.")
]
Upright = Annotated[
    bool | None,
    typer.Option(
        "--upright/--lying",
        help="How the head is shown: front or crown on top, or on the left, as in the study's images. "
        "If not said, DICOM and NIfTI are taken as upright, pictures as lying.",
    ),
]
Another = Annotated[
    str | None,
    typer.Option(
        "--scale", help="Ask a corrected run, trained if need be, and not the weights that come with brainseg."
    ),
]
AnotherDataset = Annotated[str | None, typer.Option("--dataset", help="With --scale: phantom or tumorseg.")]
AnotherSeed = Annotated[int | None, typer.Option("--seed", min=0, help="With --scale: seed of the training run.")]
Names = Annotated[list[str] | None, typer.Argument(help="Names of experiments, as experiments.yml lists them.")]
OtherDataset = Annotated[str | None, typer.Option("--dataset", help="In place of the experiments' own: phantom.")]
OtherScale = Annotated[str | None, typer.Option("--scale", help="In place of the experiments' own.")]
OtherSeed = Annotated[int | None, typer.Option("--seed", min=0, help="In place of the experiments' own.")]
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
    seed: Annotated[int, typer.Option(min=0, help="Seed: the same seed gives the same files.")] = 0,
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
    from brainseg.experiments.select import PROCESSED

    result = _result(model, step, attention, dataset, data, scale, seed, guidance)
    trained = result.name.removesuffix(PROCESSED)
    typer.echo(f"{model}, {STEPS[step]}: {len(result.history)} epochs, run {trained}")
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
    from brainseg.paper.tables import on_borders, summary

    result = _result(model, step, attention, dataset, data, scale, seed)
    typer.echo(f"{model}, {STEPS[step]}: the study's metrics\n\n{summary(result).to_string()}\n")
    typer.echo(f"Scores per test image against the tumours' borders\n\n{on_borders([result]).to_string()}")


@commands.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="JPEG, PNG, DICOM or NIfTI files with a slice each.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the masks and outlines.")] = Path(
        "predictions"
    ),
    model: Asked = "unet",
    number: SliceNumber = None,
    upright: Upright = None,
    scale: Another = None,
    dataset: AnotherDataset = None,
    data: DataFolder = None,
    seed: AnotherSeed = None,
) -> None:
    """Mark tumours in images: a mask and an outline as PNG, and a line of JSON for each; not a medical device."""
    from brainseg.app.slices import is_upright, read_slice

    pictures = [read_slice(image, number) for image in images]
    from brainseg.app.prediction import NOT_A_DEVICE, names, predict_slice, write_prediction

    called = names(images)
    network, _ = _network(model, scale, dataset, data, seed)
    _make_folder(output)
    for image, picture, name in zip(images, pictures, called, strict=True):
        turned = is_upright(image) if upright is None else upright
        prediction = predict_slice(network, picture, turned)
        paths = {kind: str(path) for kind, path in write_prediction(prediction, output, name).items()}
        about = {"image": str(image), "upright": turned, "network": network.name}
        typer.echo(json.dumps(about | prediction.to_dict() | paths, ensure_ascii=False))
    typer.echo(NOT_A_DEVICE, err=True)


@commands.command()
def explain(
    image: Annotated[Path, typer.Argument(help="JPEG, PNG, DICOM or NIfTI file with a slice.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML page to write; a PNG goes beside it.")] = Path(
        "report.html"
    ),
    model: Asked = "unet",
    number: SliceNumber = None,
    upright: Upright = None,
    scale: Another = None,
    dataset: AnotherDataset = None,
    data: DataFolder = None,
    seed: AnotherSeed = None,
) -> None:
    """Show what a network marks in an image, what that rests on, and how sure it is; not a medical device."""
    from brainseg.app.slices import is_upright, read_slice

    if output.suffix != ".html":
        raise BrainsegError(f"received -o {output}, expected a name that ends in .html")
    picture = read_slice(image, number)
    network, trained_on = _network(model, scale, dataset, data, seed)
    _make_folder(output.parent)
    from brainseg.app.explanation import explain_slice, write_report
    from brainseg.app.prediction import NOT_A_DEVICE

    explanation = explain_slice(network, picture, is_upright(image) if upright is None else upright)
    drawn = write_report(explanation, network, trained_on, image.name, output)
    typer.echo("\n".join([*explanation.sentences(), NOT_A_DEVICE, f"The report is {output}, its pictures {drawn}"]))


@commands.command()
def export(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of finished runs, as train prints them.")],
    dataset: DatasetName = "tumorseg",
    data: DataFolder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write to; else the package's own.")
    ] = None,
) -> None:
    """Make the weights of finished runs, one for each model, those that predict and explain use."""
    from brainseg.app.weights import SHIPPED
    from brainseg.app.weights import export as export_run
    from brainseg.data.dataset import open_dataset
    from brainseg.experiments.run import Run

    opened = open_dataset(dataset, data, progress=True)
    for folder in (opened.workspace / "runs" / run for run in runs):
        if not (folder / "run.json").is_file():
            raise BrainsegError(f"there is no finished run {folder}, expected a name that brainseg train printed")
        run = Run.open(folder)
        exported = export_run(run, opened.prepared(run.recipe.size, progress=True), dataset, output or SHIPPED)
        half = exported.provenance["half_precision"]
        typer.echo(
            f"{exported.file}: {exported.file.stat().st_size / 1e6:.1f} MB; rounding changes the Dice of a test image "
            f"by {half['mean']:.5f} on average, {half['largest']:.4f} at most"
        )


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
    from brainseg.experiments.run import columns
    from brainseg.experiments.saliency import SCORES, randomisation, score_maps
    from brainseg.saliency import METHODS, known_methods

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
    from brainseg.experiments.run import columns
    from brainseg.experiments.saliency import label_randomisation, label_yardsticks

    recipe = experiment.recipe(model, "corrected")
    run = experiment.trained(recipe)
    runs = {name: experiment.trained(other) for name, other in label_yardsticks(recipe).items()}
    table = label_randomisation(run, runs, experiment.data, images, progress=True)
    typer.echo(table.pivot_table("correlation", "map", "network", sort=False).round(3).to_string())
    _write_record(record, {**_about(run), "labels": columns(table)})


@commands.command()
def plan(
    experiments: Names = None,
    dataset: OtherDataset = None,
    data: DataFolder = None,
    scale: OtherScale = None,
    seed: OtherSeed = None,
    cores: Annotated[int, typer.Option(min=1, help="Trainings side by side.")] = 1,
) -> None:
    """Say what the trainings of EXPERIMENTS would take, from a few steps of each, measured now; all, if none is named.

    Times are at most: a training may stop early. What is recorded besides runs comes on top.
    """
    matrices = _matrices(experiments, dataset, scale, seed)
    from brainseg.experiments.plan import plan as table_of
    from brainseg.experiments.plan import totals

    table = table_of(matrices, data, progress=True)
    typer.echo(table.to_string(index=False, formatters={"minutes": "{:.1f}".format, "memory_mb": "{:.0f}".format}))
    typer.echo(totals(table, cores))


@commands.command()
def status(
    experiments: Names = None,
    dataset: OtherDataset = None,
    data: DataFolder = None,
    scale: OtherScale = None,
    seed: OtherSeed = None,
) -> None:
    """Say what there is of the runs of EXPERIMENTS, in the store and in results/; of all, if none is named."""
    matrices = _matrices(experiments, dataset, scale, seed)
    from brainseg.experiments.plan import status as table_of

    table = table_of(matrices, data)
    typer.echo(table.to_string(index=False))
    finished, recorded = (table["state"] == "finished").sum(), (table["recorded"] == "yes").sum()
    typer.echo(f"{len(table)} runs: {finished} finished in the store, {recorded} recorded")


@commands.command()
def measure(
    size: Annotated[int, typer.Option(help="Height and width of the images in pixels.")] = 128,
    width: Annotated[int, typer.Option(help="Filters at full resolution.")] = 64,
    record: Record = None,
) -> None:
    """Measure what each model costs: parameters, multiply-adds, time and memory (a few minutes)."""
    from brainseg.experiments import efficiency

    machine = efficiency.machine()
    table = efficiency.measure(size=size, width=width, progress=True)
    typer.echo(table.set_index("model").astype(object).T.to_string(float_format="{:.1f}".format))
    attention = efficiency.attention_parameters(size=size, width=width)
    tables = {"models": table, "attention": attention}
    _write_record(record, {name: rows.to_dict("records") for name, rows in tables.items()} | {"machine": [machine]})


@commands.command()
def claims(
    data: DataFolder = None,
    live: Annotated[bool, typer.Option("--live", help="Test what is shown live, too, on the phantom.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the ledger with its verdicts there.")] = None,
) -> None:
    """Test every claim of the study and of this book; exit status 1 if one of the book's own does not hold."""
    from brainseg.experiments.workspace import Experiment
    from brainseg.paper.claims.evidence import Evidence
    from brainseg.paper.claims.ledger import counts, evaluate, failures, read_claims

    ledger = read_claims()
    table = evaluate(ledger, Evidence(data, Experiment() if live else None))
    for row in table.to_dict("records"):
        typer.echo(f"{row['verdict']:<16} {row['maker']:<5} {row['id']}: {row['why']}")
    typer.echo(f"\n{counts(table).to_string()}")
    _write_text(json_file, table.to_json(orient="records", indent=2, force_ascii=False) + "\n")
    raise typer.Exit(int(len(failures(table)) > 0))


def _matrices(names: list[str] | None, dataset: str | None, scale: str | None, seed: int | None) -> "list[Matrix]":
    from brainseg.experiments.matrix import chosen

    return [matrix.at(dataset, scale, seed) for matrix in chosen(names or [])]


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
    from brainseg.experiments.workspace import Experiment

    return Experiment(dataset, scale, seed, data)


def _network(
    model: str, scale: str | None, dataset: str | None, data: Path | None, seed: int | None
) -> "tuple[Network, str]":
    """A corrected network and what it was trained on: the shipped one, or where a scale is given a run of the store."""
    if scale is not None:
        experiment = _experiment(model, "corrected", "published", dataset or "phantom", data, scale, seed or 0)
        return experiment.run(model, "corrected"), experiment.dataset.name
    if given := [name for name, value in {"dataset": dataset, "data": data, "seed": seed}.items() if value is not None]:
        raise BrainsegError(f"received --{given[0]} without --scale: add it, or leave both out for the shipped weights")
    architecture(model)
    from brainseg.app.weights import shipped

    network = shipped(model)
    return network, network.provenance["dataset"]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BrainsegError(f"the folder {path} cannot be made: {error.strerror}") from error


def _write_record(path: Path | None, record: dict[str, object]) -> None:
    _write_text(path, json.dumps(record, indent=2) + "\n")


def _write_text(path: Path | None, text: str) -> None:
    if path is None:
        return
    _make_folder(path.parent)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BrainsegError(f"the file {path} cannot be written: {error.strerror}") from error
