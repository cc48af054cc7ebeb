"""The report of a verification: per chapter and per claim what agrees, what differs and by how much, side by side."""

import json
import math
import platform
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from brainseg.fingerprint import commit
from brainseg.paper.build.agreement import LEVELS
from brainseg.paper.build.chapters import plain
from brainseg.paper.build.committed import grouped
from brainseg.paper.build.marks import PNG, SVG

FILES = ("report.json", "index.html")
OUTPUTS, SUFFIXES = "outputs", {PNG: "png", SVG: "svg", "text/html": "html"}
"""Folder of a report with every figure and table as it was made now, and what their names end with."""

FEW = 10
"""As many missing checks are named in a few words; the report has all."""


@dataclass(frozen=True)
class Check:
    """One thing that was verified: a cell of a chapter, a claim, an input.

    Attributes:
        group: The chapter, or the file with the checks.
        name: The cell, or the check with its argument.
        broken: Whether it came to no result: it was skipped, or its kernel died.
        message: What is wrong, in words; empty if nothing is.
        cell: Of a chapter's cell: ``id``, ``source``, and whether its outputs were ``compared``; else empty.
        comparisons: Of a chapter's cell: what :class:`brainseg.paper.build.agreement.Comparison` holds.
        properties: What the check noted, such as the verdict on a claim.
    """

    group: str
    name: str
    passed: bool
    broken: bool = False
    seconds: float = 0.0
    message: str = ""
    cell: dict[str, Any] = field(default_factory=dict)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_pytest(cls, report: Any) -> "Check":
        """From what pytest reports of a test, of a cell that nbval ran, or of a file that it could not collect."""
        cell = getattr(report, "cell", {})
        path, _, test = report.nodeid.partition("::")
        name, _, argument = test.removeprefix("test_").removesuffix("]").partition("[")
        passed = report.outcome == "passed"
        return cls(
            group=Path(path).stem.removeprefix("test_"),
            name=cell.get("id") or (name or "collection").replace("_", " ") + (f": {argument}" if argument else ""),
            passed=passed,
            broken=not passed and getattr(report, "broken", True),
            seconds=round(getattr(report, "duration", 0.0), 2),
            message="" if passed else _message(report),
            cell=cell,
            comparisons=getattr(report, "comparisons", []),
            properties=dict(getattr(report, "user_properties", [])),
        )


@dataclass(frozen=True)
class Session:
    """How the session of pytest went that made the checks.

    Attributes:
        status: Its exit status.
        chapters: Group and name of everything that is to be checked of the chapters.
        others: The same of the rest of a whole verification; a name stands for all its arguments.
    """

    status: int
    collected: int
    run: int
    deselected: int
    chapters: Sequence[tuple[str, str]]
    others: Sequence[tuple[str, str]]

    @property
    def whole(self) -> bool:
        """Whether everything that was collected was run, and the session ended as one without a failure does."""
        return not (self.deselected or self.status) and 0 < self.collected == self.run


def missing(expected: Sequence[tuple[str, str]], checks: Sequence[Check]) -> list[str]:
    """What was expected and is not among the checks, or came to no result, or was not compared."""
    found = {(one.group, name) for one in checks for name in (one.name, one.name.partition(": ")[0])}
    names: dict[str, list[str]] = {}
    for group, name in expected:
        names.setdefault(group, []).append(name)
    absent = [line for group, of_group in names.items() for line in _absent(group, of_group, found)]
    here = [one for one in checks if one.group in names]
    broken = [f"{one.group}, {one.name}: {one.message}" for one in here if one.broken]
    unseen = [f"{one.group}, {one.name}: its outputs were not compared" for one in here if not _compared(one)]
    return absent + broken + unseen


def _absent(group: str, names: list[str], found: Collection[tuple[str, str]]) -> list[str]:
    lost = [name for name in names if (group, name) not in found]
    return [f"{group}, all of it"] if lost == names else [f"{group}, {name}" for name in lost]


