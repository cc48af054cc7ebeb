"""What the Snakefile and the Makefile call: ``python -m brainseg.paper.build COMMAND``, see ``--help``."""

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

from brainseg import __version__
from brainseg.errors import BrainsegError
from brainseg.experiments.stored import FOLDER, keep
from brainseg.paper.build.architecture import WORDS, arrows
from brainseg.paper.build.asked import recipes
from brainseg.paper.build.chapters import DAY, check_executed, execute_chapter
from brainseg.paper.build.graph import RULES, layered, rule_graph
from brainseg.paper.build.site import broken_links, missing_pages
from brainseg.paper.build.status import status
from brainseg.paper.course.reading import write_reading

app = typer.Typer(add_completion=False, no_args_is_help=True)

LOCK = Path("requirements.lock")
Parameters = Annotated[list[str], typer.Option("--parameter", help="NAME=VALUE, for the seed a whole number.")]
PreparedData = Annotated[Path, typer.Option("--prepared", help="What `brainseg data prepare --record` wrote.")]


@app.command()
def execute(
    source: Path,
    target: Path,
    prepared: PreparedData,
    parameter: Parameters = [],  # noqa: B006
    limit: Annotated[int, typer.Option(min=1, help="Seconds that a cell may take.")] = DAY,
) -> None:
    """Execute the chapter SOURCE and write the notebook TARGET."""
    execute_chapter(source, target, LOCK, _parameters(parameter), _fingerprint(prepared), limit)


@app.command()
def check(notebooks: list[Path], prepared: PreparedData, parameter: Parameters = []) -> None:  # noqa: B006
    """Refuse NOTEBOOKS that have errors, or are older than what they were made from."""
    for notebook in notebooks:
        source = Path("notebooks", f"{notebook.stem}.py")
        check_executed(notebook, source, LOCK, _parameters(parameter), _fingerprint(prepared))


@app.command()
def committed() -> None:
    """Refuse committed chapters, records and claims that do not fit each other; takes seconds and computes nothing."""
    from brainseg.paper.build.committed import grouped, repository_faults

    if found := grouped(repository_faults(Path.cwd())):
        raise BrainsegError("\n".join(["the committed state is not consistent:", *found]))


@app.command()
def compare(notebooks: list[Path]) -> None:
    """Refuse executed NOTEBOOKS whose outputs are not those of the committed chapters."""
    from brainseg.paper.build.agreement import same_arithmetic
    from brainseg.paper.build.reproduced import differences

    rounding = not same_arithmetic()
    found = [line for path in notebooks for line in differences(path, Path("notebooks", path.name), rounding)]
    if found:
        raise BrainsegError("\n".join(["these outputs are not the committed ones:", *found]))
    print(f"The outputs of {len(notebooks)} chapters are the committed ones{' within rounding' if rounding else ''}.")


