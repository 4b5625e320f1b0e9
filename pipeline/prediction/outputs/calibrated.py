"""The probabilities as the package's temperature changes them, fitted to validation images."""

from collections.abc import Mapping

from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction

PREFIX = "calibrated_p_"


class Calibrated(Output):
    """Columns calibrated_p_<class>, where the package has a temperature."""

    explains = False

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the calibrated probability of every class; no column without a temperature."""
        if prediction.calibrated is None:
            return {}
        pairs = zip(prediction.classes, prediction.calibrated, strict=True)
        return {f"{PREFIX}{name}": float(probability) for name, probability in pairs}
