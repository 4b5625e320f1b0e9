"""One training over several processes: which of them this is, and what they do together.

Every process runs the whole training. Each takes its share of every batch, gradients are averaged
over all (Lightning's DDP), buffers after every step, so that all hold the same network. The first
writes what there is to write. A process that nobody else trains with is the first of one, and none
of this costs it anything.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import torch.distributed as group
from torch import Tensor

from isnet_cxr.data.errors import InputError

PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""What torchrun tells a process: its number of how many, in all and on its machine."""


def count() -> int:
    """Return how many processes train together."""
    return group.get_world_size() if group.is_initialized() else 1


def number() -> int:
    """Return this process's number, from 0."""
    return group.get_rank() if group.is_initialized() else 0


def is_first() -> bool:
    """Tell whether this is the process that writes."""
    return number() == 0


def join(meeting: Path | None = None) -> None:
    """Meet the other processes of the training, if the environment says that there are some.

    Args:
        meeting: A file that does not exist, where the processes of one machine find each other;
            None takes the address that ``torchrun`` has set.

    Raises:
        InputError: If there are more processes than GPUs on a machine that has some.
    """
    if any(name not in os.environ for name in PLACE) or int(os.environ["WORLD_SIZE"]) == 1:
        return
    here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if gpus and here > gpus:
        raise InputError(f"processes: expected at most one for each GPU ({gpus}), got {here}")
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    group.init_process_group(
        "cpu:gloo,cuda:nccl" if gpus else "gloo",
        init_method="env://" if meeting is None else meeting.as_uri(),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if count() > 1:
        group.barrier()


def check_shares(images: int, what: str) -> None:
    """Refuse a number of images that the processes cannot share evenly.

    Raises:
        InputError: Naming ``what`` it is.
    """
    if images % count():
        raise InputError(
            f"{what}: expected a number that {count()} processes share evenly, got {images}"
        )


def share(rows: Tensor) -> Tensor:
    """Return this process's rows of what all hold."""
    return rows[number() :: count()]


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Set each of ``tensors``, which every process has, to its mean over the processes."""
    own = [tensor for tensor in tensors if tensor.is_floating_point()]
    if count() == 1 or not own:
        return
    flat = torch.cat([tensor.float().flatten() for tensor in own])
    group.all_reduce(flat)
    flat /= count()
    start = 0
    for tensor in own:
        tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
        start += tensor.numel()


def rows_of_all(rows: Tensor) -> Tensor:
    """Return the rows (N, ...) of every process, the first process's first; numbers may differ."""
    if count() == 1:
        return rows
    counts = [torch.tensor(0) for _ in range(count())]
    group.all_gather(counts, torch.tensor(len(rows)))
    longest = max(int(one) for one in counts)
    padded = torch.cat([rows, rows.new_zeros(longest - len(rows), *rows.shape[1:])])
    parts = [torch.empty_like(padded) for _ in range(count())]
    group.all_gather(parts, padded)
    return torch.cat([part[: int(one)] for part, one in zip(parts, counts, strict=True)])


class Means:
    """Means of named values over the images of all processes; not every one has every name."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, values: Mapping[str, Tensor], images: int) -> None:
        """Add a step's values, each a mean over ``images``."""
        for name, value in values.items():
            total, before = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + float(value.detach()) * images, before + images)

    def take(self) -> dict[str, float]:
        """Return the means of what every process has added, and begin anew."""
        parts: list[dict[str, tuple[float, int]]] = [{} for _ in range(count())]
        group.all_gather_object(parts, self._sums)
        self._sums = {}
        names = dict.fromkeys(name for part in parts for name in part)
        found = {name: [part[name] for part in parts if name in part] for name in names}
        return {
            name: sum(total for total, _ in each) / sum(images for _, images in each)
            for name, each in found.items()
        }
