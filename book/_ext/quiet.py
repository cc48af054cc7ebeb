"""A Sphinx extension that makes pages quieter.

Code folds to one word, a badge says which images an output is about, and a line how long a chapter takes.
"""

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.locale import get_translation

from brainseg.paper.build.prose import COPIES, STUDY, minutes_to_read

word = get_translation("pages")
"""A word in the language of the book; ``translated.py`` opens the catalogue."""

FOLD = re.compile(r'<details class="[^"]*\bhide\b[^"]*">\s*<summary[^>]*>.*?</summary>', re.DOTALL)


CELL = re.compile(r'(?=<div class="cell )')
EXERCISE = re.compile(r'<div class="cell [^"]*\btag_(solution|checks)\b')
MARKER = re.compile(r' *<span class="c1">### (?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS)</span>\n?')


def fold(page: str) -> str:
    """Replace the bar above each folded cell, whose label is not what it shows, by one word.

    >>> bar = '<details class="admonition hide above-input"><summary aria-label="Toggle"><p>Show code</p></summary>'
    >>> fold(bar)
    '<details class="hide"><summary>Code</summary>'
    >>> fold(f'<div class="cell tag_solution">{bar}').removeprefix('<div class="cell tag_solution">')
    '<details class="hide"><summary>Solution</summary>'
    """

    def cell(part: str) -> str:
        found = EXERCISE.match(part)
        name = word(found[1].capitalize() if found else "Code")
        return FOLD.sub(f'<details class="hide"><summary>{name}</summary>', MARKER.sub("", part) if found else part)

    return "".join(map(cell, CELL.split(page)))


ABOUT = re.compile(r'<div class="cell [^"]*\btag_of-(study|copy)\b')
OUTPUT = '<div class="cell_output docutils container">'


def badged(page: str, copy: str) -> str:
    """Put a badge before the outputs of each cell that is about images.

    >>> badged('<div class="cell tag_of-copy docutils">' + OUTPUT, "phantom").removesuffix(OUTPUT)
    '<div class="cell tag_of-copy docutils"><p class="of of-phantom">phantom</p>'
    """

    def cell(part: str) -> str:
        if not (found := ABOUT.match(part)):
            return part
        words = STUDY if found[1] == "study" else COPIES[copy]
        kind = "study" if words == STUDY else "phantom"
        return part.replace(OUTPUT, f'<p class="of of-{kind}">{word(words)}</p>{OUTPUT}', 1)

    return "".join(map(cell, CELL.split(page)))


def facts(words: int, seconds: float) -> str:
    """How long a chapter takes.

    >>> facts(2650, 41.3)
    '<p class="facts">About 15 minutes to read; its code runs in 1 minute.</p>'
    """
    running = max(1, round(seconds / 60))
    said = word("About {reading} minutes to read; its code runs in {running} minute.")
    if running > 1:
        said = word("About {reading} minutes to read; its code runs in {running} minutes.")
    return f'<p class="facts">{said.format(reading=minutes_to_read(words), running=running)}</p>'


def prose(doctree: nodes.document) -> int:
    """Words of a page outside code and tables."""
    return sum(len(part.astext().split()) for part in doctree.findall(nodes.paragraph))


def quieten(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Fold the code of a page, put badges on it, and say how long it takes."""
    if "body" in context:
        copy = Path(app.srcdir, "book", "copy.txt")
        dataset = copy.read_text(encoding="utf-8") if copy.is_file() else "phantom"
        context["body"] = badged(fold(context["body"]), dataset)
        made = Path(app.srcdir, f"{name}.json")
        if doctree is not None and made.is_file():
            seconds = json.loads(made.read_text(encoding="utf-8"))["seconds"]
            context["body"] = context["body"].replace("</h1>", f"</h1>{facts(prose(doctree), seconds)}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("html-page-context", quieten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
