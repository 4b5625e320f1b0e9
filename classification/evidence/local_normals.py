"""What a handful of a new hospital's own normal images mend.

At another hospital all scores move together: order, and with it the area under the ROC curve, may
be as good as at home, and the most probable class wrong all the same. Here the odds of the normal
class are shifted until as many of a few local normal images are called normal as were of the
development set's validation images; the rest of the test is then scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.figures.figure import Floats, Ints
from isnet_cxr.classification.temperature import as_logits

NORMALS = 20
DRAWS = 200


@dataclass(frozen=True)
class Adapted:
    """Figures with and without local normal images.

    Attributes:
        normals: How many patients with a normal image are drawn.
        before: Mean recall of the classes by the most probable class.
        after: The same after the shift, on images of the other patients, mean over draws.
        low: 2.5 % quantile of ``after`` over the draws.
        high: 97.5 % quantile.
        accuracy: Share of images that are right, before and after.
    """

    normals: int
    before: float
    after: float
    low: float
    high: float
    accuracy: tuple[float, float]


def adapt(
    probabilities: Floats,
    truth: Ints,
    patient: Ints,
    *,
    normal: int,
    recall: Sequence[float],
    normals: int = NORMALS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Adapted | None:
    """Shift the odds of normal by local images, many times, and score the rest.

    Args:
        probabilities: Of S seeds, (S, N, C).
        truth: Class indices, (N,).
        patient: Number of each image's patient, (N,).
        normal: Index of the normal class.
        recall: Share of normal validation images that are called normal, of each seed.
        normals: How many patients with a normal image are drawn.
        draws: How often.
        seed: Of the draws.

    Returns:
        None where the test has fewer than twice as many such patients, or no other class.
    """
    known = np.unique(patient[truth == normal])
    if len(known) < 2 * normals or np.all(truth == normal):
        return None
    logits = as_logits(probabilities)
    rest = np.delete(logits, normal, axis=2)
    others = np.delete(np.arange(logits.shape[2]), normal)[rest.argmax(axis=2)]
    margin = rest.max(axis=2) - logits[:, :, normal]  # normal where a shift exceeds it
    generator = np.random.default_rng(seed)
    after = []
    for _ in range(draws):
        drawn = np.isin(patient, generator.choice(known, size=normals, replace=False))
        local = margin[:, drawn & (truth == normal)]
        shifts = [np.quantile(row, share) for row, share in zip(local, recall, strict=True)]
        predicted = np.where(margin <= np.asarray(shifts)[:, np.newaxis], normal, others)
        after.append(_score(predicted[:, ~drawn], truth[~drawn]))
    scores = np.asarray(after)
    before = _score(np.where(margin <= 0, normal, others), truth)
    low, high = np.quantile(scores[:, 0], [0.025, 0.975])
    return Adapted(
        normals,
        before[0],
        float(scores[:, 0].mean()),
        float(low),
        float(high),
        (before[1], float(scores[:, 1].mean())),
    )


def _score(predicted: Ints, truth: Ints) -> tuple[float, float]:
    """Mean recall of the classes that occur, and accuracy, means over seeds."""
    right: NDArray[np.bool_] = predicted == truth
    recalls = [right[:, truth == label].mean() for label in np.unique(truth)]
    return float(np.mean(recalls)), float(right.mean())
