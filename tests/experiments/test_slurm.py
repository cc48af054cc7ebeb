"""The workflow on a real Slurm: a cluster of one node, started for the test. `.ci/slurm` installs what it needs."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.data_fixtures import write_dataset

pytestmark = pytest.mark.slow

SBIN = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
SYSTEM = Path("/etc/slurm/slurm.conf")
"""Where the jobs look for it: Snakemake's plugin keeps SLURM_CONF from them."""

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed.txt
MinJobAge=600
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """Folder of a running Slurm: its configuration, its logs, and completed.txt with a line for each job."""
    lacking = [name for name in NEEDED if not shutil.which(name, path=SBIN)]
    if lacking:
        pytest.skip(f"Slurm is not installed here, {', '.join(lacking)} missing: .ci/slurm installs it on Debian")
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("Snakemake's plugin for Slurm is not installed: pip install 'brainseg[cluster]'")
    if SYSTEM.exists() or not os.access(SYSTEM.parent, os.W_OK):
        pytest.skip(f"{SYSTEM} is there already or cannot be written: a Slurm of the machine's own is left alone")
    folder = Path("/tmp") / f"brainseg-slurm-{os.getpid()}"  # a socket's path must be short, and open to the daemons  # noqa: S108 (a name only)
    folder.mkdir(mode=0o755)
    try:
        reason = start(folder)
        if reason:
            pytest.skip(f"Slurm does not start here: {reason}")
        yield folder
    finally:
        SYSTEM.unlink(missing_ok=True)
        for name in ("slurmd", "slurmctld", "munged"):
            stop(folder / f"{name}.pid")
        shutil.rmtree(folder)


def start(folder: Path) -> str:
    """Start the daemons; the reason, if they do not answer."""
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            host=socket.gethostname().partition(".")[0],
            ports=free_ports(2),
            user=getpass.getuser(),
            cores=os.cpu_count(),
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        )
    )
    SYSTEM.symlink_to(folder / "slurm.conf")
    munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    files = [f"--{option}={folder}/{'munged' if name == 'pid' else 'munge'}.{name}" for option, name in munge.items()]
    for command in (["munged", "--force", *files], ["slurmctld"], ["slurmd"]):
        done = run(*command)
        if done.returncode:
            return done.stdout.strip()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = run("sinfo", "--noheader", "--format=%T").stdout.strip()
        if answer == "idle":
            return ""
        time.sleep(0.3)
    return f"its node is {answer!r}, and not idle"


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PATH": SBIN}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def stop(pid_file: Path) -> None:
    if pid_file.is_file():
        os.kill(int(pid_file.read_text()), 15)
        deadline = time.monotonic() + 10
        while pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def test_preparation_and_trainings_run_as_jobs_of_slurm(slurm: Path, tmp_path: Path) -> None:
    data, work = write_dataset(tmp_path / "data"), tmp_path / "work"
    runs = [work / "tumorseg-quick-0" / "runs" / f"deeplab-{step}-published.json" for step in ("published", "paired")]
    quickly = ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
    unaccounted = ["--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-logdir", str(tmp_path / "logs")]
    environment = os.environ | {"BRAINSEG_WORKSPACE": str(work)}
    done = subprocess.run(
        [
            *("snakemake", "--profile", "profiles/slurm", "--retries", "0", *quickly, *unaccounted),
            *(os.path.relpath(record, REPOSITORY) for record in runs),
            *("--config", f"data={data}"),
        ],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert all(record.is_file() for record in runs)
    completed = [line for line in (slurm / "completed.txt").read_text().splitlines() if "COMPLETED" in line]
    assert len(completed) == 3, done.stdout
    assert all("ExitCode=0:0" in line for line in completed)
    assert {line.partition("mem=")[2].partition(",")[0] for line in completed} == {"2000M"}
