"""Ask what is known to be unsafe among the packages of the lock: ``python scripts/audit.py``, or ``make audit``.

pip-audit asks PyPI, in an environment of its own. Where it is not answered it says so of each package and ends as if
nothing were wrong; here that is said once, and the exit status is 2. 1: something was found, 0: all is well.
"""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

AUDIT = ("uv", "tool", "run", "--quiet", "pip-audit==2.10.1")
LOCK = ("--requirement", "requirements.lock", "--require-hashes", "--disable-pip")


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit status and lines, from what pip-audit reports as JSON."""
    packages = report["dependencies"]
    found = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in packages
        for flaw in one.get("vulns", [])
    ]
    skipped = Counter(one["skip_reason"].partition(": ")[0] for one in packages if "skip_reason" in one)
    said = [*found, *(f"NOT AUDITED, {count} of {len(packages)} packages: {why}" for why, count in skipped.items())]
    return 1 if found else 2 if skipped or not packages else 0, said or [
        f"{len(packages)} packages, none known to be unsafe"
    ]


def main() -> int:
    """Run pip-audit over the lock, and print what it comes to."""
    command = [*AUDIT, *LOCK, "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 (a fixed list of words)
    try:
        status, lines = verdict(json.loads(done.stdout))
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        status, lines = 2, [f"NOT AUDITED: {last[0]}"]
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
