"""Images whose background is changed: exchanged, composed of many, or erased."""

from isnet_cxr.classification.backgrounds.erased import outside_lungs, without_background
from isnet_cxr.classification.backgrounds.exchange import Exchanger
from isnet_cxr.classification.backgrounds.pairs import SEAM_PX, exchange_backgrounds, fade
from isnet_cxr.classification.backgrounds.patchwork import compose_backgrounds

__all__ = [
    "SEAM_PX", "Exchanger", "compose_backgrounds", "exchange_backgrounds", "fade",
    "outside_lungs", "without_background",
]  # fmt: skip
