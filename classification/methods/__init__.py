"""Training methods, one file each; ``METHODS`` has them by name.

A study names a method by ``method:`` and sets it in a block of the same name. A method of your own
is a class like these, registered by a module that the study lists under ``extensions:``.
"""

from isnet_cxr.classification.methods.method import (
    METHODS,
    Method,
    Needs,
    Setup,
    attribution_of,
    needs_of,
)

# isort: split
from isnet_cxr.classification.methods import (
    actdiff,
    background_only,
    backmix,
    baseline,
    consistency,
    corm,
    energy_pointing,
    exchange,
    gain,
    gradient_input,
    group_dro,
    ham,
    ibp,
    isnet,
    mask_out,
    masked_input,
    multitask,
    outline_only,
    rrr,
    sononet,
    vit,
)

__all__ = [
    "METHODS", "Method", "Needs", "Setup", "actdiff", "attribution_of", "background_only",
    "backmix", "baseline", "consistency", "corm", "energy_pointing", "exchange", "gain",
    "gradient_input", "group_dro", "ham", "ibp", "isnet", "mask_out", "masked_input", "multitask",
    "needs_of", "outline_only", "rrr", "sononet", "vit",
]  # fmt: skip
