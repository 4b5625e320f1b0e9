"""What the two engines must agree on, so that one can test the other. They share no rule.

The engines do not import each other (import-linter): how they recognise the layers of a prepared
network and what they call their heatmaps stands here.
"""

from typing import Literal

FirstRule = Literal["zB", "epsilon"]
"""How relevance passes from the first layer to the pixels."""

PIXELS = "pixels"
"""Where heatmaps of several layers are asked for, the name of the image's own."""


class StandIn:
    """Marks a layer of a prepared network that stands in for one of torch's, its other parent."""
