"""Why a person should look at an image."""

from collections.abc import Mapping

from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction


class Flags(Output):
    """Column review_flag."""

    explains = False

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the review flags, one string."""
        return {"review_flag": "; ".join(prediction.flags)}
