"""Temperature scaling: one number that makes a network's probabilities as sure as it is right.

Fitted on the development set's validation images alone; no class changes its rank by it. Log
probabilities serve as logits: what they lack is the same for all classes of an image.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a temperature: a fit that runs beyond them stops there."""

BISECTIONS = 60
TINY = 1e-12


def fit_temperature(logits: Floats, labels: NDArray[np.integer[Any]]) -> float:
    """Find the temperature whose probabilities make the true classes most likely.

    The mean negative log-likelihood is convex in 1 / temperature, so that it has one minimum,
    which the sign of its slope brackets.

    Args:
        logits: Of every class, or logarithms of probabilities, (N, C), finite.
        labels: Index of the true class, (N,).

    Returns:
        In [0.05, 20]; 1 leaves probabilities as they are, more makes them less sure.

    Raises:
        ValueError: If there is no image, or the shapes do not fit.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or len(logits) == 0 or labels.shape != logits.shape[:1]:  # noqa: PLR2004
        raise ValueError(f"logits {logits.shape} and labels {labels.shape} do not fit")
    centred = logits - logits.max(axis=1, keepdims=True)
    own = centred[np.arange(len(labels)), labels].mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        expected = (_softmax(middle * centred) * centred).sum(axis=1).mean()
        low, high = (low, middle) if expected > own else (middle, high)
    return float(2 / (low + high))


def apply_temperature(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Return calibrated probabilities.

    Args:
        probabilities: Of every class, (..., C).
        temperature: From ``fit_temperature``, above 0.
    """
    return _softmax(as_logits(probabilities) / temperature)


def as_logits(probabilities: Floats) -> NDArray[np.float64]:
    """Return logits of these probabilities, (..., C): their logarithms, bounded at 1e-12."""
    return np.asarray(np.log(np.clip(np.asarray(probabilities, dtype=np.float64), TINY, None)))


def _softmax(logits: Floats) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
