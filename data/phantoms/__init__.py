"""Generated chest X-rays of made-up hospitals, with exact lung masks.

A film is made from a person (``anatomy``): bones (``skeleton``), ``soft_tissue``, ``lungs`` and
what is in them (``disease``) add up along the rays and are exposed (``rendering``); the hospital
(``hospitals``) leaves its marks and borders (``dress``); ``generate`` writes files.
"""

from data.phantoms.disease import LABELS
from data.phantoms.generate import Phantom, make_hospital, make_phantom
from data.phantoms.hospitals import (
    EXTERNAL,
    HOSPITALS,
    LUNG_TEST,
    LUNG_TRAINING,
    POOL,
    Hospital,
)

__all__ = [
    "EXTERNAL",
    "HOSPITALS",
    "LABELS",
    "LUNG_TEST",
    "LUNG_TRAINING",
    "POOL",
    "Hospital",
    "Phantom",
    "make_hospital",
    "make_phantom",
]
