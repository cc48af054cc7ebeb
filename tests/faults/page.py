"""The page of the book that lists the cases: ``python -m tests.faults.page`` writes it."""

from itertools import groupby

from brainseg.data.outside import printable
from tests.conftest import REPOSITORY
from tests.faults.cases import all_cases

PAGE = REPOSITORY / "book" / "faults.md"

HEAD = """# What happens to bad input

Given bad input, a command ends with one line that says what was wrong, where, and what to do, and with exit status 2;
an option out of its range, with a box that says what is expected. What was there before is there after, and nothing is
half-written. This is tested case by case; of the tests this page is made (`python -m tests.faults.page`).
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    for kind, cases in groupby(all_cases(), key=lambda case: case.kind):
        rows = [f"| {case.what} | `brainseg {_command(case.command)}` | … {_text(case.line)} … |" for case in cases]
        parts += [
            f"\n## {kind[0].upper()}{kind[1:]}\n",
            "| input | command | a part of the line |\n|---|---|---|",
            *rows,
        ]
    return "\n".join(parts) + "\n"


def _command(words: tuple[str, ...]) -> str:
    return printable(" ".join(words).replace("{}/", "")).replace("|", "\\|")


def _text(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
