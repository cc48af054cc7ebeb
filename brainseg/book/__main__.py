"""What the Snakefile calls: ``python -m brainseg.book execute|check|stage|graph|site``."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from brainseg.book.chapters import check_executed, execute_chapter
from brainseg.book.graph import rule_graph, svg
from brainseg.book.site import broken_links, missing_pages
from brainseg.errors import BrainsegError

app = typer.Typer(add_completion=False, no_args_is_help=True)

LOCK = Path("requirements.lock")
Parameters = Annotated[list[str], typer.Option("--parameter", help="NAME=VALUE, VALUE in the form of Python or text.")]


@app.command()
def execute(source: Path, target: Path, parameter: Parameters = []) -> None:  # noqa: B006 (Typer copies it)
    """Execute the chapter SOURCE and write the notebook TARGET."""
    execute_chapter(source, target, LOCK, _parameters(parameter))


@app.command()
def check(notebook: Path, source: Path, parameter: Parameters = []) -> None:  # noqa: B006
    """Refuse NOTEBOOK if it has errors, or is older than what it was made from."""
    check_executed(notebook, source, LOCK, _parameters(parameter))


@app.command()
def stage(folder: Path) -> None:
    """Copy the book's pages and settings to FOLDER, beside the executed notebooks."""
    shutil.rmtree(folder / "book", ignore_errors=True)
    shutil.copytree("book", folder / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(name, folder)


@app.command()
def graph(target: Path) -> None:
    """Draw the rules of the Snakefile, as Snakemake tells them, to the SVG file TARGET."""
    target.write_text(svg(rule_graph()), encoding="utf-8")


@app.command()
def site(folder: Path, toc: Path) -> None:
    """Refuse a built book with missing pages or links that lead nowhere."""
    found = [f"page missing: {page}" for page in missing_pages(folder, toc)]
    found += [f"broken link: {link}" for link in broken_links(folder)]
    if found:
        raise BrainsegError("\n".join([f"{folder} is not complete:", *found]))


def _parameters(pairs: list[str]) -> dict[str, str | int]:
    parsed: dict[str, str | int] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise BrainsegError(f"--parameter {pair!r} has no '=': write it as NAME=VALUE")
        parsed[name] = int(value) if value.isdecimal() else value
    return parsed


if __name__ == "__main__":
    try:
        app()
    except BrainsegError as error:
        sys.exit(f"Error: {error}")
