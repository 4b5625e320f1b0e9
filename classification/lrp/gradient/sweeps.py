"""Several elementwise steps in one sweep over the memory.

On a processor, elementwise steps wait for memory. Done block by block, all steps of a block find it
in the cache. On other devices a block is the whole tensor: there, starting a kernel is what costs.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 2**16  # values per thread: 256 KiB each of up to five tensors


def in_blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield equal parts of ``tensors``, views that together cover every value once.

    Args:
        tensors: Of one shape, all on one device.
    """
    first, *others = tensors
    alike = all(tensor.stride() == first.stride() for tensor in others)
    size = BLOCK * torch.get_num_threads()
    if first.numel() <= size or first.device.type != "cpu" or not alike or not _is_dense(first):
        yield tensors
    else:
        flat = (torch.split(t.as_strided((t.numel(),), (1,)), size) for t in tensors)
        yield from zip(*flat, strict=True)


def _is_dense(tensor: Tensor) -> bool:
    """Whether the values lie side by side in memory, in whichever order."""
    if tensor.is_contiguous():
        return True
    return tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)  # noqa: PLR2004
