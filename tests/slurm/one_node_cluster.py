"""A SLURM of one node on loopback, in a scratch folder, with two pretended GPUs.

The GPUs are character devices like /dev/null: SLURM hands them out and sets CUDA_VISIBLE_DEVICES as for real ones.
The node claims more cores than the machine has, so that jobs which ask for as many as the profile does can start.
"""

import os
import shutil
import signal
import stat
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
SYSTEM_CONF = Path("/etc/slurm/slurm.conf")
"""Where srun looks within a job: Snakemake's plugin lets no variable of SLURM's through to it."""
CORES, MEGABYTES, GPUS = 8, 64_000, 2

SLURM_CONF = """
ClusterName=scratch
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={other_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=43200
KillWait=5
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cores} RealMemory={megabytes} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes=localhost Default=YES MaxTime=INFINITE DefaultTime=10 DefMemPerCPU=500 State=UP
PartitionName=gpu Nodes=localhost MaxTime=INFINITE DefaultTime=10 DefMemPerCPU=500 State=UP
"""


def installed() -> str | None:
    """Install SLURM if it is missing and this is root; None, or why it cannot be used here."""
    if SYSTEM_CONF.exists():
        return f"this machine is part of a cluster: it has {SYSTEM_CONF}"
    if os.geteuid() != 0:
        return "only root can start a SLURM"
    if shutil.which("slurmctld") and shutil.which("munged"):
        return None
    if not shutil.which("apt-get"):
        return f"no SLURM, and no apt-get to install it with: {' '.join(PACKAGES)}"
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES], check=True, env=quiet)
    return None


@contextmanager
def cluster(folder: Path):
    """Start the cluster in a folder, give the environment that reaches it, and stop it by its process numbers."""
    for name in ("controller", "node", "munge"):
        (folder / name).mkdir(parents=True)
    for i in range(GPUS):
        os.mknod(folder / f"gpu{i}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    port = 20_000 + os.getpid() % 10_000
    numbers = {"cores": CORES, "megabytes": MEGABYTES, "gpus": GPUS, "port": port, "other_port": port + 10_000}
    conf = folder / "slurm.conf"
    conf.write_text(SLURM_CONF.format(folder=folder, **numbers))
    environment = {"SLURM_CONF": str(conf)}
    SYSTEM_CONF.parent.mkdir(parents=True, exist_ok=True)
    SYSTEM_CONF.symlink_to(conf)
    pids = []
    try:
        pids.append(_munged(folder / "munge"))
        for daemon in (["slurmctld"], ["slurmd", "-N", "localhost"]):
            subprocess.run(daemon, check=True, env=os.environ | environment)
            pids.append(_pid(folder / f"{daemon[0]}.pid"))
        _until(lambda: "idle" in _sinfo(environment), "the node to be idle", folder)
        yield environment
    finally:
        SYSTEM_CONF.unlink()
        for pid in reversed(pids):
            _stop(pid)


def _munged(folder: Path) -> int:
    key = folder / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    pid = folder / "pid"
    options = {"key-file": key, "socket": folder / "socket", "pid-file": pid, "log-file": folder / "log"}
    options["seed-file"] = folder / "seed"
    command = ["munged", "--force", "--num-threads=2", *(f"--{name}={path}" for name, path in options.items())]
    subprocess.run(command, check=True)
    return _pid(pid)


def _sinfo(environment: dict) -> str:
    return subprocess.run(
        ["sinfo", "--noheader", "--format=%T"], env=os.environ | environment, capture_output=True, text=True
    ).stdout


def _pid(file: Path) -> int:
    _until(lambda: file.exists() and file.read_text().strip(), f"{file.name}", file.parent)
    return int(file.read_text())


def _until(done, what: str, folder: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            logs = "\n".join(file.read_text()[-3000:] for file in folder.glob("*.log"))
            raise TimeoutError(f"waited {seconds} s for {what}\n{logs}")
        time.sleep(0.2)


def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
