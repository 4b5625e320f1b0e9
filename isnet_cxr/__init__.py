"""Chest X-ray classifiers that keep looking at the lungs. Research software, no medical device.

>>> from isnet_cxr import LungSegmenter, Predictor, explain, heatmap_loss, prepare, read_image
>>> image = read_image("chest.dcm")                     # .pixels (1, H, W) in [0, 1]
>>> lungs = LungSegmenter.load("lungs").segment(image.pixels)    # .mask (H, W), .quality
>>> predicted = Predictor.load("model").predict([image.pixels])            # .predicted, .heatmap
>>> prepared = prepare(network)                         # any ReLU classifier: heatmaps to train by
>>> found = explain(network, images, masks)             # probabilities, heatmaps, share inside

The four folders of the repository are this package's parts; what is named here is imported when it
is asked for, so that ``import isnet_cxr`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isnet_cxr.classification.classifier import Classifier as Classifier
    from isnet_cxr.classification.explanation import explain_images as explain
    from isnet_cxr.classification.losses import HeatmapLossSettings as HeatmapLossSettings
    from isnet_cxr.classification.losses import heatmap_loss as heatmap_loss
    from isnet_cxr.classification.lrp import prepare as prepare
    from isnet_cxr.data.errors import InputError as InputError
    from isnet_cxr.data.readers import read_image as read_image
    from isnet_cxr.pipeline.prediction.predictor import Predictor as Predictor
    from isnet_cxr.segmentation.segmenter import LungSegmenter as LungSegmenter

__all__ = [
    "Classifier",
    "HeatmapLossSettings",
    "InputError",
    "LungSegmenter",
    "Predictor",
    "explain",
    "heatmap_loss",
    "prepare",
    "read_image",
]

_HOMES = {
    "Classifier": ("classification.classifier", "Classifier"),
    "HeatmapLossSettings": ("classification.losses", "HeatmapLossSettings"),
    "InputError": ("data.errors", "InputError"),
    "LungSegmenter": ("segmentation.segmenter", "LungSegmenter"),
    "Predictor": ("pipeline.prediction.predictor", "Predictor"),
    "explain": ("classification.explanation", "explain_images"),
    "heatmap_loss": ("classification.losses", "heatmap_loss"),
    "prepare": ("classification.lrp", "prepare"),
    "read_image": ("data.readers", "read_image"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  not for every import

        return version("isnet-cxr")
    if name not in _HOMES:
        raise AttributeError(f"module 'isnet_cxr' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"isnet_cxr.{module}"), attribute)


def __dir__() -> list[str]:
    """List what can be asked for."""
    return [*__all__, "__version__"]
