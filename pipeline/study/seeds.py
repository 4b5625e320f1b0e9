"""One classifier's figures over its training seeds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from isnet_cxr.classification.statistics import summarise_seeds


def score_seeds(frames: Mapping[int, pd.DataFrame], classes: Sequence[str]) -> dict[str, Any]:
    """Score the predictions of every seed on the same images.

    Args:
        frames: One row per image, by seed.
        classes: Class names, in the order of the network's outputs.

    Returns:
        Means over seeds; ``ci95`` over patients and seeds; ``spread``, what patients and seeds
        add to it, each by itself; and ``seeds`` with each seed's own.
    """
    own, pooled = summarise_seeds(list(frames.values()), classes)
    by_seed = {str(seed): figures for seed, figures in zip(frames, own, strict=True)}
    return {**average(own), **pooled, "seeds": by_seed}


def average(figures: Sequence[Any]) -> Any:
    """Average figures over seeds: numbers, and mappings and lists of them, place by place.

    A figure that a seed does not have is left out of the mean; equal whole numbers stay whole.
    """
    known = [value for value in figures if not (isinstance(value, float) and math.isnan(value))]
    if not known:
        return math.nan
    first = known[0]
    if isinstance(first, Mapping):
        return {key: average([value[key] for value in known if key in value]) for key in first}
    if isinstance(first, list):
        return [average(list(values)) for values in zip(*known, strict=True)]
    if all(value == first for value in known):
        return first
    return math.fsum(known) / len(known)
