"""The command line: ``brainseg``."""

import dataclasses
import functools
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
import typer.core

from brainseg import __version__
from brainseg.data import FOLDS
from brainseg.data.outside import TEXT, make_folder, printable, read_bytes, words, write_whole
from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import STEPS, recipe_at
from brainseg.experiments.recipe import Recipe, scale_named
from brainseg.models import architecture

if TYPE_CHECKING:
    import pandas as pd

    from brainseg.app.prediction import Network
    from brainseg.app.slices import Reader
    from brainseg.experiments.run import Run
    from brainseg.experiments.workspace import Workspace


class Commands(typer.core.TyperGroup):
    """The commands; a file that ends too early is an error like others, and not an abortion."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise BrainsegError(f"a file ends too early: {words(error)}") from error


commands = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A published brain-tumour segmentation study, re-run, explained and corrected on the same images.",
)
data_commands = typer.Typer(no_args_is_help=True, help="Get, make, check and prepare data sets.")
commands.add_typer(data_commands, name="data")

SEED = 2**32 - 1
"""The largest seed that all random generators take."""

ScaleName = Annotated[
    str, typer.Option("--scale", help="quick or small (64 px), laptop (128 px) or full (as published).")
]
DataFolder = Annotated[Path | None, typer.Option("--data", help="Folder of the real data set (tumorseg only).")]
TRACEBACK = "BRAINSEG_TRACEBACK"
"""Environment variable: where it is set, an unexpected error is shown with all its lines."""


def replaceable(path: Path | None) -> Path | None:
    """Refuse, before anything is done, to write a record over a file that is none."""
    if path is None:
        return None
    if not path.exists():
        if not next(parent for parent in path.absolute().parents if parent.exists()).is_dir():
            raise BrainsegError(f"{path} cannot be written: a part of its path is a file; name another")
        return path
    refusal = BrainsegError(f"{path} exists, and brainseg did not make it: move it away, or name another file")
    try:
        content = json.loads(read_bytes(path, TEXT))
    except (BrainsegError, ValueError, RecursionError):
        raise refusal from None
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict) or not any(fields <= first.keys() for fields in RECORDS):
        raise refusal
    return path


RECORDS = (
    {"fingerprint", "images"},
    {"findings", "pairing", "agreement"},
    {"name", "recipe", "provenance"},
    {"id", "maker", "verdict"},
)
"""Fields by which a record of a command is known: of prepare, check, train and what is about maps, claims."""

Record = Annotated[
    Path | None,
    typer.Option("--record", help="Write what was found or made to a small JSON file.", callback=replaceable),
]
PatientPattern = Annotated[
    str | None,
    typer.Option(
        "--patient",
        metavar="PATTERN",
        help="Finds in the name of an image whom it shows, where no border file says so: a regular expression.",
    ),
]
Root = Annotated[Path, typer.Argument(help="Folder that holds tumorseg-coco/ and cheng2017/.")]


@dataclass(frozen=True)
class Place:
    """On what, how large and with which seed."""

    model: Annotated[str, typer.Argument(help="unet, linknet, segnet or deeplab.")]
    dataset: Annotated[str, typer.Option("--dataset", help="phantom or tumorseg.")] = "phantom"
    data: DataFolder = None
    scale: ScaleName = "quick"
    seed: Annotated[int, typer.Option("--seed", min=0, max=SEED, help="Seed of the training run.")] = 0
    fold: Annotated[
        int | None,
        typer.Option(
            "--fold",
            min=0,
            max=FOLDS - 1,
            help="Which fifth is tested on; else that of the data set's own split, and by patient the first.",
        ),
    ] = None

    @property
    def recipe(self) -> Recipe:
        """The corrected network of that name."""
        return recipe_at("corrected", self.model, scale_named(self.scale), self.seed, fold=self.fold)

    def open(self) -> "tuple[Workspace, Recipe]":
        """The workspace, after a look at the recipe: a typing error should not cost the making of the phantom."""
        recipe = self.recipe
        from brainseg.experiments.workspace import Workspace

        return Workspace(self.dataset, self.scale, self.seed, self.data), recipe


@dataclass(frozen=True)
class Guided(Place):
    """The same, with guidance."""

    guidance: Annotated[
        float, typer.Option("--guidance", help="Weight of the penalty on gradients outside the tumour; 0 is none.")
    ] = 0.0

    @property
    def recipe(self) -> Recipe:
        """The corrected network with that guidance."""
        return dataclasses.replace(super().recipe, guidance=self.guidance)


@dataclass(frozen=True)
class Chosen(Guided):
    """A network at any step of the ladder."""

    step: Annotated[
        str, typer.Option("--step", help="How far from published to corrected; chapter 7 says what each is.")
    ] = "published"
    attention: Annotated[str, typer.Option("--attention", help="published, gate, channel, spatial or none.")] = (
        "published"
    )
    width: Annotated[
        int | None, typer.Option("--width", min=1, max=1024, help="Filters at full resolution, if not the scale's.")
    ] = None
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, max=1024, help="Images per batch, if not the scale's.")
    ] = None
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=3, max=10_000, help="Epochs if corrected, if not the scale's.")
    ] = None

    @property
    def recipe(self) -> Recipe:
        """The network as chosen."""
        changes = {name: getattr(self, name) for name in ("width", "batch_size", "epochs")}
        scale = dataclasses.replace(
            scale_named(self.scale), **{name: value for name, value in changes.items() if value is not None}
        )
        recipe = recipe_at(self.step, self.model, scale, self.seed, self.attention, self.guidance, self.fold)
        if self.epochs is not None and recipe.epochs != self.epochs:
            raise BrainsegError(
                f"received {self.epochs} epochs for a training as published, which has {recipe.epochs}: leave out "
                "--epochs, or add --step corrected"
            )
        return recipe


@dataclass(frozen=True)
class Asked:
    """The network that is asked about pictures, and how these show the head."""

    model: Annotated[str, typer.Option("--model", help="unet, linknet, segnet or deeplab.")] = "unet"
    number: Annotated[
        int | None, typer.Option("--slice", help="Which slice of a volume, from 0; else the middle one.")
    ] = None
    upright: Annotated[
        bool | None,
        typer.Option(
            "--upright/--lying",
            help="How the head is shown: front or crown on top, or on the left, as in the study's images. "
            "If not said, DICOM and NIfTI are taken as upright, pictures as lying.",
        ),
    ] = None
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale", help="Ask a corrected run, trained if need be, and not the weights that come with brainseg."
        ),
    ] = None
    dataset: Annotated[str | None, typer.Option("--dataset", help="With --scale: phantom or tumorseg.")] = None
    data: DataFolder = None
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=SEED, help="With --scale: seed of the training run.")
    ] = None

    def files(self, images: list[Path]) -> "tuple[list[Path], list[bool], Reader]":
        """The files that are named or lie in a folder that is named, whether the head stands upright, what reads one.

        All are read once before anything is answered: one that cannot be read should not be found half-way.
        """
        from brainseg.app.progress import Progress
        from brainseg.app.slices import image_files, is_upright, reader

        files, read = image_files(images), reader(self.number)
        for file in Progress("read", len(files)).through(files):
            read(file)
        return files, [is_upright(file) if self.upright is None else self.upright for file in files], read

    def network(self) -> "tuple[Network, str]":
        """The network and what it was trained on: the shipped one, or where a scale is given a run of the store."""
        if self.scale is not None:
            place = Place(self.model, self.dataset or "phantom", self.data, self.scale, self.seed or 0)
            workspace, recipe = place.open()
            return workspace.run(recipe), workspace.dataset.name
        given = {"dataset": self.dataset, "data": self.data, "seed": self.seed}
        if lone := [name for name, value in given.items() if value is not None]:
            raise BrainsegError(
                f"received --{lone[0]} without --scale: add it, or leave both out for the shipped weights"
            )
        architecture(self.model)
        from brainseg.app.weights import shipped

        network = shipped(self.model)
        return network, network.provenance["dataset"]


def spread_out(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take each field of its parameters that are dataclasses as an option of its own."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind)}
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            kind = groups[parameter.name]
            fields = get_type_hints(kind, include_extras=True)
            own = inspect.signature(kind).parameters.values()
            parameters += [one.replace(annotation=fields[one.name], kind=one.KEYWORD_ONLY) for one in own]
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def spread(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})
        command(**given)

    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {one.name: one.annotation for one in parameters}
    return spread


def app() -> None:
    """Run the command line; whatever goes wrong is one line, and exit status 2."""
    log = logging.StreamHandler()
    log.setFormatter(logging.Formatter("brainseg: %(message)s"))
    logging.getLogger("brainseg").handlers = [log]
    logging.getLogger("brainseg").setLevel(logging.INFO)
    try:
        commands()
    except Exception as error:
        if TRACEBACK in os.environ:
            raise
        sys.stderr.write(f"Error: {printable(_line(error))}\n")
        sys.exit(2)
    finally:
        logging.getLogger("brainseg").handlers.remove(log)


def _line(error: Exception) -> str:
    if isinstance(error, BrainsegError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'} cannot be read or written: {error.strerror}"
    if isinstance(error, MemoryError):
        return "there is not enough memory: end other programs, or choose a smaller scale or picture"
    return f"{words(error)}: a fault of brainseg's own, please report it; with {TRACEBACK}=1 it says where"


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
    patients: Annotated[int, typer.Option(min=8, max=10_000, help="Number of patients.")] = 40,
    seed: Annotated[int, typer.Option(min=0, max=SEED, help="Seed: the same seed gives the same files.")] = 0,
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
    from brainseg.data.dataset import default_store
    from brainseg.data.prepare import prepare as prepare_arrays

    prepared = prepare_arrays(root, scale_named(scale).size, (workspace or default_store()) / "prepared", progress=True)
    typer.echo(f"{len(prepared.table)} images of {prepared.size} × {prepared.size} pixels in {prepared.folder}")
    _write_record(record, {"fingerprint": prepared.fingerprint, "images": len(prepared.table)})


@data_commands.command()
def check(
    root: Annotated[
        Path,
        typer.Argument(
            help="Folder of the study's data set, or of any in COCO format: SPLIT/_annotations.coco.json beside its "
            "images, or annotations/instances_SPLIT.json and images/SPLIT."
        ),
    ],
    patient: PatientPattern = None,
    record: Record = None,
) -> None:
    """Report what is odd in a data set, and what was not checked; exit status 1 if anything is odd."""
    from brainseg.data.check import check as check_data

    report = check_data(root, patient, progress=True)
    typer.echo(report.text())
    _write_record(record, report.to_dict())
    raise typer.Exit(report.exit_code)


@commands.command()
@spread_out
def train(chosen: Chosen, record: Record = None) -> None:
    """Train a model; a finished run is found again, an interrupted one goes on."""
    workspace, recipe = chosen.open()
    from brainseg.experiments.select import PROCESSED

    result = workspace.result(recipe)
    trained = result.name.removesuffix(PROCESSED)
    typer.echo(f"{chosen.model}, {STEPS[chosen.step]}: {len(result.history)} epochs, run {trained}")
    _write_text(record, result.to_json())


@commands.command()
@spread_out
def evaluate(chosen: Chosen) -> None:
    """Show the scores of a model on its test images, and beside the published ones; trains it first if need be."""
    workspace, recipe = chosen.open()
    from brainseg.paper.tables import on_borders, summary

    result = workspace.result(recipe)
    typer.echo(f"{chosen.model}, {STEPS[chosen.step]}: the study's metrics\n\n{summary(result).to_string()}\n")
    typer.echo(f"Scores per test image against the tumours' borders\n\n{on_borders([result]).to_string()}")


@commands.command()
@spread_out
def predict(
    images: Annotated[
        list[Path],
        typer.Argument(help="JPEG, PNG, DICOM or NIfTI files with a slice each, or folders of them."),
    ],
    asked: Asked,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the masks and outlines.")] = Path(
        "predictions"
    ),
) -> None:
    """Mark tumours in images: a mask and an outline as PNG, and a line of JSON for each; not a medical device."""
    from brainseg.app.pictures import refuse_to_overwrite
    from brainseg.app.prediction import (
        NOT_A_DEVICE,
        answer_files,
        names,
        of_known_patients,
        predict_slices,
        write_prediction,
    )
    from brainseg.app.progress import Progress

    files, upright, read = asked.files(images)
    called = names(files)
    refuse_to_overwrite((file for name in called for file in answer_files(output, name).values()), files)
    network, _ = asked.network()
    make_folder(output)
    predictions = predict_slices(network, zip(map(read, files), upright, strict=True))
    answers = zip(files, called, upright, predictions, strict=True)
    progress = Progress("answer", len(files))
    for file, name, turned, prediction in progress.through(answers):
        paths = {kind: str(path) for kind, path in write_prediction(prediction, output, name).items()}
        about = {"image": str(file), "upright": turned, "network": network.name}
        progress.print(printable(json.dumps(about | prediction.to_dict() | paths, ensure_ascii=False)))
    typer.echo("\n".join([*of_known_patients(network, files), NOT_A_DEVICE]), err=True)


@commands.command()
@spread_out
def explain(
    image: Annotated[Path, typer.Argument(help="JPEG, PNG, DICOM or NIfTI file with a slice.")],
    asked: Asked,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML page to write; a PNG goes beside it.")] = Path(
        "report.html"
    ),
) -> None:
    """Show what a network marks in an image, what that rests on, and how sure it is; not a medical device."""
    from brainseg.app.slices import is_upright, read_slice

    if output.suffix != ".html":
        raise BrainsegError(f"received -o {output}, expected a name that ends in .html")
    picture = read_slice(image, asked.number)
    from brainseg.app.pictures import refuse_to_overwrite

    refuse_to_overwrite([output, output.with_suffix(".png")], [image])
    network, trained_on = asked.network()
    make_folder(output.parent)
    from brainseg.app.explanation import explain_slice, write_report
    from brainseg.app.prediction import NOT_A_DEVICE, of_known_patients

    explanation = explain_slice(network, picture, is_upright(image) if asked.upright is None else asked.upright)
    drawn = write_report(explanation, network, trained_on, image.name, output)
    typer.echo("\n".join([*explanation.sentences(), *of_known_patients(network, [image]), NOT_A_DEVICE]))
    typer.echo(f"The report is {output}, its pictures {drawn}")


@commands.command()
def export(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of finished runs, as train prints them.")],
    dataset: Annotated[str, typer.Option("--dataset", help="phantom or tumorseg.")] = "tumorseg",
    data: DataFolder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write to; else the package's own.")
    ] = None,
) -> None:
    """Make the weights of finished runs, one for each model, those that predict and explain use."""
    from brainseg.app.export import export as export_run
    from brainseg.app.weights import SHIPPED
    from brainseg.data.dataset import open_dataset
    from brainseg.experiments.run import open_run, read_recipe

    opened = open_dataset(dataset, data, progress=True)
    for folder in (opened.store / "runs" / run for run in runs):
        if not (folder / "run.json").is_file():
            raise BrainsegError(f"there is no finished run {folder}, expected a name that brainseg train printed")
        prepared = opened.prepared(read_recipe(folder).size, progress=True)
        exported = export_run(open_run(folder, prepared), prepared, dataset, output or SHIPPED)
        half = exported.provenance["half_precision"]
        typer.echo(
            f"{exported.file}: {exported.file.stat().st_size / 1e6:.1f} MB; rounding changes the Dice of a test image "
            f"by {half['mean']:.5f} on average, {half['largest']:.4f} at most"
        )


@commands.command()
@spread_out
def saliency(
    guided: Guided,
    images: Annotated[int, typer.Option(min=1, help="At most so many test images.")] = 30,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Only this kind of map; may be repeated.")
    ] = None,
    record: Record = None,
) -> None:
    """Score every kind of saliency map of a corrected model on its test images, beside controls (minutes)."""
    from brainseg.experiments.recorded import MAP_SCORES
    from brainseg.experiments.run import columns
    from brainseg.experiments.saliency import randomisation, score_maps
    from brainseg.saliency import METHODS, known_methods

    methods = known_methods(method or tuple(METHODS))
    workspace, recipe = guided.open()
    run = workspace.run(recipe)
    scores = score_maps(run, workspace.prepared, images, methods, progress=True)
    typer.echo(scores.groupby("map", sort=False)[list(MAP_SCORES)].mean().round(3).to_string())
    destroyed = randomisation(run, workspace.prepared, methods=methods, progress=True)
    _write_record(record, {**_about(run), "scores": columns(scores), "randomisation": columns(destroyed)})


@commands.command("randomise-labels")
@spread_out
def randomise_labels(
    place: Place,
    images: Annotated[int, typer.Option(min=1, help="At most so many test images.")] = 30,
    record: Record = None,
) -> None:
    """Compare a corrected model's saliency maps with those after training with the next seed and on shuffled labels."""
    workspace, recipe = place.open()
    from brainseg.experiments.run import columns
    from brainseg.experiments.saliency import label_randomisation, label_yardsticks

    run = workspace.run(recipe)
    runs = {name: workspace.run(other) for name, other in label_yardsticks(recipe).items()}
    table = label_randomisation(run, runs, workspace.prepared, images, progress=True)
    typer.echo(table.pivot_table("correlation", "map", "network", sort=False).round(3).to_string())
    _write_record(record, {**_about(run), "labels": columns(table)})


