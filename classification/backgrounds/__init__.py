"""Images whose background is changed: exchanged, composed of many, permuted, or erased."""

from isnet_cxr.classification.backgrounds.erased import outside_lungs, without_background
from isnet_cxr.classification.backgrounds.exchange import Exchanger
from isnet_cxr.classification.backgrounds.pairs import SEAM_PX, exchange_backgrounds, fade
from isnet_cxr.classification.backgrounds.patchwork import compose_backgrounds
from isnet_cxr.classification.backgrounds.permuted import permute_background

__all__ = [
    "SEAM_PX", "Exchanger", "compose_backgrounds", "exchange_backgrounds", "fade",
    "outside_lungs", "permute_background", "without_background",
]  # fmt: skip
