"""The page of benchmarks. Every number on it is from ``results/benchmarks.json``; its prose is ``benchmarks.md``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from brainseg.paper.build.markdown import table

RECORD = "benchmarks"
"""Name of the recorded result."""

HEAD = ("work", "beside", "brainseg, ms", "the other, ms", "ratio [quartiles]", "by the clock")


def page(record: Mapping[str, pd.DataFrame]) -> str:
    """The page as MyST Markdown.

    Args:
        record: As :func:`brainseg.experiments.recorded.recorded` reads it.
    """
    template = Template(Path(__file__).with_suffix(".md").read_text(encoding="utf-8"))
    parts = {"machine": _machine(record["machine"]), "versions": _versions(record["versions"])}
    for topic, rows in record["ratios"].groupby("topic", sort=False):
        parts[f"{topic}_answer"] = answer(rows)
        parts[str(topic)] = _more_images(rows) if topic == "images" else _ratios(rows)
    return template.substitute(parts)


def answer(rows: pd.DataFrame) -> str:
    """What the rows of a topic say in short: the range of the ratios of each peer, beside which side of ours.

    >>> row = {"topic": "metrics", "peer": "MONAI", "ours": "brainseg"}
    >>> answer(pd.DataFrame([row | {"ratio": 2.04}, row | {"ratio": 10}]))
    '**MONAI takes 2.0 to 10 times as long.**'
    """
    if (topic := rows["topic"].iloc[0]) == "images":
        most = rows["peer"].iloc[-1]
        found = _range(rows.loc[rows["peer"] == most, "ratio"])
        return f"**With {most.removeprefix('× ')} times as many, work takes {found} times as long.**"
    if topic == "ceiling":
        shares = rows.groupby("work", sort=False)["ratio"].min()
        return f"**A step of training reaches {_range(shares)} of the speed of the fastest matrix product.**"
    sentences = []
    for (peer, ours), ratios in rows.groupby(["peer", "ours"], sort=False)["ratio"]:
        name, than = str(peer), "" if ours == "brainseg" else f" as {ours}"
        sentences.append(f"{name[0].upper()}{name[1:]} takes {_range(ratios)} times as long{than}.")
    return f"**{' '.join(sentences)}**"


def _range(ratios: pd.Series) -> str:
    low, high = _number(ratios.min()), _number(ratios.max())
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    """Two digits, as many before the point as there are.

    >>> _number(0.8765), _number(1.234), _number(14.7)
    ('0.88', '1.2', '15')
    """
    decimals = 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:.{decimals}f}"


def _ratios(rows: pd.DataFrame) -> str:
    return table(HEAD, map(_ratio, rows.to_dict("records")))


def _ratio(row: Mapping[Any, Any]) -> Iterator[str]:
    yield str(row["work"])
    yield str(row["peer"])
    for side in ("ours_ms", "peer_ms"):
        yield f"{row[side]:,.1f}"
    yield f"**{row['ratio']:.2f}** [{row['ratio_q1']:.2f}, {row['ratio_q3']:.2f}]"
    yield f"{row['clock_ratio']:.2f}"


def _more_images(rows: pd.DataFrame) -> str:
    factors = list(rows["peer"].unique())
    lines = []
    for work, group in rows.groupby("work", sort=False):
        of = group.set_index("peer")
        times = [f"{of['ratio'][k]:.2f} [{of['ratio_q1'][k]:.2f}, {of['ratio_q3'][k]:.2f}]" for k in factors]
        memory = f"{of['ours_mb'].iloc[0]:,.0f} → {of['peer_mb'].iloc[-1]:,.0f}"
        lines.append([str(work), *times, memory])
    return table(["work", *(f"time, {factor}" for factor in factors), f"memory, MB, × 1 → {factors[-1]}"], lines)


def _machine(rows: pd.DataFrame) -> str:
    (machine,) = rows.to_dict("records")
    return (
        f"Measured on {machine['date']}, in {machine['minutes']:.0f} minutes, on {machine['processor']} with "
        f"{machine['cores']} cores, one for each side. Before it began, the load was {machine['load']:.1f}."
    )


def _versions(rows: pd.DataFrame) -> str:
    lines = []
    for environment, group in rows.groupby("environment"):
        packages = ", ".join(f"{package} {version}" for package, version in group[["package", "version"]].to_numpy())
        lines.append([str(environment), packages])
    return table(("environment", "packages"), lines)
