"""Training methods, one file each; ``METHODS`` has them by name.

A study names a method by ``method:`` and sets it in a block of the same name. A method of your own
is a class like these, registered by a module that the study lists under ``extensions:``.
"""

from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup, needs_of

# isort: split
from isnet_cxr.classification.methods import (
    background_only,
    backmix,
    baseline,
    consistency,
    exchange,
    isnet,
    mask_out,
    masked_input,
)

__all__ = [
    "METHODS", "Method", "Needs", "Setup", "background_only", "backmix", "baseline", "consistency",
    "exchange", "isnet", "mask_out", "masked_input", "needs_of",
]  # fmt: skip
