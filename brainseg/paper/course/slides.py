"""A chapter as slides: one file of HTML that needs no network, a slide for each section, figure, table and exercise."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

import nbformat
from docutils.utils.math.latex2mathml import tex2mathml  # type: ignore[import-untyped]
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

from brainseg import __version__
from brainseg.paper.build.prose import COPIES, STUDY
from brainseg.paper.course.editions import words_of
from brainseg.paper.course.exercises import GRADED, HEAD
from brainseg.paper.course.plain import Words

LINES, CHARACTERS = 20, 1200
"""Rows of a table or lines, and characters of prose, that fit on a slide; what has more stands in the chapter."""

BADGES: Final = {"of-study": ("study", STUDY), "of-copy": ("phantom", COPIES["phantom"])}
KINDS: Final = ("image/svg+xml", "image/png", "text/html", "text/markdown", "text/plain")
"""Of output, the one to be shown first."""

PART: Final = re.compile(r"^(?=##+ )", re.MULTILINE)
SENTENCE: Final = re.compile(r"(?:(?<=[.?!])(?<!al\.)|(?<=[.?!]\*\*))\s+(?=[A-Z\d“(*])")
MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).use(
    dollarmath_plugin, renderer=lambda tex, about: tex2mathml(tex, as_block=about["display_mode"])
)


@dataclass
class Deck:
    """Slides, HTML, and what is said but not shown yet.

    Attributes:
        title: Of the section that is open.
        opening: Its first paragraph, which gets a slide in any case.
        near: The paragraph right above what comes next.
    """

    title: str = ""
    opening: str = ""
    near: str = ""
    slides: list[str] = field(default_factory=list)

    def add(self, shown: str = "", said: str = "", kind: str = "") -> None:
        """Add a slide with the title of the section, a finding and what shows it."""
        number = len(self.slides) + 1
        level = "h2" if self.slides else "h1"
        self.slides.append(
            f'<section id="{number}" class="{kind}" aria-labelledby="title-{number}" tabindex="-1">'
            f'<{level} id="title-{number}">{line(self.title)}</{level}>{finding(said)}{shown}'
        )

    def flush(self) -> None:
        """Give the opening of a section its slide, where nothing has taken it."""
        if self.opening:
            self.add(said=self.opening)
        self.opening = ""

    def whole(self) -> Iterator[str]:
        """The slides with their numbers."""
        for number, slide in enumerate(self.slides, start=1):
            yield f'{slide}<p class="number"><span>Slide</span> {number} / {len(self.slides)}</p></section>'


def slides(notebook: NotebookNode, chapter: str) -> str:
    """An executed chapter as a page of slides, without the solutions of its exercises.

    Args:
        chapter: Its name, which begins with its number.
    """
    deck, words = Deck(), words_of(notebook)
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if tags & {"solution", *GRADED}:
            continue
        if cell.cell_type == "code":
            for shown in _outputs(cell, words):
                _show(deck, shown)
        else:
            for part in PART.split(words.plain(cell.source)):
                _say(deck, part)
    deck.flush()
    page = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    title = MARKDOWN.renderInline(notebook.cells[0].source.partition("\n")[0].removeprefix("# "))
    return page.substitute(title=title, number=int(chapter[:2]), slides="\n".join(deck.whole()))


def finding(text: str) -> str:
    """A paragraph whose first sentence is set large.

    >>> finding("It is blank. Why?")
    '<p class="finding">It is blank.</p><p>Why?</p>'
    """
    if not text or text.startswith(("- ", "1. ", "> ", "```", "|")):
        return str(MARKDOWN.render(text))
    first, *rest = SENTENCE.split(text, maxsplit=1)
    return f'<p class="finding">{line(first)}</p>' + "".join(str(MARKDOWN.render(one)).strip() for one in rest)


def line(text: str) -> str:
    """Markdown without the paragraph around it."""
    return str(MARKDOWN.renderInline(text))


def _say(deck: Deck, text: str) -> None:
    """Take in a part of the prose, with at most one heading, at its top."""
    if exercise := HEAD.fullmatch(text.strip()):
        deck.flush()
        deck.title = exercise["title"]
        effort = f"Exercise · {exercise['level'].lower()}, {exercise['minutes']} minutes"
        deck.add(f'<p class="badge">{effort}</p>{MARKDOWN.render(exercise["task"])}', kind="exercise")
        return
    heading = re.match(r"(#+) (.*)\n*", text)
    paragraphs = re.split(r"\n\s*\n", text[heading.end() if heading else 0 :].strip())
    if heading:
        deck.flush()
        deck.title = heading[2]
    if heading and heading[1] == "#":
        _begin(deck, paragraphs)
    elif deck.title != "Exercises":
        deck.opening, deck.near = paragraphs[0] if heading else deck.opening, paragraphs[-1]


def _begin(deck: Deck, paragraphs: list[str]) -> None:
    """The slides at the head of a chapter: its answer, and what to know before."""
    quoted = "\n".join(paragraphs).split("\n")
    before = "\n".join(text.removeprefix(">").strip() for text in quoted if text.startswith(">"))
    needs, _, answer = before.partition("**The answer**")
    answer = answer.removeprefix(":").strip()
    made = f'<p class="made">brainseg {__version__}, by the brainseg authors, CC BY 4.0</p>'
    deck.add(made, answer[:1].upper() + answer[1:], "first")
    deck.title, _, needs = needs.partition("\n")
    deck.title = deck.title.strip("*")
    deck.add(str(MARKDOWN.render(needs.replace("**You need**", "\n\n**You need**"))))


def _show(deck: Deck, shown: tuple[str, str]) -> None:
    """Put an output on a slide: a figure says itself what is found, a table takes the paragraph right above it."""
    said, markup = shown
    if not said and deck.near == deck.opening:
        deck.opening = ""
    deck.flush()
    deck.add(markup, said or deck.near)
    deck.near = ""


def _outputs(cell: NotebookNode, words: Words) -> Iterator[tuple[str, str]]:
    """What a cell shows: what a figure finds, or nothing, and HTML."""
    tags = cell.metadata.get("tags", [])
    badges = "".join(f'<p class="badge {kind}">{text}</p>' for tag, (kind, text) in BADGES.items() if tag in tags)
    code = "" if {"hide-input", "remove-input"} & set(tags) else _code(cell.source)
    for output in cell.outputs:
        found = output.get("data", {})
        kind = next((kind for kind in KINDS if kind in found), "")
        if kind.startswith("image/"):
            said, markup = _figure(cell.metadata.get("mystnb", {}), words, _embedded(kind, found[kind]))
            yield said, badges + markup
        elif kind:
            yield "", badges + code + _text(kind, found[kind])


def _figure(about: Mapping[str, Any], words: Words, address: str) -> tuple[str, str]:
    """The first sentence of a caption, and the figure above the others."""
    first, *rest = SENTENCE.split(words.plain(about.get("figure", {}).get("caption", "")), maxsplit=1)
    number = f"Figure {words.figures[about['figure']['name']]}. " if "figure" in about else ""
    caption = f"<figcaption>{line(number + ' '.join(rest))}</figcaption>" if number else ""
    alt = escape(about.get("image", {}).get("alt", ""))
    return first, f'<figure><img alt="{alt}" src="{address}">{caption}</figure>'


def _embedded(kind: str, picture: str) -> str:
    data = base64.b64encode(picture.encode()).decode() if kind == "image/svg+xml" else picture.replace("\n", "")
    return f"data:{kind};base64,{data}"


def _text(kind: str, text: str) -> str:
    """A table, a list, code or a value; where it is long, how long."""
    caption = re.search(r"<caption>.*?</caption>", text, re.DOTALL)
    rows = text.count("<tr>") if kind == "text/html" else len(text.strip().split("\n"))
    if rows > LINES or (kind == "text/markdown" and len(text) > CHARACTERS):
        named = caption[0].replace("caption>", "p>") if caption else ""
        return f'{named}<p class="long">{rows} lines, too many for a slide: they stand in the chapter.</p>'
    if kind == "text/markdown":
        text = MARKDOWN.render(text)
    markup = f"<pre>{escape(text)}</pre>" if kind == "text/plain" else text
    many = " many" if rows > LINES / 3 else ""
    return f'<div class="wide{many}" tabindex="0" role="group" aria-label="Table or code">{markup}</div>'


def _code(source: str) -> str:
    return f'<pre class="wide" tabindex="0"><code>{escape(source)}</code></pre>'


def write_slides(notebook: Path, folder: Path) -> Path:
    """Write the slides of an executed chapter into a folder; their file."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{notebook.stem}.html"
    target.write_text(slides(nbformat.read(notebook, as_version=4), notebook.stem), encoding="utf-8")
    return target
