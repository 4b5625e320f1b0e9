"""Suspicion is raised on inverted images and hardly ever on real ones."""

import numpy as np
import pytest

from isnet_cxr.data.learning.preprocess import (
    Preprocessing,
    prepare_image,
    prepare_mask,
    shrink,
    to_bytes,
)
from isnet_cxr.data.phantoms import HOSPITALS, make_phantom
from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.review.flags import (
    INVERTED,
    LATERAL,
    NO_CHEST,
    SIZE_PX,
    review_flags,
    share_brighter,
    suspect_prepared,
    suspect_shrunk,
)


@pytest.fixture
def phantom():
    return make_phantom(next(iter(HOSPITALS.values())), "normal", 0, seed=0)


def test_a_frontal_image_is_not_suspected_and_its_inverse_is(phantom):
    assert review_flags(phantom.pixels, phantom.mask) == ()
    assert review_flags(1 - phantom.pixels, phantom.mask) == (INVERTED,)


def test_without_lungs_or_between_them_it_is_no_frontal_chest(phantom):
    one = np.zeros_like(phantom.mask)
    one[one.shape[0] // 4 : -one.shape[0] // 4, one.shape[1] // 4 : -one.shape[1] // 4] = 1
    assert review_flags(phantom.pixels, one) == (LATERAL,)
    assert review_flags(phantom.pixels, np.zeros_like(one)) == (NO_CHEST,)
    with pytest.raises(ValueError, match="lung_mask must be"):
        review_flags(phantom.pixels, one[1:])


def test_an_image_is_judged_the_same_whether_it_is_at_hand_or_shrunk(phantom):
    for pixels in (phantom.pixels, 1 - phantom.pixels):
        said = suspect_shrunk(shrink(pixels[0], SIZE_PX), phantom.mask)
        assert said == review_flags(pixels, phantom.mask)


@pytest.mark.parametrize("size_px", [64, 128, 224, 512])
@pytest.mark.parametrize("exposure", ["none", "centre", "equalise"])
def test_it_is_judged_the_same_as_a_network_sees_it(phantom, size_px, exposure):
    settings = Preprocessing(size_px=size_px, exposure=exposure)
    wide = np.pad(phantom.pixels, ((0, 0), (0, 0), (20, 70)))
    lungs = np.pad(phantom.mask, ((0, 0), (20, 70)))
    height, width = lungs.shape
    for pixels, mask in ((wide, lungs), (1 - wide, lungs), (wide, np.zeros_like(lungs))):
        square = to_bytes(prepare_image(pixels, settings)[0])
        said = suspect_prepared(square, prepare_mask(mask, size_px), height=height, width=width)
        assert said == review_flags(pixels, mask)


def test_share_brighter_is_the_same_of_bytes_and_of_numbers():
    generator = np.random.default_rng(0)
    these = generator.integers(90, 256, 700, dtype=np.uint8)
    those = generator.integers(0, 200, 900, dtype=np.uint8)
    pairs = np.subtract.outer(these.astype(int), those.astype(int))
    expected = ((pairs > 0) + (pairs == 0) / 2).mean()
    assert share_brighter(these, those) == pytest.approx(expected)
    assert share_brighter(these / np.float32(255), those / np.float32(255)) == pytest.approx(
        expected
    )


def test_share_brighter_counts_ties_half():
    these, those = np.float32([1, 2, 3]), np.float32([2, 2])
    assert share_brighter(these, those) == pytest.approx((0 + 0.5 + 1) / 3)
    assert np.isnan(share_brighter(these, those[:0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "masks", "name"),
    [
        ("shenzhen/CXR_png", "shenzhen/mask", "{}_mask.png"),
        ("jsrt/images", "jsrt/masks", "{}.png"),
    ],
)
def test_real_images_are_seldom_suspected_and_their_inverses_nearly_always(
    cxr_root, capsys, images, masks, name
):
    alarms, hits, count = 0, 0, 0
    for path in sorted((cxr_root / images).glob("*.png")):
        image = read_image(path).pixels
        mask = read_mask(cxr_root / masks / name.format(path.stem))
        if image.shape[1:] != mask.shape:
            continue
        count += 1
        alarms += bool(review_flags(image, mask))
        hits += review_flags(1 - image, mask) == (INVERTED,)
    with capsys.disabled():
        print(f"\n{images}: {alarms} of {count} flagged, {hits} of {count} inverses found")
    assert count > 200
    assert alarms <= 0.01 * count
    assert hits >= 0.99 * count
