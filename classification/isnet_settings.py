"""Settings of the ISNet: how the heatmap loss enters the training, and which heatmaps it scores."""

from dataclasses import dataclass
from typing import Literal

from isnet_cxr.classification.backgrounds import Exchanger
from isnet_cxr.classification.losses.heatmap import EmptyMasks, ForegroundForm
from isnet_cxr.classification.lrp.conventions import FirstRule
from isnet_cxr.classification.lrp.targets import AttributionTarget, TargetClass
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class IsnetSettings:
    """How the heatmap loss enters the training (see ``docs/method.md``).

    Background first, class second: the weight P of the heatmap loss starts high and falls, so that
    a shortcut in the background is closed before the class is learned.

    Attributes:
        fraction: Part of every batch that is explained, in (0, 1].
        weight_start: P in the first epoch, in [0, 1].
        weight_end: P from ``ramp`` on; also the P of the validation loss that chooses the epoch.
        ramp: Part of the training over which P goes from start to end.
        exchange_share: Part of the training images whose background is another image's, in
            [0, 1]. It closes what relevance cannot show: a background that switches units off
            leaves them without relevance (``docs/method.md``). 0 is the published method.
        exchange_partners: Images that a background is composed of. 1 exchanges what is background
            in both images of a pair; with more, nothing of an image's own is left beyond the seam
            around its lungs.
        exchange_margin: By how much of the images' height lungs are widened at most, at random,
            before a background of several images replaces what is outside them.
        consistency: Weight, beside the class loss, of what two exchanges of the same image
            disagree about; 0 makes no second exchange.
        target_class: Which class is explained; "all" of them, a map each (Original); or "dual": all
            logits propagated together, one map by z+ and one by epsilon.
        attribution_target: The class's logit or its log-odds; "dual" starts from the logits.
        first_rule: From the first layer to the pixels.
        deep_layers: Hidden layers whose heatmaps get the same loss (deep supervision), by their
            dotted names in the network.
        layer_decay: GWRP's d over the supervised layers.
        decay: GWRP's d for the background.
        background_weight: w1.
        foreground_weight: w2.
        foreground_form: "hybrid" grows linearly above C1 + C2, "L2" does not.
        foreground_range: C1 and C2 of every supervised layer; None measures each layer's own
            (``calibration_epochs``).
        empty_masks: "refuse" to train on images without lungs in their masks, or without masks; or
            "skip" the heatmap loss for them, so that only the class is learned from them.
        calibration_epochs: Baseline epochs whose last one's heatmaps give C1 and C2. They must be
            enough to learn the classes: a network that is still unsure has little relevance, and a
            C2 measured on it forbids certainty (``docs/method.md``).
        gradients_every: At every so many steps the two losses' gradients are measured and clipped
            one by one, at two backward passes; in between one pass serves both, scaled by the
            remembered norms. 1 clips exactly at every step.
    """

    fraction: float = 0.5
    weight_start: float = 0.9
    weight_end: float = 0.6
    ramp: float = 0.5
    exchange_share: float = 0.8
    exchange_partners: int = 1
    exchange_margin: float = 0.0
    consistency: float = 0.0
    target_class: TargetClass | Literal["dual"] = "random"
    attribution_target: AttributionTarget = "log_odds"
    first_rule: FirstRule = "zB"
    deep_layers: tuple[str, ...] = ()
    layer_decay: float = 0.8
    decay: float = 0.999
    background_weight: float = 1.0
    foreground_weight: float = 1.0
    foreground_form: ForegroundForm = "hybrid"
    foreground_range: tuple[float, float] | None = None
    empty_masks: EmptyMasks = "refuse"
    calibration_epochs: int = 8
    gradients_every: int = 1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        for name in ("weight_start", "weight_end", "ramp", "exchange_share"):
            require(name, getattr(self, name), at_least=0, at_most=1)
        for name in ("decay", "layer_decay"):
            require(name, getattr(self, name), at_least=0, at_most=1)
        require("exchange_partners", self.exchange_partners, at_least=1)
        require("exchange_margin", self.exchange_margin, at_least=0, at_most=0.5)
        for name in ("background_weight", "foreground_weight", "consistency"):
            require(name, getattr(self, name), at_least=0)
        require("fraction", self.fraction, above=0, at_most=1)
        require("calibration_epochs", self.calibration_epochs, at_least=1)
        require("gradients_every", self.gradients_every, at_least=1)
        if self.foreground_range is not None:
            low, high = self.foreground_range
            require("foreground_range (C1)", low, above=0)
            require("foreground_range (C2)", high, at_least=low)

    @property
    def exchanger(self) -> Exchanger:
        """What changes the backgrounds of a batch."""
        return Exchanger(self.exchange_share, self.exchange_partners, self.exchange_margin)

    def heatmap_weight(self, progress: float) -> float:
        """P at ``progress`` of the training, in [0, 1]; linear over the ramp."""
        passed = min(progress / self.ramp, 1.0) if self.ramp > 0 else 1.0
        return self.weight_start + (self.weight_end - self.weight_start) * passed
