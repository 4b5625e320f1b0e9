"""Gradient x input in place of LRP: the ISNet papers' ablation.

Bassi, Dertkigil, Cavalli, Nature Communications 2024 (doi:10.1038/s41467-023-44371-z). The loss is
the ISNet's, ``(1 - P) * CE + P * heatmap loss``, on x * dz_c/dx for every class c: LRP-epsilon
with epsilon 0 in all layers, so that this is the ISNet with settings fixed, and no machinery of its
own. P is constant, all images are explained, and no background is exchanged.

Reductions are the heatmap loss's: the mean over an image's maps, then over the images with lungs;
each image's gradient is its own. In the published code it is that of the batch's mean, so that maps
carry 1 / B (which the foreground term with its fixed C1 and C2 does not forgive), and validation
takes ``CE + P * heatmap loss``. Here validation takes the training's sum, and the two losses'
gradients are clipped one by one, as the ISNet's here are. Black pixels have no relevance.
"""

from dataclasses import dataclass, replace

from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.losses.heatmap import EmptyMasks
from isnet_cxr.classification.lrp.targets import TargetClass
from isnet_cxr.classification.methods.isnet import Isnet
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Objective
from isnet_cxr.data.ranges import require

EPSILON = 0.0


@dataclass(frozen=True)
class GradientInputSettings:
    """How much the maps count, and which they are.

    Attributes:
        weight: P, in [0, 1]; search 0.3, 0.5, 0.7, 0.9 and 0.97.
        target_class: Whose logits' maps are scored: "all" classes', one map each (published), or
            one map: the "label"'s, the "top" one's, the "lowest"'s, a "random" one's, or the top
            one's and at times another's ("stochastic").
        decay: GWRP's d for the background.
        foreground_range: C1 and C2; None measures them (``calibration_epochs``).
        calibration_epochs: As of ``isnet``.
        empty_masks: As of ``isnet``.
    """

    weight: float = 0.7
    target_class: TargetClass = "all"
    decay: float = 0.999
    foreground_range: tuple[float, float] | None = None
    calibration_epochs: int = 8
    empty_masks: EmptyMasks = "refuse"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        require("weight", self.weight, at_least=0, at_most=1)
        self.as_isnet()

    def as_isnet(self) -> IsnetSettings:
        """Return the ISNet's settings that make it this method."""
        return IsnetSettings(
            fraction=1.0,
            weight_start=self.weight,
            weight_end=self.weight,
            exchange_share=0.0,
            target_class=self.target_class,
            attribution_target="logit",
            first_rule="epsilon",
            decay=self.decay,
            foreground_range=self.foreground_range,
            calibration_epochs=self.calibration_epochs,
            empty_masks=self.empty_masks,
        )


class GradientInput(Method[GradientInputSettings]):
    """Train the ISNet on gradient x input."""

    settings = GradientInputSettings

    def needs(self, own: GradientInputSettings) -> Needs:
        """Need what the ISNet does."""
        return Isnet().needs(own.as_isnet())

    def build(self, setup: Setup[GradientInputSettings]) -> Objective:
        """Return the ISNet's losses at epsilon 0, which is 0 in this training alone."""
        return Isnet().build(
            Setup(
                network=setup.network,
                class_weights=setup.class_weights,
                own=setup.own.as_isnet(),
                settings=replace(setup.settings, epsilon=EPSILON),
                groups=setup.groups,
                rows=setup.rows,
                seed=setup.seed,
                folder=setup.folder,
                train_first=setup.train_first,
            )
        )


METHODS.register("gradient_input", GradientInput())
