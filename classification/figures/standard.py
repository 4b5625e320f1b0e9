"""The figures of merit of every study: F1, area under the ROC curve, accuracy, relevance."""

import numpy as np
from scipy.stats import rankdata

from isnet_cxr.classification.figures import weighted
from isnet_cxr.classification.figures.figure import FIGURES, Figure, Floats, Ints, Scored

RELEVANCE = "relevance_inside_lungs"


def accuracy(predicted: Ints, truth: Ints) -> float:
    """Share of images whose class is right; both (N,)."""
    return float(np.mean(predicted == truth))


def macro_f1(predicted: Ints, truth: Ints) -> float:
    """Mean F1 over the classes that occur in ``truth``; both (N,)."""
    scores = []
    for label in np.unique(truth):
        hits = float(np.sum((predicted == label) & (truth == label)))
        claimed, existing = float(np.sum(predicted == label)), float(np.sum(truth == label))
        scores.append(2 * hits / (claimed + existing))
    return float(np.mean(scores))


def macro_auc(probabilities: Floats, truth: Ints) -> float:
    """Mean one-against-rest area under the ROC curve, over classes with images on both sides.

    Args:
        probabilities: (N, C).
        truth: Class indices, (N,).

    Returns:
        In [0, 1]; NaN when ``truth`` holds fewer than two classes.
    """
    areas = []
    for label in range(probabilities.shape[1]):
        positive = truth == label
        positives, negatives = int(positive.sum()), int((~positive).sum())
        if positives and negatives:
            ranks = rankdata(probabilities[:, label])[positive].sum()
            areas.append((ranks - positives * (positives + 1) / 2) / (positives * negatives))
    return float(np.mean(areas)) if areas else float("nan")


def pair_auc(probabilities: Floats, truth: Ints) -> float:
    """Area under the ROC curve between the two classes of a test that has two.

    The score is the log-odds between these two, whatever the classifier thinks of other classes.

    Args:
        probabilities: (N, C).
        truth: Class indices, (N,).

    Returns:
        In [0, 1]; NaN when ``truth`` does not hold exactly two classes.
    """
    present = np.unique(truth)
    if len(present) != 2:  # noqa: PLR2004
        return float("nan")
    odds = weighted.log_odds(probabilities, present)
    return macro_auc(np.stack([-odds, odds], axis=1), (truth == present[1]).astype(int))


def relevance_inside_lungs(scored: Scored) -> float:
    """Mean share of absolute relevance inside the lungs, over images with a mask."""
    share = np.asarray(scored.columns[RELEVANCE], dtype=float)
    known = share[~np.isnan(share)]
    return float(known.mean()) if len(known) else float("nan")


FIGURES.register(
    "macro_f1",
    Figure(
        title="macro F1",
        measure=lambda scored: macro_f1(scored.predicted, scored.truth),
        resampled=lambda scored, counts: weighted.macro_f1(scored.predicted, scored.truth, counts),
        compared=True,
        stressed=True,
        plotted=True,
    ),
)
FIGURES.register(
    "macro_auc",
    Figure(
        title="macro AUC",
        measure=lambda scored: macro_auc(scored.probabilities, scored.truth),
        resampled=lambda scored, counts: weighted.macro_auc(
            scored.probabilities, scored.truth, counts
        ),
        compared=True,
        stressed=True,
        plotted=True,
    ),
)
FIGURES.register(
    "pair_auc",
    Figure(
        title="AUC, two classes",
        measure=lambda scored: pair_auc(scored.probabilities, scored.truth),
        resampled=lambda scored, counts: weighted.pair_auc(
            scored.probabilities, scored.truth, counts
        ),
        compared=True,
        stressed=True,
    ),
)
FIGURES.register(
    "accuracy",
    Figure(
        title="accuracy",
        measure=lambda scored: accuracy(scored.predicted, scored.truth),
        resampled=lambda scored, counts: weighted.mean(scored.predicted == scored.truth, counts),
        compared=True,
    ),
)
FIGURES.register(
    RELEVANCE,
    Figure(
        title="relevance inside the lungs",
        measure=relevance_inside_lungs,
        resampled=lambda scored, counts: weighted.mean(
            np.asarray(scored.columns[RELEVANCE], dtype=float), counts
        ),
        inputs=(RELEVANCE,),
        plotted=True,
    ),
)
