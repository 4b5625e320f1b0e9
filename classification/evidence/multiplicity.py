"""Many tests at once: how p-values are raised so that all of them together err as seldom as one."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down (1979); NaN, a test that could not be made, stays NaN."""
    values = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    values[order] = np.minimum(1, np.maximum.accumulate(values[order] * factors))
    return [float(value) for value in values]
