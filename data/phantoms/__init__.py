"""Generated chest X-rays of made-up hospitals, with exact lung masks.

An image is made from a person (``anatomy``): bones (``skeleton``), ``soft_tissue``, ``lungs`` and
what is in them (``disease``) add up along the rays and are exposed (``rendering``); the hospital
(``hospitals``) leaves its marks and borders (``dress``); ``generate`` writes files.
"""

from isnet_cxr.data.phantoms.disease import LABELS
from isnet_cxr.data.phantoms.generate import Phantom, make_hospital, make_phantom
from isnet_cxr.data.phantoms.hospitals import (
    DEVELOPMENT,
    EXTERNAL,
    HOSPITALS,
    LUNG_TEST,
    LUNG_TRAINING,
    PADDED,
    Hospital,
)

__all__ = [
    "DEVELOPMENT",
    "EXTERNAL",
    "HOSPITALS",
    "LABELS",
    "LUNG_TEST",
    "LUNG_TRAINING",
    "PADDED",
    "Hospital",
    "Phantom",
    "make_hospital",
    "make_phantom",
]