@commands.command()
def recompute(
    records: Annotated[
        list[Path],
        typer.Argument(metavar="RECORD...", help="Records of runs, in results/, or folders of those with a network."),
    ],
    data: DataFolder = None,
    table: Annotated[Path | None, typer.Option("--table", help="Write the scores of each image there, as CSV.")] = None,
) -> None:
    """Give the scores of records again, from networks that were kept; exit status 1 if one differs."""
    import pandas as pd

    from brainseg.app.recompute import read_kept, records_in
    from brainseg.app.recompute import recompute as computed
    from brainseg.data.dataset import open_dataset

    chosen = [read_kept(path) for path in records_in(records)]
    if data is None:
        raise BrainsegError(
            f"{chosen[0].record.name} was recorded on the study's images, which are not here: brainseg data fetch "
            "FOLDER gets them (1 GB), then brainseg recompute with --data FOLDER takes about two minutes"
        )
    dataset, beside, agree = open_dataset("tumorseg", data, progress=True), [], True
    for known in chosen:
        found = computed(known, dataset.prepared(known.record.recipe.size, progress=True))
        scores = found.recorded.join(found.now, lsuffix="_recorded", rsuffix="_now")
        scores = scores.assign(run=known.record.name, model=known.record.recipe.model)
        typer.echo(
            f"{_again(known.record.name, scores)}; the largest difference of an image is "
            f"{found.differences['border_dice'].max():.5f} (slice {found.differences['border_dice'].idxmax()})"
            + (
                f"; rounding to half precision, after recording, changed up to {known.rounded:.4f}"
                if known.rounded
                else ""
            )
        )
        beside.append(scores)
        agree &= found.agrees
    together = pd.concat(beside)
    for model, of_model in together.groupby("model", sort=False):
        if of_model["run"].nunique() > 1:
            typer.echo(_again(f"All of {model}", of_model))
    _write_text(table, together.to_csv())
    raise typer.Exit(int(not agree))