@app.command()
def stage(
    folder: Path,
    prepared: PreparedData,
    course: Annotated[str, typer.Option(help="Of book/courses.yml: its pages come first.")] = "",
    locale: Annotated[str, typer.Option(help="Language, of those in book/locale; else English.")] = "",
) -> None:
    """Put the book's pages and settings, and what is made for each build, into FOLDER."""
    from brainseg.experiments.recorded import recorded
    from brainseg.experiments.workspace import Workspace
    from brainseg.paper.build.api import write_pages
    from brainseg.paper.build.citation import how_to_cite
    from brainseg.paper.build.lab import write_parts
    from brainseg.paper.build.translation import write_language
    from brainseg.paper.course.classroom import RECORD, needs

    shutil.rmtree(folder / "book", ignore_errors=True)
    shutil.copytree("book", folder / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(name, folder)
    if course:
        write_reading(folder, course)
    if locale:
        write_language(folder, locale)
    write_parts(folder / "book", Workspace())
    write_pages(folder / "book" / "api")
    (folder / "book" / "citation.txt").write_text(how_to_cite(Path("CITATION.cff")), encoding="utf-8")
    (folder / "book" / "classroom.txt").write_text(needs(recorded(RECORD)), encoding="utf-8")
    (folder / "book" / "copy.txt").write_text(prepared.stem.partition("-")[0], encoding="utf-8")
    (folder / "book" / "status-tables.txt").write_text(status(folder.parent, prepared, LOCK), encoding="utf-8")


@app.command()
def gettext(target: Path) -> None:
    """Write the prose of the committed pages to the folder TARGET, as templates for translations."""
    from brainseg.paper.build.translation import pages, write_templates

    write_templates(Path.cwd(), target, pages(Path.cwd()))
    print(f"The templates are ready: {target}")


@app.command()
def slides(chapter: str, folder: Path = Path("build/slides")) -> None:
    """Make the slides of a CHAPTER, by its number or name, from its committed notebook, in FOLDER."""
    from brainseg.paper.course.editions import script_of
    from brainseg.paper.course.slides import write_slides

    print(f"The slides are ready: open {write_slides(script_of(chapter).with_suffix('.ipynb'), folder)}")


@app.command()
def networks(folder: Path = Path(FOLDER)) -> None:
    """Store the networks that the chapters ask for in FOLDER, in place of those that are there."""
    from brainseg.experiments.workspace import Workspace

    workspace = Workspace()
    shutil.rmtree(folder, ignore_errors=True)
    for recipe in recipes(Path("notebooks")):
        keep(workspace.run(recipe), folder)


@app.command()
def pictures(folder: Path = Path("book/_static")) -> None:
    """Draw into FOLDER what pages show: the workflow, the rooms of the code, and a box with a border."""
    from brainseg.data.dataset import open_dataset
    from brainseg.plotting import box_against_border

    (folder / "workflow.svg").write_text(layered(rule_graph(), RULES), encoding="utf-8")
    (folder / "architecture.svg").write_text(layered(arrows(), WORDS), encoding="utf-8")
    phantom = open_dataset("phantom").prepared(256)
    row = int(phantom.masks["border"].sum(axis=(1, 2)).argsort(kind="stable")[-len(phantom.table) // 3])
    masks = (phantom.masks[kind][row] for kind in ("box", "border"))
    picture = box_against_border(phantom.images[row], *masks)
    picture.savefig(folder / "box-and-border.png", bbox_inches="tight", metadata={"Software": None})


@app.command()
def site(folder: Path, toc: Path) -> None:
    """Refuse a built book with missing pages or links that lead nowhere."""
    found = [f"page missing: {page}" for page in missing_pages(folder, toc)]
    found += [f"broken link: {link}" for link in broken_links(folder)]
    if found:
        raise BrainsegError("\n".join([f"{folder} is not complete:", *found]))


@app.command()
def pdf(folder: Path, toc: Path) -> None:
    """Print the whole of a built book, into a file beside its folder."""
    from brainseg.paper.build.printed import print_pdf, whole

    page, target = folder.with_name("whole.html"), folder.with_name(f"brainseg-{__version__}.pdf")
    page.write_text(whole(folder, toc), encoding="utf-8")
    print_pdf(page, target)
    print(f"The PDF is ready: open {target}")


@app.command()
def publish(folder: Path, site: Path) -> None:
    """Put a built book into the folder SITE of a static host, as the version that it is."""
    from brainseg.paper.build.publish import add_version

    settings = yaml.safe_load(Path("_config.yml").read_text(encoding="utf-8"))
    add_version(folder, site, __version__, settings["title"])
    print(f"Version {__version__} is ready to be uploaded: {site}")


@app.command()
def cards(target: Path = Path("book/models.md")) -> None:
    """Write the page of model cards from the records that are shipped with the weights, and those of the folds."""
    from brainseg.app.weights import shipped
    from brainseg.experiments.recorded import recorded_runs
    from brainseg.models import MODELS
    from brainseg.paper.build.cards import page

    folds = (*recorded_runs("folds"), *recorded_runs("laptop-folds"))
    target.write_text(page([shipped(model) for model in MODELS], folds), encoding="utf-8")


@app.command()
def benchmarks(target: Path = Path("book/benchmarks.md")) -> None:
    """Write the page of benchmarks from what ``make bench`` recorded."""
    from brainseg.experiments.recorded import recorded
    from brainseg.paper.build.benchmarks import RECORD, page

    target.write_text(page(recorded(RECORD)), encoding="utf-8")


def _fingerprint(prepared: Path) -> str:
    return str(json.loads(prepared.read_text(encoding="utf-8"))["fingerprint"])


def _parameters(pairs: list[str]) -> dict[str, str | int]:
    parsed: dict[str, str | int] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise BrainsegError(f"--parameter {pair!r} has no '=': write it as NAME=VALUE")
        parsed[name] = int(value) if name == "seed" else value
    return parsed


if __name__ == "__main__":
    try:
        app()
    except BrainsegError as error:
        sys.exit(f"Error: {error}")
