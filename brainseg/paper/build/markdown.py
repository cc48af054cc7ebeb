"""Markdown that the generated pages share."""

from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with a head.

    >>> print(table(["run", "epochs"], [["unet", "30"]]))
    | run | epochs |
    | --- | --- |
    | unet | 30 |
    """
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