def _again(name: str, scores: "pd.DataFrame") -> str:
    was, now = scores["border_dice_recorded"].mean(), scores["border_dice_now"].mean()
    return f"{name}: {len(scores)} images of patients never learnt from; mean Dice recorded {was:.4f}, now {now:.4f}"


@commands.command()
def plan(
    experiments: Annotated[
        list[str] | None, typer.Argument(help="Names of experiments, as experiments.yml lists them.")
    ] = None,
) -> None:
    """Say what the trainings of EXPERIMENTS took where they are recorded, or those like them; of all, if none is named.

    What is trained already, and what make would do now, says snakemake -n.
    """
    from brainseg.experiments.matrix import chosen
    from brainseg.experiments.plan import plan as table_of

    table = table_of(chosen(experiments or []))
    typer.echo(table.to_string(index=False, na_rep="–", float_format="{:.0f}".format))
    missing = table["minutes"].isna().sum()
    typer.echo(f"{len(table)} runs, {table['minutes'].sum() / 60:.1f} hours of one core; {missing} never measured")


@commands.command()
def scores(
    experiment: Annotated[str, typer.Argument(help="Name of a recorded experiment, as experiments.yml lists them.")],
    to: Annotated[Path, typer.Option("--to", help="Write there, and beside it what the columns mean.")],
) -> None:
    """Write every recorded score of EXPERIMENT as CSV, one row per run and image."""
    import pandas as pd

    from brainseg.experiments.recorded import COLUMNS, recorded_scores

    table = recorded_scores(experiment)
    _write_text(to, table.to_csv(index=False))
    meanings = pd.DataFrame(COLUMNS.items(), columns=["column", "meaning"])
    columns = to.with_name(f"{to.stem}.columns.csv")
    _write_text(columns, meanings.to_csv(index=False))
    typer.echo(f"{len(table)} rows of {table['run'].nunique()} runs in {to}, what they mean in {columns}")


