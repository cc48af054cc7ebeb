"""Courses as reading orders: the book with the pages of one first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from brainseg.errors import known


def ordered(contents: Mapping[str, Any], title: str, pages: list[str]) -> dict[str, Any]:
    """A table of contents, as ``_toc.yml`` has it, with some pages first, and the others where they were.

    Chapters have no numbers then: the text calls them by those that they have in the whole book.

    >>> parts = [{"caption": "All", "numbered": True, "chapters": [{"file": "a"}, {"file": "b"}]}]
    >>> [[one["file"] for one in part["chapters"]] for part in ordered({"parts": parts}, "First", ["b"])["parts"]]
    [['b'], ['a']]
    """
    rest = [
        {"caption": part["caption"], "chapters": [one for one in part["chapters"] if one["file"] not in pages]}
        for part in contents["parts"]
    ]
    first = {"caption": title, "chapters": [{"file": page} for page in pages]}
    return {**contents, "parts": [first, *(part for part in rest if part["chapters"])]}


def write_reading(folder: Path, course: str) -> None:
    """Put the pages of a course first in the contents of a staged book, and its title on it."""
    courses = yaml.safe_load((folder / "book" / "courses.yml").read_text(encoding="utf-8"))
    about = courses[known(course, courses, "COURSE")]
    toc, config = folder / "_toc.yml", folder / "_config.yml"
    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    toc.write_text(yaml.safe_dump(ordered(contents, about["title"], about["pages"]), sort_keys=False), encoding="utf-8")
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["title"] = settings["sphinx"]["config"]["html_theme_options"]["logo"]["text"] = about["title"]
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
