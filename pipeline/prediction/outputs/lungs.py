"""The lung mask, and how good it is."""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.writers import write_mask
from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction


class Lungs(Output):
    """Columns mask_quality and mask_reasons."""

    explains = False

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the segmenter's verdict; empty without a segmenter."""
        lungs = prediction.lungs
        return {
            "mask_quality": "" if lungs is None else lungs.quality,
            "mask_reasons": "" if lungs is None else "; ".join(lungs.reasons),
        }


class Masks(Output):
    """``masks/<image_id>.png``, at the image's size; nothing without a segmenter."""

    explains = False

    def write(self, prediction: Prediction, out: Path) -> None:
        """Write the mask, if there is one."""
        if prediction.lungs is not None:
            write_mask(prediction.lungs.mask, out / "masks" / f"{prediction.image_id}.png")