@commands.command()
def claims(
    file: Annotated[
        Path | None, typer.Argument(help="A ledger of your own, about the data set of --data; else this book's.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the images; else what is recorded of the study's.")
    ] = None,
    patient: PatientPattern = None,
    live: Annotated[bool, typer.Option("--live", help="Test what is shown live, too, on the phantom.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the ledger with its verdicts.", callback=replaceable)
    ] = None,
) -> None:
    """Test every claim of the study and of this book; exit status 1 if one of the book's own does not hold.

    In a FILE of your own, study is what you audit and book is what you say of it; a claim of the data has the test
    checked.
    """
    if file is not None and data is None:
        raise BrainsegError(f"received {file} and no images, expected --data with the folder that it is about")
    from brainseg.experiments.workspace import Workspace
    from brainseg.paper.claims.evidence import Evidence
    from brainseg.paper.claims.ledger import counts, evaluate, failures, read_claims

    table = evaluate(read_claims(file), Evidence(data, Workspace() if live else None, patient))
    for row in table.to_dict("records"):
        typer.echo(f"{row['verdict']:<16} {row['maker']:<5} {row['id']}: {row['why']}")
    typer.echo(f"\n{counts(table).to_string()}")
    _write_text(json_file, table.to_json(orient="records", indent=2, force_ascii=False) + "\n")
    raise typer.Exit(int(len(failures(table)) > 0))


