"""What a classifier's predictions need of the background, measured by changing images.

Heatmaps alone cannot tell: a background that switches units off leaves no relevance. Here the
background is exchanged, or the lungs are erased, and the same network is asked again.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isnet_cxr.classification.backgrounds import compose_backgrounds, outside_lungs
from isnet_cxr.classification.backgrounds.patchwork import own_background_left
from isnet_cxr.classification.classifier import Classifier

PARTNERS = 4
"""Images that a background is composed of: of its own, an image keeps only the seam."""
AT_ONCE = 32


@dataclass(frozen=True)
class Reliance:
    """What a classifier says of N images once they are changed.

    Attributes:
        exchanged: Probabilities with a background composed of other images', (N, C).
        erased: Probabilities with the lungs black, (N, C).
        seam: Share of its own background that an image keeps when it is exchanged, (N,).
    """

    exchanged: NDArray[np.float32]
    erased: NDArray[np.float32]
    seam: NDArray[np.float32]


def measure_reliance(
    classifier: Classifier, images: NDArray[np.uint8], masks: NDArray[np.uint8], *, seed: int = 0
) -> Reliance:
    """Ask a classifier again about images whose background, or whose lungs, are not their own.

    Partners are drawn among all the images, whatever their class.

    Args:
        classifier: Any.
        images: As it was prepared for them, (N, S, S).
        masks: 1 in the lungs, (N, S, S).
        seed: Of the partners.

    Returns:
        NaN for an image without lung pixels: nothing of it can be changed.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(images)
    exchanged = np.full((count, len(classifier.classes)), np.nan, dtype=np.float32)
    erased, seam = exchanged.copy(), np.full(count, np.nan, dtype=np.float32)
    known = np.flatnonzero(masks.any(axis=(1, 2)))
    order = known[torch.randperm(len(known), generator=generator).numpy()]
    for rows in np.array_split(order, max(1, -(-len(order) // AT_ONCE))):
        batch, lungs = _tensor(images[rows]) / 255, _tensor(masks[rows])
        composed = compose_backgrounds(
            batch, lungs, share=1.0, partners=PARTNERS, generator=generator
        )
        exchanged[rows] = classifier.predict(_bytes(composed), masks[rows])
        erased[rows] = classifier.predict(_bytes(outside_lungs(batch, lungs)), masks[rows])
        seam[rows] = own_background_left(lungs).numpy()
    return Reliance(exchanged, erased, seam)


def _tensor(values: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(values)[:, None].float()


def _bytes(images: Tensor) -> NDArray[np.uint8]:
    return np.asarray((images[:, 0] * 255).round().to(torch.uint8).numpy())
