"""What this book adds to pytest and nbval, all of it: how chapters are compared, and what is said at the end.

nbval gives one item for each code cell of a notebook, executes it in the notebook's kernel, and hands its outputs and
the committed ones to ``IPyNbCell.compare_outputs``. The contract with nbval 0.11 is this:

- ``IPyNbFile.collect`` yields the items of a notebook. Before them comes one more, :class:`Written`, which executes
  nothing: the notebook says what its script says, and was made from what is here.
- ``IPyNbCell.compare_outputs(output, reference)`` is :func:`brainseg.paper.build.agreement.compare`. What may differ
  is found from the script, never from the notebook.
- ``RunningKernel.get_message`` waits for a message of the kernel, here only as long as the kernel lives.
- ``IPyNbCell.options["check"]`` is false where nbval was told to compare nothing; such a cell counts as missing.

Of pytest, :class:`Judge` hears of every check, here or on a worker of pytest-xdist. Its verdict is the last check of
the session, so that the exit status, JUnit's file, the report and its page say the same.
"""

import base64
import math
import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import yaml
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from brainseg.paper.build.agreement import Comparison, compare, same_arithmetic
from brainseg.paper.build.chapters import plain, read_chapter
from brainseg.paper.build.committed import chapter_faults
from brainseg.paper.build.descent import answered
from brainseg.paper.build.marks import PNG
from brainseg.paper.build.report import FILES, OUTPUTS, SUFFIXES, Check, Session, lines, summary, write_report

WRITTEN = "as written"
DIED = "its kernel died: it was killed, as when memory runs out, or it exited"
POLL = 1
"""Seconds after which a kernel that says nothing is asked whether it lives."""

_cells_of, _message_of = IPyNbFile.collect, RunningKernel.get_message


class Written(pytest.Item):
    """A notebook is what its script says, its outputs are those that were written, and nothing is stale."""

    def runtest(self) -> None:
        """Compare the notebook with its script and with what it was made from."""
        faults = chapter_faults(self.path.with_suffix(".py"))
        self.user_properties.append(("faults", faults))
        if faults:
            pytest.fail("; ".join(faults), pytrace=False)


def _collect(file: IPyNbFile) -> Iterator[pytest.Item]:
    script = file.path.with_suffix(".py")
    file.answered = {}
    if script.is_file():
        sources = {cell.id: cell.source for cell in read_chapter(script).cells if cell.cell_type == "code"}
        file.answered = dict(zip(sources, answered(list(sources.values())), strict=True))
        yield Written.from_parent(file, name=WRITTEN)
    yield from _cells_of(file)


def _compare_outputs(
    cell: IPyNbCell, output: Sequence[Any], reference: Sequence[Any], skip_compare: object = None
) -> bool:
    rounded = cell.parent.answered.get(cell.cell.get("id"), False) and not same_arithmetic()
    cell.comparisons = compare(reference, [one for one in output if not _is_progress(one)], rounded)
    failed = [found for found in cell.comparisons if not found.agrees]
    cell.comparison_traceback = [f"{found.kind}: {found.message}" for found in failed]
    return not failed


def _is_progress(output: Any) -> bool:
    """Whether an output is the bars that are shown while something is made that was not there, such as the phantom."""
    said = re.split(r"[\r\n]+", output.get("text", "").strip()) if output.get("name") == "stderr" else []
    return bool(said) and all(re.fullmatch(r"[^|]*\d+%\|[^|]*\|.*", line) for line in said)


def _get_message(kernel: RunningKernel, stream: str, timeout: float | None = None) -> Any:
    ends = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return _message_of(kernel, stream, timeout=max(0, min(POLL, ends - time.monotonic())))
        except Empty:
            if not kernel.is_alive():
                raise RuntimeError(DIED) from None
            if time.monotonic() >= ends:
                raise


RunningKernel.get_message = _get_message
IPyNbFile.collect = _collect
IPyNbCell.compare_outputs = _compare_outputs