@commands.command("check-table")
def check_table(
    file: Annotated[
        Path, typer.Argument(help="CSV with a head, or JSON: a row for each method, a column for each score.")
    ],
) -> None:
    """Say what the scores in FILE, a paper's table, imply of each other; exit status 1 if some contradict each other.

    Scores are accuracy, precision, recall, specificity, dice, iou, mean_iou and prevalence (share of tumour), of pixels
    that were pooled: shares, or per cent with a % sign. Each allows what rounds to it.
    """
    from brainseg.paper.claims.checker import POSSIBLE, check, read_table

    rows = [check(name, scores) for name, scores in read_table(file).items()]
    for row in rows:
        typer.echo("\n".join(row.sentences()))
    contradictory = sum(row.verdict != POSSIBLE for row in rows)
    typer.echo(f"\n{contradictory} of {len(rows)} rows contradict themselves")
    raise typer.Exit(int(contradictory > 0))


Variant = Annotated[
    str | None,
    typer.Option("--variant", help="A seed that you keep: its class gets other numbers in the exercises."),
]
NewFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder to make; it must not exist yet, or be empty.")]


@commands.command()
def chapter(
    number: Annotated[str, typer.Argument(metavar="CHAPTER", help="Number or name of a chapter, such as 06.")],
    output: NewFolder,
    student: Annotated[
        bool, typer.Option("--student/--instructor", help="Without the answers of the exercises, or with them.")
    ] = True,
    variant: Variant = None,
) -> None:
    """Make a folder to hand out: CHAPTER as a notebook, the package, what to install, and how to run it."""
    from brainseg.paper.course.editions import script_of, write_edition

    write_edition(script_of(number), output, student, variant)
    size = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    typer.echo(f"{output}: {size:.1f} MB, {'without' if student else 'with'} answers; README.md says how to run it")


@commands.command()
def course(
    output: NewFolder,
    chapters: Annotated[
        list[str] | None, typer.Argument(metavar="CHAPTER...", help="Numbers or names of chapters; else all.")
    ] = None,
    variant: Variant = None,
) -> None:
    """Make a course of nbgrader's with CHAPTERS as assignments; its own commands do the rest."""
    from brainseg.paper.course.editions import script_of, scripts, write_course

    chosen = [script_of(one) for one in chapters] if chapters else scripts()
    write_course(chosen, output, variant)
    typer.echo(
        f"{output}: {len(chosen)} assignments. Next: cd {output} && nbgrader generate_assignment {chosen[0].stem}"
    )


def _about(run: "Run") -> dict[str, object]:
    """Which run a record is about."""
    return {"name": run.name, "recipe": run.recipe.to_dict(), "provenance": run.provenance}


def _write_record(path: Path | None, record: dict[str, object]) -> None:
    _write_text(path, json.dumps(record, indent=2) + "\n")


def _write_text(path: Path | None, text: str) -> None:
    if path is not None:
        write_whole(path, text)
