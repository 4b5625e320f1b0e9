"""Whether an image is a frontal chest radiograph at all."""

from collections.abc import Mapping

from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction


class GateVerdict(Output):
    """Columns gate and gate_reason; empty for images that nobody judged."""

    explains = False

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the verdict, and why or on what it could not rest."""
        gate = prediction.gate
        return {
            "gate": "" if gate is None else gate.name,
            "gate_reason": "" if gate is None else gate.reason,
        }
