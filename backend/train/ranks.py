"""Several processes that train one network: each sees its own samples, and gradients are averaged.

Started with `python -m torch.distributed.run --nproc-per-node N -m backend.train ...`; a process by itself is
the first of one, and none of this does anything.
"""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which process of how many this is."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """The process that judges, writes and keeps the time."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """A seed of this process's own, so that no two see the same samples."""
        return seed * self.count + self.rank

    def device(self, device: str) -> str:
        """This process's own GPU of those that `device` stands for."""
        return f"cuda:{os.environ['LOCAL_RANK']}" if self.count > 1 and device == "cuda" else device

    def share_start(self, networks: Iterable[nn.Module]) -> None:
        """Give every process the first one's weights."""
        if self.count > 1:
            for net in networks:
                for tensor in (*net.parameters(), *net.buffers()):
                    dist.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace every process's gradients by their mean."""
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not grads:
            return
        flat = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(flat)
        flat /= self.count
        for grad, part in zip(grads, flat.split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(part.view_as(grad))

    def agree(self, value: float) -> float:
        """The first process's value: clocks differ, and all must stop after the same step."""
        if self.count == 1:
            return value
        # On the processor, where it waits for no GPU.
        shared = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)


def join() -> Ranks:
    """Meet the other processes that the environment tells of."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return current()


def leave(code: int) -> int:
    """Wait until all are done, then end the process with `code`; alone, return it.

    Python and C++ do not end it: there, with the group destroyed or not, gloo's threads abort the process
    now and then ("terminate called without an active exception").
    """
    if not dist.is_initialized():
        return code
    dist.barrier()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def current() -> Ranks:
    """Which process this is, after `join`."""
    return Ranks(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Ranks()
