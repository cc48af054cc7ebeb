"""What a verification found, kept for its report: every cell that nbval ran and every check in this folder."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from brainseg.paper.build.chapters import read_chapter
from brainseg.paper.build.report import FILES, Check, Session, write_report

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--report", type=Path, metavar="FOLDER", help="write an HTML and a JSON report there")


def pytest_configure(config: pytest.Config) -> None:
    if folder := config.getoption("report"):
        config.pluginmanager.register(Reporter(config.invocation_params.dir / folder))


class Reporter:
    """Hears of every check of the session; the hooks of a conftest.py would hear of those in its folder only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checks: list[Check] = []
        self.collected: set[str] = set()
        self.run: set[str] = set()
        self.deselected = 0

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        if _output_of_worker(session.config) is None:
            for name in FILES:  # what is not written at the end is not there
                (self.folder / name).unlink(missing_ok=True)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self.checks.append(Check.from_pytest(report))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected |= {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self.collected |= set(ids)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.deselected += len(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.deselected = max(self.deselected, getattr(node, "workeroutput", {}).get("deselected", 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.checks.append(Check.from_pytest(report))
            self.run.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if (output := _output_of_worker(session.config)) is not None:
            output["deselected"] = self.deselected
            return
        found = Session(int(exitstatus), len(self.collected), len(self.run), self.deselected, expected(REPOSITORY))
        if not write_report(self.folder, sorted(self.checks, key=lambda check: check.group), found):
            session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED


def expected(repository: Path) -> list[tuple[str, str]]:
    """Group and name of all that a verification checks: cells of chapters, claims, and what stands in this folder."""
    cells = [
        (source.stem, cell.id)
        for source in sorted((repository / "notebooks").glob("[0-9]*.py"))
        for cell in read_chapter(source).cells
        if cell.cell_type == "code"
    ]
    tests = [
        (path.stem.removeprefix("test_"), name.replace("_", " "))
        for path in sorted((repository / "verification").glob("test_*.py"))
        for name in re.findall(r"^def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    claims = [("claims", f"claim: {name}") for name in _claims(repository / "book" / "claims.yml")]
    return (cells or [("notebooks", "a chapter")]) + tests + (claims or [("claims", "claim: any")])


def _claims(ledger: Path) -> list[str]:
    try:
        return [entry["id"] for entry in yaml.safe_load(ledger.read_text(encoding="utf-8"))]
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        return []


def _output_of_worker(config: pytest.Config) -> dict[str, Any] | None:
    """What a worker of pytest-xdist tells the session that started it."""
    return getattr(config, "workeroutput", None)
