"""Stability: an image changed as little as nobody would see, and its heatmap compared."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.sanity.randomisation import explain_classes
from isnet_cxr.classification.sanity.similarity import Alike, compare_heatmaps

NOISE = 2.0
"""Standard deviation of the noise, in grey values of 255."""
SHIFT = 1 / 100
"""Of the image's width, at least a pixel."""

Images = NDArray[np.uint8]


def disturb(
    classifier: Classifier, images: Images, masks: Images, *, seed: int = 0
) -> Mapping[str, Alike]:
    """Compare heatmaps with those of images with a little noise, and of images moved a little.

    Args:
        classifier: Any.
        images: Prepared for it, (N, S, S).
        masks: 1 in the lungs, (N, S, S).
        seed: Of the noise.

    Returns:
        By kind, ``noise`` or ``shift``: how alike the heatmaps are, for the class of the images as
        they are. Heatmaps of moved images are moved back, and compared where both have pixels.
    """
    before = classifier.explain(images, masks)
    noisy = _noisy(images, seed)
    pixels = max(1, round(SHIFT * images.shape[2]))
    moved, lungs = (_moved(one, pixels) for one in (images, masks))
    noise = explain_classes(classifier, noisy, masks, before.explained)
    shift = explain_classes(classifier, moved, lungs, before.explained)
    return {
        "noise": compare_heatmaps(before.heatmaps, noise),
        "shift": compare_heatmaps(
            before.heatmaps[:, :-pixels, :-pixels], shift[:, pixels:, pixels:]
        ),
    }


def _noisy(images: Images, seed: int) -> Images:
    drawn = np.random.default_rng(seed).normal(0, NOISE, images.shape)
    return np.asarray(np.clip(np.rint(images + drawn), 0, 255), dtype=np.uint8)


def _moved(images: Images, pixels: int) -> Images:
    """Move images down and right, their edges repeated."""
    around = ((0, 0), (pixels, 0), (pixels, 0))
    return np.pad(images, around, mode="edge")[:, :-pixels, :-pixels]
