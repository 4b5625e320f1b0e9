"""How much of the relevance lies inside the lungs, and how much of the prediction it accounts for.

Relevance that cancels is not evidence: a heatmap may lie wholly inside the lungs, hundreds of times
larger than the log-odds that it is to explain. So the signed sum stands beside the log-odds, and
the sum of absolute values beside both.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction

LEAST = 1e-7
"""Smallest probability whose logarithm is taken."""


class Relevance(Output):
    """Columns explained, relevance_..., and the log-odds that the relevance is to explain."""

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return what is said of one heatmap.

        Returns:
            ``explained``: the class; ``relevance_inside_lungs``: share of |relevance|;
            ``relevance_rank_inside_lungs``: share of the most relevant pixels, as many as the lungs
            have; ``log_odds`` of the class; ``relevance_net_inside_lungs``: signed sum;
            ``relevance_gross``: sum of |relevance|. NaN where no lungs are known.
        """
        heatmap, inside = prediction.heatmap, prediction.mask > 0
        explained = prediction.classes.index(prediction.explained)
        known = bool(inside.any())
        return {
            "explained": prediction.explained,
            "relevance_inside_lungs": prediction.relevance_inside_lungs,
            "relevance_rank_inside_lungs": _rank(heatmap, inside) if known else math.nan,
            "log_odds": _log_odds(float(prediction.probabilities[explained])),
            "relevance_net_inside_lungs": float(heatmap[inside].sum()) if known else math.nan,
            "relevance_gross": float(np.abs(heatmap).sum()),
        }


def _rank(heatmap: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the share of the K most relevant pixels inside the lungs of K pixels."""
    count = int(inside.sum())
    most = np.argpartition(np.abs(heatmap), -count, axis=None)[-count:]
    return float(inside.ravel()[most].mean())


def _log_odds(probability: float) -> float:
    return math.log(max(probability, LEAST)) - math.log(max(1 - probability, LEAST))
