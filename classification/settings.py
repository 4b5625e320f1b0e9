"""All settings of a classifier's training, in frozen dataclasses.

The command line and the study's YAML fill them, MLflow logs them, the model package keeps them.
"""

from dataclasses import dataclass, field
from typing import Literal

from isnet_cxr.classification.losses.heatmap import EmptyMasks, ForegroundForm
from isnet_cxr.classification.lrp.conventions import FirstRule
from isnet_cxr.classification.lrp.targets import ExplainedClass, Quantity
from isnet_cxr.classification.networks import NetworkName
from isnet_cxr.data.learning.augment import Augmentation
from isnet_cxr.data.learning.preprocess import Preprocessing

Method = Literal["plain", "masked", "mixed", "isnet"]


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
        mixed_share: Part of the training images whose background is another image's, in [0, 1]. It
            closes what relevance cannot show: a background that switches units off leaves them
            without relevance (``docs/method.md``). 0 is the published method.
        explained: Which class is explained; "all" of them, a map each (Original); or "dual": all
            logits propagated together, one map by z+ and one by epsilon.
        quantity: The class's logit or its log-odds; "dual" starts from the logits.
        epsilon: Stabiliser of LRP-epsilon; 0 is LRP-0 and, with the first rule "epsilon", gradient
            x input.
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
        calibration_epochs: Plain epochs whose last one's heatmaps give C1 and C2. They must be
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
    mixed_share: float = 0.8
    explained: ExplainedClass | Literal["dual"] = "random"
    quantity: Quantity = "log_odds"
    epsilon: float = 5e-2
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

    def heatmap_weight(self, progress: float) -> float:
        """P at ``progress`` of the training, in [0, 1]; linear over the ramp."""
        passed = min(progress / self.ramp, 1.0) if self.ramp > 0 else 1.0
        return self.weight_start + (self.weight_end - self.weight_start) * passed


@dataclass(frozen=True)
class ClassifierSettings:
    """How one classifier is trained.

    Attributes:
        method: "plain"; "masked", which sees the lungs only, at run time too; "mixed", plain on
            images whose backgrounds are exchanged as for an ISNet, without its heatmap loss; or
            "isnet". At run time the last two are plain classifiers.
        network: Architecture.
        preprocessing: From image to network input.
        augmentation: Random changes in training.
        epochs: At most so many.
        batch_size: Images per step.
        learning_rate: Peak of the one-cycle schedule of AdamW.
        weight_decay: Of AdamW.
        patience: Stop early after so many epochs without a better validation loss; 0 never.
        marks: Stamp every training and validation image with its class's mark (bias experiment).
        precision: "32-true", or "bf16-mixed" for autocast.
        isnet: Used when the method is "isnet"; "mixed" takes its ``mixed_share``.
    """

    method: Method = "isnet"
    network: NetworkName = "convnet-small"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: int = 24
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    patience: int = 0
    marks: bool = False
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    isnet: IsnetSettings = field(default_factory=IsnetSettings)
