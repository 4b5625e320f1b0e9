"""A small vision transformer: patches of an image, told apart by their places, read each other.

Dosovitskiy et al., *An image is worth 16x16 words*, ICLR 2021 (arXiv 2010.11929).
"""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

GRID = 16  # rows and columns of learnt places; other grids are interpolated between them
SPREAD = 0.02  # of the places' first values
GREY, CONTRAST = 0.5, 0.25  # of images, taken to 0 and 1; no batch norm does it here
GROWTH = 4  # hidden units of a layer, in units of its width


class VisionTransformer(nn.Module):
    """Maps images of any size to class logits, which no squashing function bounds."""

    def __init__(self, *, classes: int, patch_px: int, width: int, layers: int, heads: int) -> None:
        """Build the network.

        Args:
            classes: Class logits.
            patch_px: Height and width of a patch.
            width: Numbers that describe a patch, a multiple of ``heads``.
            layers: Of attention.
            heads: Of each layer.
        """
        super().__init__()
        self._patch_px = patch_px
        self.embed = nn.Conv2d(1, width, patch_px, stride=patch_px)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, width, GRID, GRID) * SPREAD)
        # One by one: torch's encoder would copy one layer, first weights and all.
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, heads, GROWTH * width,
                    dropout=0.0, activation="gelu", batch_first=True, norm_first=True,
                )
                for _ in range(layers)
            )
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 1, H, W) to class logits (B, classes).

        What the height and width lack to a whole number of patches is filled with black, right and
        below.
        """
        height, width = images.shape[2:]
        filled = F.pad(images, (0, -width % self._patch_px, 0, -height % self._patch_px))
        patches = self.embed((filled - GREY) / CONTRAST)
        rows, columns = patches.shape[2:]
        tokens = (patches + self._places(rows, columns)).flatten(2).transpose(1, 2)
        token = self.class_token.expand(len(tokens), -1, -1).to(tokens)
        read = self.layers(torch.cat([token, tokens], dim=1))
        logits: Tensor = self.head(self.norm(read[:, 0]))
        return logits

    def _places(self, rows: int, columns: int) -> Tensor:
        """Return what is added to every patch for its place, (1, width, rows, columns)."""
        if (rows, columns) == (GRID, GRID):
            return self.places
        return F.interpolate(self.places, (rows, columns), mode="bilinear", align_corners=False)
