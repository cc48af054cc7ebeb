"""MyST Markdown as any Jupyter shows it: roles, directives and links become words."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pybtex.database import BibliographyData, Entry  # type: ignore[import-untyped]
from pybtex.richtext import Text  # type: ignore[import-untyped]

from brainseg.errors import BrainsegError
from brainseg.paper.build.prose import resolved

ROLE: Final = re.compile(r"\{(?P<role>[a-z:]+)\}`(?P<text>[^`<]*?)\s*(?:<(?P<target>[^`>]+)>)?`")
BEGINS: Final = re.compile(r"(^|[.?!])\s*$")
"""What stands before a sentence."""

LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?!https?:)[^)]+\)")
DIRECTIVE: Final = re.compile(
    r"^(?P<fence>```|:::)\{(?P<name>\w+)\} *(?P<title>[^\n]*)\n(?::\w+:[^\n]*\n)*(?P<body>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)


class Words:
    """What the roles of a chapter stand for.

    Args:
        values: Glued ones, by name.
        figures: Numbers of figures, by name.
        references: The bibliography.
    """

    def __init__(self, values: Mapping[str, str], figures: Mapping[str, int], references: BibliographyData) -> None:
        self.values, self.figures, self.references = values, figures, references
        self.cited: dict[str, Entry] = {}

    def plain(self, text: str) -> str:
        """A text without roles, directives and links into the book.

        Raises:
            BrainsegError: If it has a role or a directive that is not known here.
        """
        text = DIRECTIVE.sub(_directive, resolved(text, self.values))
        return LINK.sub(r"\g<text>", ROLE.sub(self._role, text))

    def _role(self, found: re.Match[str]) -> str:
        role, text = found["role"], " ".join(found["text"].split())
        said: dict[str, Callable[[], str]] = {
            "term": lambda: text,
            "ref": lambda: text,
            "numref": lambda: (
                f"{'Figure' if BEGINS.search(found.string[: found.start()]) else 'figure'} {self.figures[text]}"
            ),
            "cite:p": lambda: f"({'; '.join(self._cited(key.strip()) for key in text.split(','))})",
        }
        try:
            return said[role]()
        except KeyError as error:
            raise BrainsegError(f"received {found[0]}, and nothing says what {error} is in plain words") from error

    def _cited(self, key: str) -> str:
        self.cited[key] = self.references.entries[key]
        return cited_as(self.cited[key])

    def bibliography(self) -> list[str]:
        """What was cited so far, one line each, by author."""
        return sorted(
            f"{cited_as(entry)}: {_unicode(entry.fields['title'])}."
            + (f" https://doi.org/{entry.fields['doi']}" if "doi" in entry.fields else "")
            for entry in self.cited.values()
        )


def cited_as(entry: Entry) -> str:
    r"""Author and year.

    >>> from pybtex.database import Person
    >>> cited_as(Entry("book", {"year": "1906"}, {"author": [Person(r'Schr{\"o}dinger, Erwin')]}))
    'Schrödinger 1906'
    """
    names = [_unicode(" ".join(person.prelast_names + person.last_names)) for person in entry.persons["author"]]
    first = " and ".join(names) if len(names) <= 2 else f"{names[0]} et al."
    return f"{first} {entry.fields['year']}"


def _unicode(latex: str) -> str:
    return str(Text.from_latex(latex))


def _directive(found: re.Match[str]) -> str:
    if found["name"] not in ("admonition", "dropdown"):
        raise BrainsegError(f"received the directive {found['name']}, expected admonition or dropdown")
    lines = [f"**{found['title']}**", "", *found["body"].strip().split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def captioned(about: Mapping[str, Any], number: int) -> str:
    """The caption of a figure, below it."""
    return f"*Figure {number}.* {about['caption']}"