class Judge:
    """Hears of every check of a session, and says at its end what they come to.

    Args:
        config: With ``--report FOLDER`` a whole verification is demanded, and its report is written there.
        repository: Where the chapters, the claims and the checks of ``verification/`` are.
    """

    def __init__(self, config: pytest.Config, repository: Path) -> None:
        folder = config.getoption("report")
        self.folder = config.invocation_params.dir / folder if folder else None
        self.repository = repository
        self.checks: list[Check] = []
        self.collected: set[str] = set()
        self.run: set[str] = set()
        self.deselected = 0
        self.said: list[str] = []
        self.good = False

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remove what an earlier session wrote: what is not written at the end is not there."""
        if _output_of_worker(session.config) is None:
            old = [self.folder / name for name in FILES] if self.folder else []
            if junit := session.config.getoption("xmlpath", None):
                old.append(session.config.invocation_params.dir / junit)
            for path in old:
                path.unlink(missing_ok=True)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count what cannot be collected as a check that failed."""
        if report.outcome != "passed":
            self.checks.append(Check.from_pytest(report))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is to be run."""
        self.collected |= {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note what a worker is to run."""
        self.collected |= set(ids)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count what is left out on demand."""
        self.deselected += len(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker left out."""
        self.deselected = max(self.deselected, getattr(node, "workeroutput", {}).get("deselected", 0))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Add to the report of a cell the cell itself and its outputs beside the reference, without escape codes."""
        report = yield
        error = call.excinfo.value if call.excinfo else None
        report.broken = error is not None and _is_broken(item, error)
        if isinstance(item, IPyNbCell):
            report.cell = {"id": item.cell.get("id", item.name), "source": item.cell.source}
            report.cell["compared"] = bool(item.options["check"])
            report.comparisons = [_kept(found) for found in getattr(item, "comparisons", [])]
            if report.failed:
                ended = report.broken and isinstance(error, NbCellError | RuntimeError)
                report.longrepr = str(error) if ended else plain(str(report.longrepr))
            if self.folder and report.when == "call":
                _write_outputs(self.folder / OUTPUTS, item)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a check."""
        if report.nodeid != VERDICT and (report.when == "call" or report.outcome != "passed"):
            self.checks.append(Check.from_pytest(report))
            self.run.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Give the verdict, as the last check of the session."""
        if (output := _output_of_worker(session.config)) is not None:
            output["deselected"] = self.deselected
            return
        session_ = Session(
            status=int(exitstatus),
            collected=len(self.collected),
            run=len(self.run),
            deselected=self.deselected,
            chapters=expected_of_chapters(self.repository),
            others=expected_of_others(self.repository),
        )
        self.checks.sort(key=lambda check: check.group)
        found = summary(self.checks, session_)
        self.said = lines(found)
        self.good = found["reproduced"] or (self.folder is None and found["verdict"] == NOT_RETRAINED)
        if self.folder:
            write_report(self.folder, found, self.checks)
        session.config.hook.pytest_runtest_logreport(report=_last_check(self.good, self.said))
        if not self.good:
            session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say the verdict, where it is not said already as that of a check that failed."""
        if self.good:
            terminalreporter.section("verdict")
            terminalreporter.write_line("\n".join(self.said))


VERDICT = "verdict"
NOT_RETRAINED = "not retrained"


def expected_of_chapters(repository: Path) -> list[tuple[str, str]]:
    """Group and name of every check of the chapters: of each notebook as a whole, and of its cells."""
    scripts = sorted((repository / "notebooks").glob("[0-9]*.py"))
    cells = [
        (script.stem, name)
        for script in scripts
        for name in (WRITTEN, *(cell.id for cell in read_chapter(script).cells if cell.cell_type == "code"))
    ]
    return cells or [("notebooks", "a chapter")]


def expected_of_others(repository: Path) -> list[tuple[str, str]]:
    """Group and name of all else that a verification checks: claims, and what stands in ``verification/``."""
    tests = [
        (path.stem.removeprefix("test_"), name.replace("_", " "))
        for path in sorted((repository / "verification").glob("test_*.py"))
        for name in re.findall(r"^def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    claims = [("claims", f"claim: {name}") for name in _claims(repository / "book" / "claims.yml")]
    return tests + (claims or [("claims", "claim: any")])


def _claims(ledger: Path) -> list[str]:
    try:
        return [entry["id"] for entry in yaml.safe_load(ledger.read_text(encoding="utf-8"))]
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        return []


def _is_broken(item: pytest.Item, error: BaseException) -> bool:
    """Whether a check came to no result: it was skipped, or its kernel died or did not answer."""
    if isinstance(error, pytest.skip.Exception):
        return True
    died = not isinstance(error, NbCellError) or str(error).startswith("Timeout")
    return isinstance(item, IPyNbCell) and died


def _write_outputs(folder: Path, item: IPyNbCell) -> None:
    """Write the figures and tables of a cell, each with its place as its name."""
    folder.mkdir(parents=True, exist_ok=True)
    for output in item.test_outputs or []:
        for kind, suffix in SUFFIXES.items():
            if content := output.get("data", {}).get(kind):
                file = base64.b64decode(content) if kind == PNG else content.encode()
                (folder / f"{item.path.stem}-{item.cell.get('id')}.{suffix}").write_bytes(file)


def _kept(found: Comparison) -> dict[str, Any]:
    """What the report keeps of a comparison: the contents only where they differ too much."""
    return asdict(found) | ({"reference": None, "output": None} if found.agrees else {})


def _last_check(good: bool, said: Sequence[str]) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=VERDICT,
        location=(VERDICT, None, VERDICT),
        keywords={},
        outcome="passed" if good else "failed",
        longrepr=None if good else "\n".join(said),
        when="call",
        user_properties=[("verdict", said[0])],
    )


def _output_of_worker(config: pytest.Config) -> dict[str, Any] | None:
    """What a worker of pytest-xdist tells the session that started it."""
    return getattr(config, "workeroutput", None)
