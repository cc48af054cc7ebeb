"""What one student needs for each chapter: memory and time of the kernel that runs it whole, with its solutions.

python benchmarks/classroom.py [--record results/classroom.json]

Each chapter runs twice, one after another: in an empty folder, as a student's first does, and again, where the phantom
and the answers of the networks are there. Seconds are a processor's: other work on the machine does not count.
"""

import argparse
import json
import os
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

from brainseg.backend import processor
from brainseg.paper.course.editions import REPOSITORY, edition, scripts

ASK = """import json, resource
of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
unit = 2**20 if __import__("sys").platform == "darwin" else 2**10
print(json.dumps([max(one.ru_maxrss for one in of) / unit, sum(one.ru_utime + one.ru_stime for one in of)]))
"""
"""The last cell: the most memory that was resident, in MiB, and seconds of a processor."""


def needed(script: Path, workspace: Path) -> tuple[float, float]:
    """Memory and seconds that a chapter takes with what is in a folder."""
    os.environ["BRAINSEG_WORKSPACE"] = str(workspace)  # the kernel takes it over
    notebook = edition(script)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    place = {"metadata": {"path": str(REPOSITORY / "notebooks")}}
    NotebookClient(notebook, timeout=None, resources=place).execute()
    memory, seconds = json.loads(notebook.cells[-1].outputs[-1].text)
    return memory, seconds


def main() -> None:
    """Measure all chapters, and record what the teachers' page reads."""
    parser = argparse.ArgumentParser(description="What one student needs for each chapter.")
    parser.add_argument("--record", type=Path, help="JSON file to write")
    given, rows = parser.parse_args(), []
    for script in scripts():
        with TemporaryDirectory() as folder:
            (memory, first), (more, again) = (needed(script, Path(folder)) for _ in range(2))
            disk = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 2**20
        row = {"memory_mib": max(memory, more), "first_seconds": first, "again_seconds": again, "disk_mib": disk}
        rows.append({"chapter": script.stem} | {name: round(value, 1) for name, value in row.items()})
        print(rows[-1], flush=True)
    machine = {"date": str(date.today()), "processor": processor(), "python": sys.version.partition(" ")[0]}
    if given.record:
        given.record.write_text(json.dumps({"chapters": rows, "machine": [machine]}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
