"""Drawings of what depends on what, in layers; and the rules of the workflow, as Snakemake tells them."""

import io
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from statistics import fmean
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from brainseg.errors import BrainsegError
from brainseg.plotting.style import INK, SOFT

Edge = tuple[str, str]
Place = tuple[float, float]

TARGETS: Final = (("ladder", "book", "results"), ("saliency", "results"))
"""An experiment, and what is asked for with it: together they need every rule that is drawn."""

RULES: Final = {
    "phantom": "simulated images",
    "prepare": "arrays at one size",
    "run": "one training",
    "saliency": "scores of maps",
    "chapter": "executed notebook",
    "results": "recorded in results/",
    "book": "these pages",
}
WIDE, HIGH, GAP = 1.5, 0.46, 0.45
"""Of a box, and between boxes and layers, in inches."""


def rule_graph() -> list[Edge]:
    """Which rule feeds which, sorted, from ``snakemake --rulegraph``; run it in the repository.

    Raises:
        BrainsegError: If Snakemake fails.
    """
    edges: set[Edge] = set()
    with tempfile.TemporaryDirectory() as nothing_made:
        environment = os.environ | {"BRAINSEG_WORKSPACE": nothing_made}
        for experiment, *targets in TARGETS:
            settings = ["--config", "dataset=phantom", f"experiment={experiment}"]
            command = ["snakemake", "--rulegraph", "dot", *targets, *settings]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 (fixed words)
            if done.returncode:
                raise BrainsegError(f"Snakemake cannot tell the graph of {experiment}: {done.stderr.strip()[-300:]}")
            edges |= set(edges_of(done.stdout))
    return sorted(edges)


def edges_of(dot: str) -> list[Edge]:
    """The edges of a graph in the language of Graphviz, by the labels of their ends."""
    labels = dict(re.findall(r'(\d+)\s*\[\s*label = "(\w+)', dot))
    return sorted((labels[start], labels[end]) for start, end in re.findall(r"(\d+) -> (\d+)", dot))


def layers(edges: Iterable[Edge]) -> list[list[str]]:
    """The nodes in layers: each as far down as its longest way from a start."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for start, end in edges:
        sorter.add(end, start)
    sorter.prepare()
    found = []
    while sorter.is_active():
        found.append(sorted(sorter.get_ready()))
        sorter.done(*found[-1])
    return found


def layered(edges: Sequence[Edge], words: Mapping[str, str]) -> str:
    """Draw boxes in layers and arrows down from one to another, as SVG: of the same edges the same bytes.

    Args:
        edges: From whom to whom.
        words: What stands in a box below its name.
    """
    rows = layers(edges)
    level = {node: depth for depth, row in enumerate(rows) for node in row}
    ways = []
    for start, end in edges:
        bends = [f"{start} {end} {depth}" for depth in range(level[start] + 1, level[end])]
        for depth, bend in enumerate(bends, start=level[start] + 1):
            rows[depth].append(bend)
        ways.append([start, *bends, end])
    places = _places(rows, ways)
    across = max(abs(x) for x, _ in places.values()) + WIDE / 2 + 0.1
    top, bottom = -HIGH / 2 - 0.1, (len(rows) - 1) * (HIGH + GAP) + HIGH / 2 + 0.1
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "layered", "font.family": "sans-serif"}):
        figure = Figure(figsize=(2 * across, bottom - top))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(-across, across), ylim=(bottom, top))
        axes.axis("off")
        for way in ways:
            curve = _curve([places[stop] for stop in way])
            axes.add_patch(FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=9, color=SOFT, lw=1))
        for node in level:
            _box(axes, node, words.get(node, ""), *places[node])
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return file.getvalue()[file.getvalue().index("<svg") :]


def _places(rows: Sequence[Sequence[str]], ways: Sequence[Sequence[str]]) -> dict[str, Place]:
    """Centres of boxes and bends: those of a row in the order of what leads to them, and all rows centred."""
    places: dict[str, Place] = {}
    for depth, row in enumerate(rows):
        before = {node: [places[a][0] for way in ways for a, b in pairwise(way) if b == node] for node in row}
        widths = {node: WIDE if " " not in node else GAP for node in row}
        left = -(sum(widths.values()) + GAP * (len(row) - 1)) / 2
        for node in sorted(row, key=lambda node: (fmean(before[node] or [0]), node)):
            places[node] = (left + widths[node] / 2, depth * (HIGH + GAP))
            left += widths[node] + GAP
    return places


def _curve(stops: Sequence[Place]) -> Path:
    """From below a box, straight through the bends, to the top of another."""
    points, codes = [(stops[0][0], stops[0][1] + HIGH / 2)], [Path.MOVETO]
    for (x, y), (to_x, to_y) in pairwise(stops):
        middle = (y + to_y) / 2
        points += [(x, y + HIGH / 2), (x, middle), (to_x, middle), (to_x, to_y - HIGH / 2)]
        codes += [Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    return Path(points, codes)


def _box(axes: Axes, name: str, words: str, x: float, y: float) -> None:
    corner, shape = (x - WIDE / 2, y - HIGH / 2), "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch(corner, WIDE, HIGH, boxstyle=shape, facecolor="#dcebf7", edgecolor="#0072b2"))
    axes.text(x, y - 0.08, name, ha="center", va="center", fontsize=10, fontweight="bold", color=INK)
    axes.text(x, y + 0.1, words, ha="center", va="center", fontsize=8, color=INK)
