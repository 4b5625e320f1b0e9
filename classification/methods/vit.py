"""Vision transformer: cross-entropy, and an architecture whose patches read each other.

Dosovitskiy et al., ICLR 2021 (arXiv 2010.11929); a rival of the ISNet papers (Bassi, Dertkigil,
Cavalli, Nature Communications 2024, doi:10.1038/s41467-023-44371-z), who take ViT-B/16 from
ImageNet's weights. Labels alone.

Reductions: the class loss, the mean over images. Smaller than published, for CPUs and a few
thousand images: 4 layers, 4 heads and 64 numbers per patch instead of 12, 12 and 768; patches of
8 px, so that 128 px give 256 of them, where ViT-B/16 has 196 at 224 px. The first weights are
drawn, not ImageNet's; grey is centred and stretched as for these. The places are learnt on a grid
of 16 x 16 and interpolated for images of other sizes.

Heatmaps are input x gradient: relevance passes no softmax, no layer norm and no GELU.
"""

from dataclasses import dataclass

from torch import nn

from isnet_cxr.classification.attribution import Attribution
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Objective
from isnet_cxr.classification.vision_transformer import VisionTransformer
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class VitSettings:
    """Size of the network.

    Attributes:
        patch_px: Height and width of a patch, in pixels of the prepared image.
        width: Numbers that describe a patch, a multiple of ``heads``.
        layers: Of attention.
        heads: Of each layer.
    """

    patch_px: int = 8
    width: int = 64
    layers: int = 4
    heads: int = 4

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        for key in ("patch_px", "width", "layers", "heads"):
            require(key, getattr(self, key), at_least=1)
        if self.width % self.heads:
            raise InputError(f"width: expected a multiple of {self.heads} heads, got {self.width}")


class Vit(Method[VitSettings]):
    """Train a vision transformer by the class loss alone."""

    settings = VitSettings

    def needs(self, own: VitSettings) -> Needs:
        """Need labels alone."""
        return Needs(own_network=True)

    def build_network(self, own: VitSettings, *, classes: int) -> nn.Module:
        """Build the transformer."""
        return VisionTransformer(
            classes=classes, patch_px=own.patch_px, width=own.width, layers=own.layers,
            heads=own.heads,
        )  # fmt: skip

    def attribution(self, own: VitSettings) -> Attribution:
        """Explain by input x gradient."""
        return Attribution("gradient")

    def build(self, setup: Setup[VitSettings]) -> Objective:
        """Return the class loss.

        Raises:
            InputError: If the network is not the method's own.
        """
        if not isinstance(setup.network, VisionTransformer):
            raise InputError(f"vit trains its own network, got a {type(setup.network).__name__}")
        return ClassObjective(setup.network, setup.class_weights)


METHODS.register("vit", Vit())
