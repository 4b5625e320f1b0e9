"""From stored values to grey in [0, 1], where the file does not say how."""

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE = 0.5
HIGH_PERCENTILE = 99.5

DEPTHS = (8, 10, 12, 14, 15, 16)

Values = NDArray[np.float32]


def stretch(values: Values, *, low: float, high: float) -> Values:
    """Map [low, high] to [0, 1] and clip; all zeros when the interval is empty."""
    if not high > low:
        return np.zeros_like(values)
    unit = (values - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(unit, 0.0, 1.0), dtype=np.float32)


def percentile_window(values: Values, *, ignored: NDArray[np.bool_] | None = None) -> Values:
    """Map the 0.5th to 99.5th percentiles to [0, 1]: what is left where no window is stored.

    An image of few grey values, whose percentiles coincide, is mapped by its full range.

    Args:
        values: (H, W), of any unit.
        ignored: True where a pixel is padding and shall not count, (H, W).
    """
    counted = values if ignored is None else values[~ignored]
    if counted.size == 0:
        return np.zeros_like(values)
    low, high = np.percentile(counted, [LOW_PERCENTILE, HIGH_PERCENTILE])
    if not high > low:
        low, high = counted.min(), counted.max()
    return stretch(values, low=float(low), high=float(high))


def smallest_depth(brightest: int) -> int:
    """Return the smallest usual depth, in bits, that holds a value of up to 16 bits."""
    return next(bits for bits in DEPTHS if brightest < 2**bits)
