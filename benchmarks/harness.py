"""A race: the same work done by this package and by others, in turn, each timed by its own process.

Every side is a process that stays alive and has its own Python environment. It does the work once, so that answers can
be compared, and is then asked for it again and again: all sides once in each round, every other round in reverse. What
else the machine does falls on all of them alike. Each round gives one ratio for each peer; what is recorded is their
median and their quartiles. Time is that of the processor, which load hardly lengthens; that of the clock stands beside.

Sides import this module too, in environments that hold little else than NumPy.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / "build" / "peers"
THREADS = (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
    "OPENBLAS_NUM_THREADS",
)
"""Environment variables that tell libraries how many threads to compute with: one."""

SETTINGS = ("TF_", "KERAS_", "ONEDNN_", "OMP_", "MKL_", "OPENBLAS_")
"""Beginnings of environment variables that no side inherits: they change what libraries do."""

UNCAPPED = {"ONEDNN_MAX_CPU_ISA": "DEFAULT", "TF_ENABLE_ONEDNN_OPTS": "1"}
"""For TensorFlow without this package's limit to the instructions that all x86-64 processors share."""

PACKAGES = (
    *("captum", "cv2", "keras", "monai", "numpy", "onnxruntime", "openvino", "scipy", "skimage", "tensorflow"),
    *("torch", "xplique"),
)
"""Modules whose versions are recorded where a side has imported them."""

Work = Callable[[], Any]
"""What is timed. Its value is the answer that all sides of a race must share."""


class RaceError(Exception):
    """A side that cannot take part, or does other work than the first."""


@dataclass(frozen=True)
class Side:
    """One way to do the work.

    Attributes:
        title: How tables call it.
        work: ``module:function`` of this folder; the function takes the options and returns the :data:`Work`.
        options: What JSON can hold.
        environment: Name of a folder in ``build/peers``; None: the environment of this process.
        variables: Environment variables of the process.
    """

    title: str
    work: str
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(ENVIRONMENTS / self.environment / "bin" / "python") if self.environment else sys.executable


@dataclass(frozen=True)
class Race:
    """The same work, done by this package and by others.

    Attributes:
        topic: The table that the rows belong to.
        work: What is done, as the table calls it.
        ours, peers: The sides.
        tolerance: By how much an answer may differ from the first, as a share of the largest number in that; None:
            answers are not comparable.
        rounds: How often each side is timed.
        seconds: Processor time that a side is timed for in one round, at least; short work is repeated.
    """

    topic: str
    work: str
    ours: Side
    peers: tuple[Side, ...]
    tolerance: float | None = 1e-3
    rounds: int = 9
    seconds: float = 0.3

    @property
    def sides(self) -> tuple[Side, ...]:
        """All of them, ours first."""
        return (self.ours, *self.peers)


class Timing(NamedTuple):
    """Seconds for the work done once, and the largest memory that the process has had so far, in 10⁶ bytes."""

    processor: float
    clock: float
    peak_mb: float


class Running:
    """A side whose process is alive; to be used in a ``with`` statement."""

    def __init__(self, side: Side, folder: Path, position: int) -> None:
        self.side = side
        self.answer_file, self.log = folder / f"{position}.npy", folder / f"{position}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        command = [side.python, "-m", "benchmarks.harness", side.work, json.dumps(dict(side.options))]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, str(self.answer_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                cwd=ROOT,
                env=kept | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(ROOT)} | dict(side.variables),
            )

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate()

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of what it has imported; known once it has done the work for the first time."""
        return dict(self._reply())

    @property
    def answer(self) -> NDArray[np.float64]:
        """What the work gave the first time: numbers."""
        assert self.versions
        return np.asarray(np.load(self.answer_file), np.float64)

    def time(self, calls: int = 1) -> Timing:
        """Have the work done so many times, and return what one took."""
        assert self.process.stdin
        self.process.stdin.write(f"{calls}\n")
        return Timing(*self._reply())

    def _reply(self) -> Any:
        assert self.process.stdout
        if line := self.process.stdout.readline():
            return json.loads(line)
        last = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        raise RaceError(
            f"received exit status {self.process.wait()} from {self.side.title} ({self.side.work}), expected a reply:\n"
            f"{last}"
        )


class Result(NamedTuple):
    """What a race gave: a row for each peer, and of every side the versions of what it imported."""

    rows: list[dict[str, Any]]
    versions: list[dict[str, str]]


def run(race: Race) -> Result:
    """Run a race.

    Raises:
        RaceError: If a side ends early, or answers are not alike.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        sides = [
            processes.enter_context(Running(side, Path(folder), position)) for position, side in enumerate(race.sides)
        ]
        if race.tolerance is not None:
            for side in sides[1:]:
                require_alike(race, race.tolerance, side.side.title, side.answer, sides[0].answer)
        versions = [
            {"environment": side.side.environment or "brainseg", "package": package, "version": version}
            for side in sides
            for package, version in side.versions.items()
        ]
        calls = [max(1, round(race.seconds / side.time().processor)) for side in sides]
        timings: list[list[Timing]] = [[] for _ in sides]
        for turn in range(race.rounds):
            order = range(len(sides)) if turn % 2 == 0 else reversed(range(len(sides)))
            for position in order:
                timings[position].append(sides[position].time(calls[position]))
    ours, *others = timings
    return Result([row(race, peer, ours, theirs) for peer, theirs in zip(race.peers, others, strict=True)], versions)


