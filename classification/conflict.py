"""Conflict groups: the images of a test whose background misleads, and those where it helps.

A network that never saw the lungs says what the backgrounds suggest. Where it is wrong, a
classifier that follows the background is wrong with it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUPS = ("aligned", "conflict")
"""Names of the groups: the background suggests the true class, or another one."""

TINY = 1e-12


def in_conflict(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """Tell which images the background speaks against.

    Only classes that the test has are weighed, and each by how far its log-probability lies above
    its own median over the test: what a control thinks of a hospital as a whole says nothing about
    one image of it. With two classes, an image is in conflict when its log-odds are on the wrong
    side of their median.

    Args:
        probabilities: Of a control that sees the background alone, (N, C).
        truth: Class indices, (N,).

    Returns:
        (N,); all False where the test has a single class.
    """
    present = np.unique(truth)
    if len(present) < 2:  # noqa: PLR2004  nothing to be misled about
        return np.zeros(len(truth), dtype=bool)
    logs = np.log(np.clip(probabilities[:, present], TINY, None))
    logs = logs - logs.mean(axis=1, keepdims=True)
    suggested = present[(logs - np.median(logs, axis=0)).argmax(axis=1)]
    return np.asarray(suggested != truth)
