"""The command line in a process of its own."""

import subprocess
import sys

HEAVY = {"tensorflow", "jax", "torch", "keras", "sklearn", "skimage", "seaborn"}
IMPORTED = """
import sys
from brainseg.cli import app
sys.argv[1:] = {arguments!r}
try:
    app()
except SystemExit as stopped:
    assert not stopped.code, stopped
print(*sorted(name for name in sys.modules if "." not in name))
print(next((line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), 0))
"""


def alone(*arguments: object) -> tuple[set[str], float]:
    """Run ``brainseg`` in a process of its own: the packages that it imports, and its peak of memory in MB."""
    code = IMPORTED.format(arguments=[*map(str, arguments)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *_, modules, kilobytes = done.stdout.splitlines()
    return set(modules.split()), int(kilobytes) / 1000
