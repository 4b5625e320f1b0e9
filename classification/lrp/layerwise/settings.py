"""Which rule the layer-wise engine uses where, and where it stabilises."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from isnet_cxr.classification.lrp.conventions import FirstRule
from isnet_cxr.classification.lrp.layerwise import rules
from isnet_cxr.data.errors import InputError


@dataclass(frozen=True)
class LayerwiseRules:
    """Which rule passes relevance where.

    Attributes:
        hidden: Rule of all layers but the first: "epsilon" (LRP-0 when epsilon is 0), "z+", or
            "alpha-beta", which is for display.
        first: Rule from the first layer to the pixels.
        epsilon: Stabiliser, in the units of the layers' outputs.
        stabilised: Where LRP-epsilon has its stabiliser. At the "relus" only: the heatmaps of the
            gradient engine. In all "layers": at the ReLUs, and the published further ones, at the
            output layer, pooling, sums and layers without a ReLU behind them; relevance then
            shrinks at each of these too. The rules z+ and alpha-beta have it in all layers.
        biases: Whether the gradient of the heatmaps follows the biases, and with them the batch's
            statistics, into the rules' denominators, or takes them for constants there ("detached",
            as published). Followed, it is the derivative that finite differences have. The heatmaps
            are the same. Detached needs the stabilisers in all layers.
        alpha: Weight of positive contributions in alpha-beta; beta is ``alpha - 1``.
    """

    hidden: Literal["epsilon", "z+", "alpha-beta"] = "epsilon"
    first: FirstRule = "zB"
    epsilon: float = 1e-2
    stabilised: Literal["relus", "layers"] = "relus"
    biases: Literal["followed", "detached"] = "followed"
    alpha: float = 2.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: If epsilon is negative or alpha below 1, or detached biases meet
                stabilisers at the ReLUs, whose outputs follow the biases.
        """
        if self.epsilon < 0:
            raise InputError(f"epsilon must be at least 0, got {self.epsilon}")
        if self.alpha < 1:
            raise InputError(f"alpha must be at least 1, got {self.alpha}")

        if self.biases == "detached" and self._is_at_relus():
            raise InputError("biases can be detached where stabilised is 'layers', got 'relus'")

    @property
    def at_relus(self) -> float:
        """Stabiliser of a ReLU."""
        return self.epsilon if self._is_at_relus() else 0.0

    @property
    def at_layers(self) -> float:
        """Stabiliser of every other layer."""
        return 0.0 if self._is_at_relus() else self.epsilon

    def hidden_rule(self) -> rules.Rule:
        """Bind the settings of the hidden layers' rule."""
        if self.hidden == "z+":
            return partial(rules.propagate_z_plus, stabiliser=self.at_layers)
        if self.hidden == "alpha-beta":
            return partial(rules.propagate_alpha_beta, alpha=self.alpha, stabiliser=self.at_layers)
        return partial(rules.propagate_epsilon, stabiliser=self.at_layers)

    def first_rule(self) -> rules.Rule:
        """Bind the settings of the first layer's rule."""
        if self.first == "zB":
            return partial(rules.propagate_zb, stabiliser=self.epsilon or 1e-9)
        return partial(rules.propagate_epsilon, stabiliser=self.at_layers)

    def _is_at_relus(self) -> bool:
        return self.hidden == "epsilon" and self.stabilised == "relus"
