"""The picture of the rules: what Snakemake says of itself, as an SVG of a few lines that can be read and compared."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from brainseg.errors import BrainsegError
from brainseg.plotting.style import INK, SOFT

Edge = tuple[str, str]

TARGETS: Final = (("ladder", "book", "results"), ("saliency", "results"))
"""An experiment, and what is asked for with it: together they need every rule that is drawn."""

WORDS: Final = {
    "phantom": "simulated images",
    "prepare": "arrays at one size",
    "run": "one training",
    "saliency": "scores of maps",
    "chapter": "executed notebook",
    "results": "recorded in results/",
    "book": "these pages",
}
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 150, 46, 190, 92, 12


def rule_graph() -> list[Edge]:
    """Which rule feeds which, sorted, from ``snakemake --rulegraph``; run it in the repository.

    Raises:
        BrainsegError: If Snakemake fails.
    """
    edges: set[Edge] = set()
    with tempfile.TemporaryDirectory() as nothing_made:
        for experiment, *targets in TARGETS:
            settings = ["dataset=phantom", f"experiment={experiment}"]
            command = ["snakemake", "--rulegraph", "dot", *targets, "--config", *settings]
            environment = os.environ | {"BRAINSEG_WORKSPACE": nothing_made}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise BrainsegError(f"Snakemake cannot tell the graph of {experiment}: {done.stderr.strip()[-300:]}")
            edges |= set(edges_of(done.stdout))
    return sorted(edges)


def edges_of(dot: str) -> list[Edge]:
    """The edges of a graph in the language of Graphviz, by the labels of their ends.

    >>> edges_of('0[label = "run", color = "0.1"]; 1[label = "prepare"]; 1 -> 0')
    [('prepare', 'run')]
    """
    labels = dict(re.findall(r'(\d+)\s*\[\s*label = "(\w+)', dot))
    return sorted((labels[start], labels[end]) for start, end in re.findall(r"(\d+) -> (\d+)", dot))


def layers(edges: Iterable[Edge]) -> list[list[str]]:
    """The nodes in layers: each as far down as its longest way from a start.

    >>> layers([("prepare", "run"), ("run", "chapter"), ("prepare", "chapter")])
    [['prepare'], ['run'], ['chapter']]
    """
    sources: dict[str, set[str]] = {}
    for start, end in edges:
        sources.setdefault(start, set())
        sources.setdefault(end, set()).add(start)
    depth: dict[str, int] = {}

    def deep(node: str) -> int:
        if node not in depth:
            depth[node] = 1 + max(map(deep, sources[node]), default=-1)
        return depth[node]

    found: list[list[str]] = [[] for _ in range(1 + max(map(deep, sources)))]
    for node in sorted(sources):
        found[depth[node]].append(node)
    return found


def svg(edges: Iterable[Edge]) -> str:
    """Draw the rules as boxes, the first on top, and who feeds whom as arrows."""
    edges = list(edges)
    rows = layers(edges)
    wide = max(map(len, rows))
    places = {
        node: (MARGIN + (column + (wide - len(row)) / 2) * ACROSS, MARGIN + level * DOWN)
        for level, row in enumerate(rows)
        for column, node in enumerate(row)
    }
    size = 2 * MARGIN + (wide - 1) * ACROSS + WIDTH, 2 * MARGIN + (len(rows) - 1) * DOWN + HEIGHT
    parts = [_arrow(edge, places) for edge in edges] + [_box(node, *place) for node, place in places.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif">\n'
        "<title>The rules of the workflow and what feeds what</title>\n"
        f'<rect width="{size[0]}" height="{size[1]}" fill="white"/>\n'
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{SOFT}"/></marker>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _box(node: str, x: float, y: float) -> str:
    middle = x + WIDTH / 2
    return (
        f'<g id="rule-{node}"><rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#dcebf7" '
        f'stroke="#0072b2"/><text x="{middle:g}" y="{y + 19:g}" text-anchor="middle" font-size="14" font-weight="bold" '
        f'fill="{INK}">{node}</text><text x="{middle:g}" y="{y + 36:g}" text-anchor="middle" font-size="11.5" '
        f'fill="{INK}">{escape(WORDS.get(node, ""))}</text></g>'
    )


def _arrow(edge: Edge, places: Mapping[str, tuple[float, float]]) -> str:
    return (
        f'<path id="edge-{edge[0]}-{edge[1]}" d="{_path(edge, places)}" fill="none" stroke="{SOFT}" '
        'stroke-width="1.5" marker-end="url(#head)"/>'
    )


def _path(edge: Edge, places: Mapping[str, tuple[float, float]]) -> str:
    """From box to box; past the boxes of the layers between, if there are any."""
    (x, y), (to_x, to_y) = (places[node] for node in edge)
    between = [left for left, top in places.values() if y < top < to_y]
    side = 1 if to_x > x else -1
    x, to_x = x + WIDTH / 2, to_x + WIDTH / 2
    start, end = y + HEIGHT, to_y - 1
    if not between or x == to_x:
        return f"M{x:g} {start:g}C{x:g} {start + 25:g} {to_x:g} {end - 25:g} {to_x:g} {end:g}"
    if not any(left < x < left + WIDTH for left in between):  # straight down, and in from the side
        middle, edge_x = to_y + HEIGHT / 2, to_x - side * (WIDTH / 2 + 1)
        return f"M{x:g} {start:g}V{middle - 20:g}Q{x:g} {middle:g} {edge_x:g} {middle:g}"
    middle, arrival = y + HEIGHT / 2, to_x + side * WIDTH / 4  # out to the side, and straight down
    return f"M{x + side * WIDTH / 2:g} {middle:g}Q{arrival:g} {middle:g} {arrival:g} {middle + 40:g}V{end:g}"
