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

__all__ = [
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
