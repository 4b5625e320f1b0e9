"""What surrounds the chest: the grey of an image's border and of its corners.

The lungs are in neither. Both are taken from the image shrunk to one size, so that sizes and aspect
ratios, which the metadata has, do not count twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.copies.fingerprints import Fingerprint, fingerprint
from isnet_cxr.data.learning.preprocess import resize
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.readers import UnreadableImage, read_image

SIZE_PX = 64
BORDER_PX = 3
CORNER_PX = 11
"""A sixth of the side: where markers stand, outside the lungs."""


@dataclass(frozen=True)
class Appearance:
    """One image's looks.

    Attributes:
        border: Grey values of the frame, float32 (732,) in [0, 1].
        corners: Grey values of the four corners, float32 (4 * 11 * 11,) in [0, 1].
        fingerprint: For the search for copies; None where there is none.
    """

    border: NDArray[np.float32]
    corners: NDArray[np.float32]
    fingerprint: Fingerprint | None


def look_at_images(
    paths: list[Path], *, fingerprints: bool, workers: int, progress: bool
) -> list[Appearance | str]:
    """Read images once; return how each looks, or why it cannot be read."""
    look = _look_closely if fingerprints else _look
    return list(
        map_items(look, paths, workers=workers, title="Looking at images", progress=progress)
    )


def _look(path: Path) -> Appearance | str:
    try:
        return see(read_image(path).pixels[0])
    except UnreadableImage as error:
        return error.reason


def _look_closely(path: Path) -> Appearance | str:
    try:
        image = read_image(path).pixels[0]
    except UnreadableImage as error:
        return error.reason
    seen = see(image)
    return Appearance(seen.border, seen.corners, fingerprint(image))


def see(image: NDArray[np.float32]) -> Appearance:
    """Take border and corners of an image (H, W)."""
    small = np.clip(resize(image, height=SIZE_PX, width=SIZE_PX), 0.0, 1.0)
    frame = np.ones((SIZE_PX, SIZE_PX), dtype=bool)
    frame[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    ends = (slice(0, CORNER_PX), slice(SIZE_PX - CORNER_PX, SIZE_PX))
    corners = [small[rows, columns].ravel() for rows in ends for columns in ends]
    return Appearance(small[frame], np.concatenate(corners), None)


def stack_appearance(seen: Sequence[Appearance]) -> dict[str, NDArray[np.float32]]:
    """Return what the borders and the corners of images show, (N, K) each."""
    return {
        "border": np.stack([one.border for one in seen]),
        "corners": np.stack([one.corners for one in seen]),
    }
