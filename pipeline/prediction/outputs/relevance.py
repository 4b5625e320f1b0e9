"""How much of the relevance lies inside the lungs."""

from collections.abc import Mapping

from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction


class Relevance(Output):
    """Columns explained and relevance_inside_lungs."""

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the explained class and its share of |relevance| inside the lungs."""
        return {
            "explained": prediction.explained,
            "relevance_inside_lungs": prediction.relevance_inside_lungs,
        }
