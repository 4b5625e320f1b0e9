"""What is answered of an image: plain values, pictures as PNG in base64."""

import math
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.verdict import REFUSED, Verdict
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.writers import write_mask
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Prediction, Predictor
from isnet_cxr.segmentation.segmenter import LungMask

NOTE = "Research use only, not a medical device."


def answer(
    predictor: Predictor, image: Radiograph, *, explained: str, refuse: bool, pictures: bool
) -> dict[str, Any]:
    """Predict one image, as the batch job does.

    Args:
        predictor: The networks and the gate.
        image: As its reader returned it.
        explained: A class, or "predicted".
        refuse: Whether what the gate refuses stays without a prediction.
        pictures: Whether the mask and the heatmap are drawn.

    Returns:
        image_id, gate, gate_reason, flags, predicted, probabilities, calibrated, explained,
        relevance_inside_lungs, mask_quality, mask_reasons, mask, heatmap and note; None for what
        is not known, and for all of a prediction that was refused.

    Raises:
        NoLungsError: If the classifier needs lungs and the image has none.
        InputError: If there is no such class.
    """
    if explained not in ("predicted", *predictor.classes):
        names = ", ".join(predictor.classes)
        raise InputError(f"explained: no such class, expected predicted or one of: {names}")
    predictor.check(explained)
    lungs = predictor.segment(image.pixels)
    gate = predictor.judge(image, lungs)
    known = _known(image, lungs, gate, pictures=pictures)
    if refuse and gate.name == REFUSED:
        return known
    (prediction,) = predictor.predict([image.pixels], lungs=[lungs], explained=explained)
    inside = prediction.relevance_inside_lungs
    return {
        **known,
        "flags": list(prediction.flags),
        "predicted": prediction.predicted,
        "probabilities": _by_class(prediction.probabilities, prediction),
        "calibrated": _by_class(prediction.calibrated, prediction),
        "explained": prediction.explained,
        "relevance_inside_lungs": None if math.isnan(inside) else inside,
        "heatmap": _heatmap(prediction) if pictures else None,
    }


def _known(
    image: Radiograph, lungs: LungMask | None, gate: Verdict, *, pictures: bool
) -> dict[str, Any]:
    """Return what is known of an image without a prediction; every key is there."""
    return {
        "image_id": image_id(image.pixels),
        "gate": gate.name,
        "gate_reason": gate.reason,
        "flags": [],
        "predicted": None,
        "probabilities": None,
        "calibrated": None,
        "explained": None,
        "relevance_inside_lungs": None,
        "mask_quality": None if lungs is None else lungs.quality,
        "mask_reasons": [] if lungs is None else list(lungs.reasons),
        "mask": None if lungs is None or not pictures else _mask(lungs),
        "heatmap": None,
        "note": NOTE,
    }


def _by_class(values: NDArray[Any] | None, prediction: Prediction) -> dict[str, float] | None:
    if values is None:
        return None
    return {name: float(value) for name, value in zip(prediction.classes, values, strict=True)}


def _mask(lungs: LungMask) -> str:
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        write_mask(lungs.mask, Path(folder) / "mask.png")
        return _encoded(Path(folder))


def _heatmap(prediction: Prediction) -> str:
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        OUTPUTS["heatmap"].write(prediction, Path(folder))
        return _encoded(Path(folder))


def _encoded(folder: Path) -> str:
    """Return the one picture in a folder, in base64."""
    (path,) = folder.rglob("*.png")
    return b64encode(path.read_bytes()).decode()
