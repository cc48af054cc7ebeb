"""Run the benchmarks.

    python -m benchmarks --record results/benchmarks.json    # all of them
    python -m benchmarks training saliency                   # some, printed only
    python -m benchmarks --smoke results/benchmarks.json     # those without peers, beside what was recorded

Environments of the peers are made when they are first needed.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import ceiling, cleaning, images, inference, loading, metrics, saliency, training
from benchmarks.environments import make_environments
from benchmarks.harness import Race, RaceError, run
from benchmarks.networks import machine

TOPICS = {
    "training": training.races,
    "inference": inference.races,
    "loading": loading.races,
    "morphology": cleaning.races,
    "metrics": metrics.races,
    "saliency": saliency.races,
    "images": images.races,
    "ceiling": ceiling.races,
}
SMOKE = (training.smoke_races, loading.smoke_races, cleaning.smoke_races, images.smoke_races)

MARGIN = 2.0
"""A ratio may be worse than the recorded one by this factor before the smoke test fails: machines differ."""

KEY = ("topic", "work", "peer")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; all if none is named")
    parser.add_argument("--record", type=Path, help="JSON file to write; all topics")
    parser.add_argument("--smoke", type=Path, metavar="RECORD", help="compare the ratios that need no peer with these")
    given = parser.parse_args(arguments)
    if unknown := set(given.topics) - set(TOPICS):
        parser.error(f"received {', '.join(sorted(unknown))}, expected topics of {', '.join(TOPICS)}")
    if given.record and given.topics:
        parser.error("received topics to record, expected none: a record is made of all, in one run")
    try:
        if given.smoke:
            smoke(given.smoke)
        else:
            content = measure([race for name in given.topics or TOPICS for race in TOPICS[name]()])
            if given.record:
                given.record.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except RaceError as error:
        sys.exit(f"Error: {error}")


def measure(races: Sequence[Race]) -> dict[str, list[dict[str, Any]]]:
    """Run races one after another: the tables of the record."""
    make_environments(races)
    computer, started = machine(), time.monotonic()
    rows, versions = [], []
    for race in races:
        found = run(race)
        rows += found.rows
        versions += found.versions
        print("\n".join(map(as_text, found.rows)), flush=True)
    minutes = round((time.monotonic() - started) / 60, 1)
    return {"ratios": rows, "versions": distinct(versions), "machine": [computer | {"minutes": minutes}]}


def smoke(record: Path) -> None:
    """Refuse ratios that are much worse than recorded."""
    recorded = {key_of(row): row["ratio"] for row in json.loads(record.read_text(encoding="utf-8"))["ratios"]}
    rows = measure([race for races in SMOKE for race in races()])["ratios"]
    for row in rows:
        if key_of(row) not in recorded:
            raise RaceError(f"{record} has no row {', '.join(key_of(row))}: record it with make bench")
    if slow := [row for row in rows if worse(row, recorded[key_of(row)]) > MARGIN]:
        lines = [f"{as_text(row)}; recorded {recorded[key_of(row)]:.2f}" for row in slow]
        raise RaceError("\n".join([f"received ratios worse than recorded by more than {MARGIN:g} times:", *lines]))
    print(f"{len(rows)} ratios are as recorded, or better, within a factor of {MARGIN:g}")


def worse(row: dict[str, Any], recorded: float) -> float:
    """By what factor a ratio is worse than the recorded one. Of more images a high ratio is bad, else a low one.

    >>> worse({"topic": "morphology", "ratio": 2.0}, 8.0), worse({"topic": "images", "ratio": 16.0}, 8.0)
    (4.0, 2.0)
    """
    lost = float(recorded / row["ratio"])
    return 1 / lost if row["topic"] == "images" else lost


def key_of(row: dict[str, Any]) -> tuple[str, ...]:
    """What names a row."""
    return tuple(str(row[column]) for column in KEY)


def as_text(row: dict[str, Any]) -> str:
    """A row to print."""
    spread = f"{row['ratio']:.2f} [{row['ratio_q1']:.2f}, {row['ratio_q3']:.2f}]"
    return (
        f"{row['topic']}: {row['work']}: {row['peer']} / {row['ours']} {spread}, by the clock {row['clock_ratio']:.2f}"
    )


def distinct(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The rows without those that stand there already, sorted."""
    return [dict(row) for row in sorted({tuple(row.items()) for row in rows})]


if __name__ == "__main__":
    main()