def require_alike(
    race: Race, tolerance: float, title: str, found: NDArray[np.float64], expected: NDArray[np.float64]
) -> None:
    """Refuse an answer that is another than that of our side."""
    if found.shape != expected.shape:
        raise RaceError(f"{title} gave an answer of shape {found.shape}, expected {expected.shape} ({race.work})")
    scale = max(float(np.abs(expected).max()), 1e-12)
    if not (difference := float(np.abs(found - expected).max()) / scale) <= tolerance:
        raise RaceError(
            f"{title} gave an answer that differs by {difference:.2g} of the largest value, expected at most "
            f"{tolerance:g}: the sides do different work ({race.work})"
        )


def row(race: Race, peer: Side, ours: Sequence[Timing], theirs: Sequence[Timing]) -> dict[str, Any]:
    """A row of the record: how much longer the peer takes than we do, and what both took.

    >>> side = Side("ours", "none:none")
    >>> ours, theirs = [Timing(0.2, 0.4, 10)] * 3, [Timing(0.3, 0.4, 20), Timing(0.4, 0.4, 20), Timing(0.6, 0.4, 20)]
    >>> found = row(Race("topic", "work", side, (side,)), side, ours, theirs)
    >>> found["ratio"], found["ratio_q1"], found["clock_ratio"], found["peer_ms"]
    (2.0, 1.75, 1.0, 400.0)
    """
    processor = quartiles([their.processor / our.processor for our, their in zip(ours, theirs, strict=True)])
    clock = quartiles([their.clock / our.clock for our, their in zip(ours, theirs, strict=True)])
    return {
        "topic": race.topic,
        "work": race.work,
        "ours": race.ours.title,
        "peer": peer.title,
        **{f"ratio{suffix}": value for suffix, value in processor.items()},
        "clock_ratio": clock[""],
        "ours_ms": milliseconds(ours),
        "peer_ms": milliseconds(theirs),
        "ours_mb": round(ours[-1].peak_mb, 1),
        "peer_mb": round(theirs[-1].peak_mb, 1),
        "rounds": race.rounds,
    }


def quartiles(ratios: Sequence[float]) -> dict[str, float]:
    """Median and quartiles, by the ends of their columns' names."""
    low, middle, high = (round(float(value), 3) for value in np.percentile(ratios, (25, 50, 75)))
    return {"": middle, "_q1": low, "_q3": high}


def milliseconds(timings: Sequence[Timing]) -> float:
    """Median of the processor times."""
    return round(1000 * float(np.median([timing.processor for timing in timings])), 3)


def serve(work: str, options: str, answer_file: str) -> None:
    """Be a side: do the work, keep the answer, and then a number of times for each line that comes in.

    What libraries print goes to standard error; standard output is for replies.
    """
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, _, function = work.partition(":")
    do: Work = getattr(importlib.import_module(f"benchmarks.{module}"), function)(**json.loads(options))
    np.save(answer_file, np.asarray(do()))
    print(json.dumps(imported_versions()), file=replies)
    for line in sys.stdin:
        print(json.dumps(measured(do, int(line))), file=replies)


def measured(do: Work, calls: int) -> Timing:
    """Time some calls; the result is for one."""
    processor, clock = time.process_time(), time.perf_counter()
    for _ in range(calls):
        do()
    return Timing((time.process_time() - processor) / calls, (time.perf_counter() - clock) / calls, peak_mb())


def peak_mb() -> float:
    """The largest resident memory that this process has had, in 10⁶ bytes; NaN where ``/proc`` does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return kilobytes[0] * 1024 / 1e6 if kilobytes else float("nan")


def imported_versions() -> dict[str, str]:
    """Versions of :data:`PACKAGES` as far as they are imported, and of Python."""
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in PACKAGES}
    return {"python": sys.version.split()[0], **{name: _number(version) for name, version in loaded.items() if version}}


def _number(version: object) -> str:
    """A version without what some builds say of the branch that they are from.

    >>> _number("2026.4.1-22982-e213a147257-releases/2026/4"), _number("2.13.0+cpu")
    ('2026.4.1', '2.13.0+cpu')
    """
    return str(version).partition("-")[0]


if __name__ == "__main__":
    serve(*sys.argv[1:])
