"""How much memory a process takes."""

import sys
from pathlib import Path


def peak_memory_mb() -> float:
    """Most memory that this process has had resident, in 10⁶ bytes; that of a graphics card is not in it.

    On Linux it is the process's own ``VmHWM``, because ``ru_maxrss`` there begins with the peak of the process that
    started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # here, because Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
