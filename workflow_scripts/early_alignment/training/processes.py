"""One training spread over several processes of one machine, a GPU each, or processors where there are none."""

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as distributed

from ..errors import InputError


def size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is; 0 writes and prints."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def summed(values: torch.Tensor) -> torch.Tensor:
    """The sum over processes."""
    if size() > 1:
        distributed.all_reduce(values)
    return values


def buffers_of_the_first(network: torch.nn.Module) -> None:
    """Give every process the running statistics of the first, which are those that are saved."""
    if size() > 1:
        for buffer in network.buffers():
            distributed.broadcast(buffer, src=0)


def barrier() -> None:
    """Wait for all."""
    if size() > 1:
        distributed.barrier()


def side_by_side(network: torch.nn.Module) -> torch.nn.Module:
    """The network as it is called in training: gradients are averaged over processes, batch norm is each one's own."""
    return torch.nn.parallel.DistributedDataParallel(network) if size() > 1 else network


@contextmanager
def joined():
    """Be one of the processes that `start_in_place` started, if this is one."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    local = int(os.environ["LOCAL_RANK"])
    if torch.cuda.is_available():
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def start_in_place(module: str, processes: int, arguments: dict, arguments_file: Path) -> None:
    """Become torchrun, which starts a module of this package in so many processes; does not return.

    Replacing this process leaves none in between that could swallow a signal or outlive its children.

    Args:
        module: Its name in this package; it gets the name of the arguments' file.
        processes: How many.
        arguments: What the module is told, as JSON.
        arguments_file: Where to write that.

    Raises:
        InputError: There are GPUs, but fewer.
    """
    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise InputError("resource gpu of rule train", f"{processes} on a machine with {gpus}", f"1 to {gpus}",
                         "ask for as many GPUs as a machine has")  # fmt: skip
    arguments_file.parent.mkdir(parents=True, exist_ok=True)
    arguments_file.write_text(json.dumps(arguments) + "\n")
    package = Path(__file__).parents[1]
    paths = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
               "-m", f"{package.name}.{module}", str(arguments_file)]  # fmt: skip
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, os.environ | {"PYTHONPATH": os.pathsep.join(paths)})


def end_with_parent() -> None:
    """Ask Linux to kill this process when the one that started it dies, however that happens."""
    import ctypes

    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
