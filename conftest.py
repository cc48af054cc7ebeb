"""Whatever pytest is asked for of the chapters or of ``verification/``, :mod:`brainseg.paper.build.judge` judges it."""

from pathlib import Path

import pytest

collect_ignore_glob = ["notebooks/*.py"]
"""Scripts of chapters have no doctests; to look for some would execute them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--report", type=Path, metavar="FOLDER", help="demand a whole verification, and write its report there"
    )


def pytest_configure(config: pytest.Config) -> None:
    if any(config.getoption(name, None) for name in ("report", "nbval", "nbval_lax")):
        from brainseg.paper.build.judge import Judge

        config.pluginmanager.register(Judge(config, Path(__file__).resolve().parent))
