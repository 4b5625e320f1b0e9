"""The predicted class, and the probability of every class."""

from collections.abc import Mapping

from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction


class Probabilities(Output):
    """Columns predicted and p_<class>."""

    explains = False

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the most probable class and all probabilities."""
        pairs = zip(prediction.classes, prediction.probabilities, strict=True)
        return {
            "predicted": prediction.predicted,
            **{f"p_{name}": float(probability) for name, probability in pairs},
        }
