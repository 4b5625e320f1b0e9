"""How many patients a figure stands on, and what is said where they are few."""

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.figures.figure import Ints

SHOWN = 10
"""Below so many patients on a side, no figure of a site is shown."""

ENOUGH = 100
"""What an external test needs on each side, cases and others, to be relied on: Vergouwe and others
(2005, doi:10.1016/j.jclinepi.2004.06.017), Collins and others (2016, doi:10.1002/sim.6787)."""


def count_patients(chosen: NDArray[np.bool_], patient: Ints) -> int:
    """Count the patients of some images."""
    return len(np.unique(patient[chosen]))


def size_warning(cases: int, others: int) -> str:
    """Say that there are few patients; nothing where there are enough.

    Args:
        cases: Patients of the class.
        others: Patients of the other classes.
    """
    least = min(cases, others)
    if least >= ENOUGH:
        return ""
    which = "of this class" if cases <= others else "of other classes"
    return f"only {least} patient{'s' * (least != 1)} {which}: fewer than {ENOUGH}"
