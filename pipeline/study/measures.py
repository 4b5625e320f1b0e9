"""Five measures of reliance on the background, and what speaks against a classifier."""

from collections.abc import Mapping
from dataclasses import dataclass

EXCHANGED, ERASED = "exchanged", "erased"


@dataclass(frozen=True)
class Measure:
    """One way to see whether a classifier relies on the background.

    Attributes:
        title: What the report calls it.
        limit: From where on it speaks against a classifier.
        highest: Whether more than ``limit`` does; less does otherwise.
        fooled: How it can be fooled, in a sentence.
    """

    title: str
    limit: float
    highest: bool
    fooled: str

    def catches(self, value: float) -> bool:
        """Say whether ``value`` speaks against a classifier; NaN never does."""
        return value > self.limit if self.highest else value < self.limit


MEASURES: Mapping[str, Measure] = {
    "relevance": Measure(
        "relevance inside the lungs", 0.7, False,
        "A background that switches units off has no relevance; a heatmap may show edges alone.",
    ),
    "bias_test": Measure(
        "accuracy lost when planted marks deceive", 0.1, True,
        "It sees the planted marks alone, not the background that real hospitals have.",
    ),
    "exchange": Measure(
        "AUC lost when the background is exchanged", 0.05, True,
        "What touches the lungs lies in the seam and stays; a seam that looks odd costs by itself.",
    ),
    "erased": Measure(
        "AUC with the lungs erased", 0.75, True,
        "Black lungs are no image the network knows; their outline still tells their size.",
    ),
    "accounted": Measure(
        "log-odds accounted for by the lungs", 0.1, False,
        "Relevance that cancels hides evidence; shifts of normalisation have no pixel.",
    ),
}  # fmt: skip
"""By name, in the report's order."""
