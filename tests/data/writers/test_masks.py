"""Masks are plain PNG of one bit, whoever reads them."""

import numpy as np
import pytest
from PIL import Image

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers import read_mask
from isnet_cxr.data.writers import write_mask


@pytest.mark.parametrize("shape", [(1, 1), (7, 8), (8, 9), (50, 64), (33, 31)])
def test_any_reader_finds_the_mask_white_on_black(tmp_path, shape):
    mask = np.random.default_rng(0).random(shape) < 0.3
    mask[0] = False
    for number, values in enumerate((mask, mask.astype(np.uint8), mask * 0.5)):
        path = tmp_path / f"{number}.png"
        write_mask(values, path)
        with Image.open(path) as image:
            image.verify()  # the checksums
        with Image.open(path) as image:
            assert image.mode == "1"
            np.testing.assert_array_equal(np.asarray(image.convert("L")), mask * np.uint8(255))


def test_it_reads_back_as_it_was_and_takes_little_room(tmp_path):
    mask = np.zeros((2000, 1500), np.uint8)
    mask[300:1500, 200:600] = mask[350:1450, 800:1300] = 1
    write_mask(mask, tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask)
    assert (tmp_path / "mask.png").stat().st_size < 0.02 * mask.size


@pytest.mark.parametrize("shape", [(4, 5, 3), (6,), (0, 4)])
def test_what_is_no_plane_is_refused(tmp_path, shape):
    with pytest.raises(InputError, match="mask must be"):
        write_mask(np.zeros(shape), tmp_path / "mask.png")
    assert not list(tmp_path.iterdir())
