"""The numbers of the heatmap."""

from pathlib import Path

import numpy as np

from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.prediction.outputs.output import Output
from isnet_cxr.pipeline.prediction.predictor import Prediction


class Arrays(Output):
    """``arrays/<image_id>.npy``: signed relevance, float32 (S, S); where asked for."""

    always = False

    def write(self, prediction: Prediction, out: Path) -> None:
        """Write the heatmap in the geometry of the network's input."""
        path = out / "arrays" / f"{prediction.image_id}.npy"
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, prediction.heatmap)
