"""Environments of the peers: one folder each in ``build/peers``, made from pinned requirements, apart from the lock."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness import ENVIRONMENTS, Race

REQUIREMENTS = Path(__file__).parent / "peers"


def make_environments(races: Iterable[Race]) -> None:
    """Make what races need and is not there, or was made from other requirements."""
    for name in sorted({side.environment for race in races for side in race.sides if side.environment}):
        if not is_current(name):
            print(f"Setting up build/peers/{name} (once for each change of benchmarks/peers/{name}.txt)", flush=True)
            make(name)


def is_current(name: str) -> bool:
    """Whether an environment was made from the requirements as they are."""
    stamp = ENVIRONMENTS / name / "requirements.txt"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == requirements(name)


def requirements(name: str) -> str:
    """All that an environment is made from."""
    return "".join(path.read_text(encoding="utf-8") for path in files(name))


def files(name: str) -> list[Path]:
    """Its requirements, and those that are installed without what they ask for themselves, if there are such."""
    return [path for end in (".txt", "-alone.txt") if (path := REQUIREMENTS / f"{name}{end}").is_file()]


def make(name: str) -> None:
    """Make an environment anew, with the Python of this one."""
    folder = ENVIRONMENTS / name
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    for path in files(name):
        alone = ["--no-deps"] if path.stem.endswith("-alone") else []
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *alone, "--requirement", str(path)], check=True)
    (folder / "requirements.txt").write_text(requirements(name), encoding="utf-8")
