"""Heavy imports without the garbage collector, which would walk what they make in vain."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports_uncollected() -> Iterator[None]:
    """Keep the garbage collector off while modules are imported.

    torch alone makes some hundred thousand objects that stay until the process ends. The collector
    walks all of them again and again as they come, and finds nothing: a sixth of the time that a
    prediction of one image takes (``isnet-cxr bench predict``).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
