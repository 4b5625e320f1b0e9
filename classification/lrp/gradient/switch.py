"""Which of the backward passes of a recorded network is running."""

from dataclasses import dataclass


@dataclass
class RelevanceSwitch:
    """Says, for the layers of one recorded forward pass, which backward pass is running.

    Attributes:
        epsilon: Stabiliser of LRP-epsilon at the ReLUs, in the units of their outputs.
        is_on: True while relevance is propagated.
    """

    epsilon: float
    is_on: bool = False
