"""How much of a gap is closed: between a baseline from elsewhere and one trained on the spot.

The ceiling is cross-validated. Each of its folds is predicted by a network of its own, whose scores
have a scale of their own: ranking images of different folds against each other would mix those
scales up, which as a rule makes the area too small (Forman and Scholz 2010,
doi:10.1145/1882471.1882479). The figure is therefore taken within each fold and averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from isnet_cxr.classification.figures.figure import Figure, Floats, Ints, Scored
from isnet_cxr.classification.resampling import Resamples, quantiles


@dataclass(frozen=True)
class Sampled:
    """A figure and what it is in each of B bootstrap samples.

    Attributes:
        value: Mean over seeds.
        drawn: The same of every sample of patients and seeds, (B,); NaN where it has none.
    """

    value: float
    drawn: Floats

    def __sub__(self, other: "Sampled") -> "Sampled":
        """Return the difference of two figures of the same samples."""
        return Sampled(self.value - other.value, self.drawn - other.drawn)

    @property
    def ci95(self) -> list[float]:
        """95 % interval over the samples."""
        return quantiles(self.drawn)


def sample(figure: Figure, scored: Sequence[Scored], samples: Resamples) -> Sampled:
    """Measure the predictions of S seeds on N images, and on every sample.

    Args:
        figure: What is measured.
        scored: Of each seed.
        samples: Of these images and seeds.
    """
    value = float(np.mean([figure.measure(one) for one in scored]))
    drawn = samples.of([figure], scored)[0]
    return Sampled(value, samples.over_seeds(drawn, strict=True))


def sample_folds(
    figure: Figure, scored: Sequence[Scored], folds: Ints, samples: Resamples
) -> Sampled:
    """Do the same for cross-validated predictions: within each fold, then the mean of folds.

    A sample may leave a fold without a class; its mean is of the other folds.

    Args:
        figure: What is measured.
        scored: Of each seed, predictions of every image by the network that did not see it.
        folds: Number of each image's fold, (N,).
        samples: Of these images and seeds.
    """
    values, drawn = [], []
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        own = [one.at(rows) for one in scored]
        values.append([figure.measure(one) for one in own])
        drawn.append(replace(samples, patient=samples.patient[rows]).of([figure], own)[0])
    means = _mean_of_known(np.stack(drawn))
    return Sampled(float(np.mean(values)), samples.over_seeds(means, strict=True))


def share_closed(gained: Sampled, gap: Sampled) -> Sampled | None:
    """Divide what a classifier gained over the baseline by what there was to gain.

    A sample without a gap counts as one with the smallest gap that was drawn: it stays at the end
    of the interval where it belongs. At most one sample in forty is of that kind.

    Args:
        gained: The classifier less the baseline.
        gap: The ceiling less the baseline, on the same samples.

    Returns:
        1 where the classifier is at the ceiling, 0 where it is at the baseline; it may be beyond
        both. None where the gap's interval is not above 0: there is nothing to divide by.
    """
    if not gap.ci95[0] > 0:
        return None
    smallest = gap.drawn[gap.drawn > 0].min()
    return Sampled(gained.value / gap.value, gained.drawn / np.maximum(gap.drawn, smallest))


def _mean_of_known(values: Floats) -> Floats:
    """Average over the first axis what is no NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    mean = np.full(values.shape[1:], np.nan)
    np.divide(np.where(known, values, 0).sum(0), known.sum(0), out=mean, where=known.any(0))
    return mean
