"""How a training exchanges backgrounds: with one partner each, or with a patchwork of several."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isnet_cxr.classification.backgrounds.pairs import exchange_backgrounds
from isnet_cxr.classification.backgrounds.patchwork import compose_backgrounds


@dataclass(frozen=True)
class Exchanger:
    """Exchanges the backgrounds of a batch.

    Attributes:
        share: Chance of each image to get another background, in [0, 1].
        partners: Images that a background is composed of; 1 exchanges what is background in both
            images of a pair, more leave nothing of an image's own.
        margin: By how much of the images' height lungs are widened at most, at random, before a
            patchwork replaces what is outside them.
    """

    share: float
    partners: int = 1
    margin: float = 0.0

    def __call__(self, images: Tensor, masks: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return changed images, (B, 1, H, W); lungs stay each image's own."""
        if self.partners == 1:
            return exchange_backgrounds(images, masks, share=self.share, generator=generator)
        return compose_backgrounds(
            images, masks, share=self.share, partners=self.partners, margin=self.margin,
            generator=generator,
        )  # fmt: skip