def summary(checks: Sequence[Check], session: Session) -> dict[str, Any]:
    """The report as data.

    Its ``verdict`` is "not reproduced" if a check failed; "not verified" if none failed, but not everything that is
    expected was run and came to a result, or the session did not end well; "not retrained" if this is so of the
    chapters, on the stored networks, and nothing else was asked for; else "reproduced". ``causes`` has one line for
    each cause of a failure. Of each group it has how many checks ``passed`` and ``failed``, how many outputs were
    ``compared``, by which of the ``levels`` they agree, and the ``largest`` difference as a share of what is allowed
    (None where nothing is).
    """
    groups = {name: [one for one in checks if one.group == name] for name in dict.fromkeys(one.group for one in checks)}
    claims = _claims(checks)
    of_chapters, of_others = missing(session.chapters, checks), missing(session.others, checks)
    alone = not {group for group, _ in session.others} & set(groups)
    if any(not one.passed and not one.broken for one in checks):
        verdict = "not reproduced"
    elif of_chapters or not session.whole or (of_others and not alone) or any(one.broken for one in checks):
        verdict = "not verified"
    else:
        verdict = "not retrained" if of_others else "reproduced"
    return {
        "verdict": verdict,
        "reproduced": verdict == "reproduced",
        "causes": causes(checks),
        "session": {name: value for name, value in vars(session).items() if name not in ("chapters", "others")},
        "missing": of_chapters + of_others,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "made_with": {"python": platform.python_version(), "machine": platform.machine()},
        "groups": {name: _group(members) for name, members in groups.items()},
        "verdicts": {
            maker: dict(Counter(claim["verdict"] for claim in claims if claim["maker"] == maker))
            for maker in dict.fromkeys(claim["maker"] for claim in claims)
        },
        "checks": [asdict(one) for one in checks],
    }


def causes(checks: Sequence[Check]) -> list[str]:
    """One line for each cause of a failure: outputs of a chapter that is not as it was written are a consequence."""
    failed = [one for one in checks if not one.passed and not one.broken]
    found = [(one.group, fault) for one in failed for fault in one.properties.get("faults", [])]
    spoilt = {group for group, _ in found}
    cells = Counter(one.group for one in failed if one.cell and one.group in spoilt)
    found += [
        (f"{one.group}, {one.name}", one.message)
        for one in failed
        if "faults" not in one.properties and not (one.cell and one.group in spoilt)
    ]
    follow = ", ".join(f"{count} of {group}" for group, count in cells.items())
    return grouped(found) + ([f"As a consequence, outputs of cells differ: {follow}"] if follow else [])


def lines(found: Mapping[str, Any]) -> list[str]:
    """What to say of a report as data, shortly: the verdict first."""
    verdict = {
        "reproduced": "Reproduced: everything was run anew and agrees",
        "not retrained": "Not retrained: all chapters agree with the committed ones, on the networks that are stored; "
        "make verify trains these anew and judges every claim",
        "not reproduced": "Not reproduced",
        "not verified": "Not verified: not everything was run",
    }[found["verdict"]]
    absent = found["missing"] if found["verdict"] in ("not verified", "not reproduced") else []
    rest = [f"and {len(absent) - FEW} more" for _ in absent[FEW : FEW + 1]]
    return [verdict, *found["causes"], *(f"Missing: {one}" for one in absent[:FEW]), *rest]


def write_report(folder: Path, content: Mapping[str, Any], checks: Sequence[Check]) -> None:
    """Write a report as data to a folder: ``index.html`` for people and ``report.json`` for machines."""
    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(_without_infinity(content), indent=1, ensure_ascii=False) + "\n"
    markup = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    template = jinja2.Template(markup, autoescape=True, undefined=jinja2.StrictUndefined)
    failed = [one for one in checks if not one.passed]
    page = template.render(report=content, said=lines(content), failed=failed, claims=_claims(checks))
    for name, text in zip(FILES, (data, page), strict=True):
        (folder / name).write_text(text, encoding="utf-8")


def _message(report: Any) -> str:
    wrong = [f"{one['kind']}: {one['message']}" for one in getattr(report, "comparisons", []) if not one["level"]]
    crash = getattr(report.longrepr, "reprcrash", None)
    if isinstance(report.longrepr, tuple):  # of what was skipped: file, line, reason
        return str(report.longrepr[-1])
    return "; ".join(wrong) or plain(str(crash.message if crash else report.longrepr)).strip()


def _group(checks: Sequence[Check]) -> dict[str, Any]:
    compared = [found for one in checks for found in one.comparisons]
    levels = [found["level"] for found in compared] + [one.properties.get("level") for one in checks]
    return {
        "passed": sum(one.passed for one in checks),
        "failed": sum(not one.passed for one in checks),
        "compared": len(compared),
        "levels": {level: levels.count(level) for level in LEVELS},
        "largest": max((found["difference"] for found in compared), default=0.0),
        "seconds": round(sum(one.seconds for one in checks), 1),
    }


def _claims(checks: Sequence[Check]) -> list[dict[str, Any]]:
    return [one.properties["claim"] for one in checks if "claim" in one.properties]


def _compared(check: Check) -> bool:
    return bool(check.cell.get("compared", True))


def _without_infinity(content: Any) -> Any:
    """JSON has no infinity: None stands for it."""
    if isinstance(content, dict):
        return {name: _without_infinity(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_without_infinity(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
