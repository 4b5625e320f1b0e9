"""Who reads an activation, and what is the images: what a recorded forward pass is asked about.

Relevance at the first layer is taken behind its batch norm and ReLU, as one map. That holds as
long as nothing else reads what lies between them.
"""

from collections import Counter
from collections.abc import Sequence, Set

from torch import Tensor
from torch.autograd.graph import Node


def count_readers(outputs: Sequence[Tensor]) -> Counter[Node]:
    """Count, for every step of the graph behind ``outputs``, how often others read its results.

    Args:
        outputs: Each has a graph.

    Returns:
        Readers of every step; only those that ``outputs`` depend on count.
    """
    waiting = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen, readers = set(waiting), Counter[Node]()
    while waiting:
        for source, _ in waiting.pop().next_functions:
            if source is None:
                continue
            readers[source] += 1
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return readers


def leads_to(output: Tensor, steps: Set[Node], *, not_behind: str) -> bool:
    """Whether ``output`` was computed from the results of one of ``steps``.

    Args:
        output: With a graph, or a constant.
        steps: Of the graph.
        not_behind: Name of a kind of step where relevance ends.
    """
    waiting = [output.grad_fn]
    seen = set(waiting)
    while waiting:
        step = waiting.pop()
        if step in steps:
            return True
        if step is None or step.name() == not_behind:
            continue
        sources = [source for source, _ in step.next_functions if source not in seen]
        seen.update(sources)
        waiting += sources
    return False


def is_pixels(tensor: Tensor, images: Tensor) -> bool:
    """Whether ``tensor`` lies in the memory of ``images``: the images, or a view of some pixels."""
    return tensor.untyped_storage().data_ptr() == images.untyped_storage().data_ptr()


def is_all_pixels(tensor: Tensor, images: Tensor) -> bool:
    """Whether ``tensor`` is the images, or the same pixels in the same order in another shape."""
    if tensor is images:
        return True
    return (
        is_pixels(tensor, images)
        and tensor.numel() == images.numel()
        and tensor.storage_offset() == images.storage_offset()
        and tensor.is_contiguous()
        and images.is_contiguous()
    )
