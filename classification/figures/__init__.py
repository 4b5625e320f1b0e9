"""Figures of merit: each is one function and one row of ``FIGURES``.

Summary, report, terminal, MLflow and comparisons go through ``FIGURES`` and know no figure by name.
"""

from isnet_cxr.classification.figures.figure import FIGURES, Figure, Scored, measured
from isnet_cxr.classification.figures.standard import (
    accuracy,
    macro_auc,
    macro_f1,
    pair_auc,
    relevance_inside_lungs,
)

AREAS = ("pair_auc", "macro_auc")
"""Of a test's areas, the one that is told is the first that it has."""

__all__ = [
    "AREAS",
    "FIGURES",
    "Figure",
    "Scored",
    "accuracy",
    "macro_auc",
    "macro_f1",
    "measured",
    "pair_auc",
    "relevance_inside_lungs",
]
