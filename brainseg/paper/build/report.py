"""The report of a verification: per chapter and per claim what agrees, what differs and by how much, side by side."""

import json
import math
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from brainseg.fingerprint import commit
from brainseg.paper.build.agreement import LEVELS, UNSTABLE, same_arithmetic
from brainseg.paper.build.chapters import plain

FILES = ("report.json", "index.html")


@dataclass(frozen=True)
class Check:
    """One thing that was verified: a cell of a chapter, a claim, an input.

    Attributes:
        group: The chapter, or the file with the checks.
        name: The cell, or the check with its argument.
        message: What is wrong, in words; empty if nothing is.
        cell: Of a chapter's cell: ``id``, ``source``, ``tags``, and whether its outputs were ``compared``; else empty.
        comparisons: Of a chapter's cell: what :class:`brainseg.paper.build.agreement.Comparison` holds.
        properties: What the check noted, such as the verdict on a claim.
    """

    group: str
    name: str
    passed: bool
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
        return cls(
            group=Path(path).stem.removeprefix("test_"),
            name=cell.get("id") or (name or "collection").replace("_", " ") + (f": {argument}" if argument else ""),
            passed=report.outcome == "passed",
            seconds=round(getattr(report, "duration", 0.0), 2),
            message="" if report.outcome == "passed" else _message(report),
            cell=cell,
            comparisons=getattr(report, "comparisons", []),
            properties=dict(getattr(report, "user_properties", [])),
        )


@dataclass(frozen=True)
class Session:
    """How the session of pytest went that made the checks.

    Attributes:
        status: Its exit status.
        expected: Group and name of everything that a whole verification checks; a name stands for all its arguments.
    """

    status: int
    collected: int
    run: int
    deselected: int
    expected: Sequence[tuple[str, str]]

    def missing(self, checks: Sequence[Check]) -> list[str]:
        """What was expected and is not among the checks."""
        found = {(one.group, name) for one in checks for name in (one.name, one.name.partition(": ")[0])}
        absent = [f"{group}, {name}" for group, name in self.expected if (group, name) not in found]
        unseen = [one for one in checks if not one.cell.get("compared", True)]
        return absent + [f"{one.group}, {one.name}: its outputs were not compared" for one in unseen]


def summary(checks: Sequence[Check], session: Session) -> dict[str, Any]:
    """The report as data.

    Its ``verdict`` is "not reproduced" if a check failed; "not verified" if none failed, but not everything that is
    expected was run, or the session did not end well; else "reproduced". Of each group it has how many checks
    ``passed`` and ``failed``, how many outputs were ``compared``, by which of the ``levels`` they agree, how many cells
    were ``ignored``, and the ``largest`` difference as a share of what is allowed (None where words differ).
    """
    groups = {name: [one for one in checks if one.group == name] for name in dict.fromkeys(one.group for one in checks)}
    claims = _claims(checks)
    missing = session.missing(checks)
    whole = not (missing or session.deselected or session.status) and 0 < session.collected == session.run
    failed = not all(one.passed for one in checks)
    return {
        "verdict": "not reproduced" if failed else "reproduced" if whole else "not verified",
        "reproduced": whole and not failed,
        "session": {name: value for name, value in vars(session).items() if name != "expected"},
        "missing": missing,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "made_with": {"python": platform.python_version(), "machine": platform.machine()},
        "groups": {name: _group(members) for name, members in groups.items()},
        "ignored": [f"{one.group}, {one.name}" for one in checks if _is_ignored(one)],
        "verdicts": {
            maker: dict(Counter(claim["verdict"] for claim in claims if claim["maker"] == maker))
            for maker in dict.fromkeys(claim["maker"] for claim in claims)
        },
        "checks": [asdict(one) for one in checks],
    }


def write_report(folder: Path, checks: Sequence[Check], session: Session) -> bool:
    """Write ``index.html`` for people and ``report.json`` for machines to a folder; says whether all is reproduced."""
    folder.mkdir(parents=True, exist_ok=True)
    content = summary(checks, session)
    data = json.dumps(_without_infinity(content), indent=1, ensure_ascii=False) + "\n"
    markup = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    template = jinja2.Template(markup, autoescape=True, undefined=jinja2.StrictUndefined)
    page = template.render(report=content, failed=[one for one in checks if not one.passed], claims=_claims(checks))
    for name, text in zip(FILES, (data, page), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return bool(content["reproduced"])


def _message(report: Any) -> str:
    wrong = [f"{one['kind']}: {one['message']}" for one in getattr(report, "comparisons", []) if not one["level"]]
    crash = getattr(report.longrepr, "reprcrash", None)
    return "; ".join(wrong) or plain(str(crash.message if crash else report.longrepr)).strip()


def _group(checks: Sequence[Check]) -> dict[str, Any]:
    compared = [found for one in checks for found in one.comparisons]
    return {
        "passed": sum(one.passed for one in checks),
        "failed": sum(not one.passed for one in checks),
        "compared": len(compared),
        "levels": {level: sum(found["level"] == level for found in compared) for level in LEVELS},
        "ignored": sum(map(_is_ignored, checks)),
        "largest": max((found["difference"] for found in compared), default=0.0),
        "seconds": round(sum(one.seconds for one in checks), 1),
    }


def _claims(checks: Sequence[Check]) -> list[dict[str, Any]]:
    return [one.properties["claim"] for one in checks if "claim" in one.properties]


def _is_ignored(check: Check) -> bool:
    return UNSTABLE in check.cell.get("tags", []) and not same_arithmetic()


def _without_infinity(content: Any) -> Any:
    """JSON has no infinity: None stands for it."""
    if isinstance(content, dict):
        return {name: _without_infinity(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_without_infinity(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
