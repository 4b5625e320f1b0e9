"""Growing and shrinking are those of ``scipy.ndimage``."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from isnet_cxr.segmentation.neighbours import PLUS, Offsets, disk, grow, shrink


def _footprint(shape: Offsets) -> np.ndarray:
    reach = max(max(offset) for offset in shape)
    footprint = np.zeros((2 * reach + 1,) * 2, bool)
    footprint[tuple(np.transpose(shape) + reach)] = True
    return footprint


@pytest.mark.parametrize("shape", [PLUS, disk(1), disk(3)], ids=["plus", "disk 1", "disk 3"])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (40, 31)])
@pytest.mark.parametrize("share", [0.02, 0.9])
def test_they_are_scipys(shape: Offsets, size: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(0).random(size) < share
    footprint = _footprint(shape)
    np.testing.assert_array_equal(grow(mask, shape), binary_dilation(mask, footprint))
    for beyond in (False, True):
        np.testing.assert_array_equal(
            shrink(mask, shape, beyond=beyond),
            binary_erosion(mask, footprint, border_value=beyond),
        )


def test_a_disk_holds_what_is_within_its_radius() -> None:
    assert set(disk(1)) == set(PLUS)
    assert len(disk(2)) == 13
    assert (2, 2) not in disk(2)
    assert (0, -2) in disk(2)
