"""What a prediction is written as: one file per output, by name in ``OUTPUTS``.

One of your own, in a module named by ``--extension``:

>>> class Doubt(Output):
...     def columns(self, prediction):
...         return {"doubt": 1 - float(prediction.probabilities.max())}
>>> OUTPUTS.register("doubt", Doubt())
"""

from isnet_cxr.pipeline.prediction.outputs.arrays import Arrays
from isnet_cxr.pipeline.prediction.outputs.calibrated import Calibrated
from isnet_cxr.pipeline.prediction.outputs.flags import Flags
from isnet_cxr.pipeline.prediction.outputs.gate import GateVerdict
from isnet_cxr.pipeline.prediction.outputs.heatmap import Heatmap
from isnet_cxr.pipeline.prediction.outputs.lungs import Lungs, Masks
from isnet_cxr.pipeline.prediction.outputs.output import OUTPUTS, Output
from isnet_cxr.pipeline.prediction.outputs.probabilities import Probabilities
from isnet_cxr.pipeline.prediction.outputs.relevance import Relevance

__all__ = ["OUTPUTS", "Output"]

OUTPUTS.register("probabilities", Probabilities())
OUTPUTS.register("calibrated", Calibrated())
OUTPUTS.register("relevance", Relevance())
OUTPUTS.register("heatmap", Heatmap())
OUTPUTS.register("lungs", Lungs())
OUTPUTS.register("masks", Masks())
OUTPUTS.register("flags", Flags())
OUTPUTS.register("gate", GateVerdict())
OUTPUTS.register("arrays", Arrays())
