"""What a verification found, kept for its report: every cell that nbval ran and every check in this folder."""

from pathlib import Path

import pytest

from brainseg.paper.build.report import Check, write_report

checks: list[Check] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--report", type=Path, metavar="FOLDER", help="write an HTML and a JSON report there")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        checks.append(Check.from_pytest(report))


def pytest_sessionfinish(session: pytest.Session) -> None:
    folder, is_worker = session.config.getoption("report"), hasattr(session.config, "workerinput")
    if folder is not None and not is_worker:
        write_report(folder, sorted(checks, key=lambda check: check.group))
