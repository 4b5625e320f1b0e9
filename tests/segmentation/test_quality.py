import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from isnet_cxr.segmentation.quality import judge_mask, measure_features


def ellipse(mask, centre, radii):
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
    mask[inside] = 1
    return mask


def empty(size=200):
    return np.zeros((size, size), dtype=np.uint8)


@pytest.fixture
def lungs():
    return ellipse(ellipse(empty(), (100, 55), (65, 32)), (100, 145), (65, 32))


def test_two_lungs_are_good(lungs):
    assert judge_mask(lungs).quality == "good"
    assert judge_mask(lungs).reasons == ()


def test_an_empty_mask_failed():
    verdict = judge_mask(empty())
    assert (verdict.quality, verdict.reasons) == ("failed", ("no lung found",))


def test_one_lung_is_doubtful():
    verdict = judge_mask(ellipse(empty(), (100, 55), (65, 32)))
    assert verdict.quality == "doubtful"
    assert "not two separate lungs" in verdict.reasons[0]


def test_specks_for_lungs_failed():
    specks = ellipse(ellipse(empty(), (100, 55), (8, 4)), (100, 145), (8, 4))
    assert judge_mask(specks).quality == "failed"


def test_a_mask_of_everything_failed():
    everything = np.ones((50, 60))
    verdict = judge_mask(everything.astype(np.uint8), everything.astype(np.float32))
    assert verdict.quality == "failed"


@pytest.mark.parametrize(
    ("centres", "radii", "reason"),
    [
        (((100, 55), (130, 145)), ((65, 32), (20, 20)), "unequal size"),
        (((50, 100), (150, 100)), ((40, 60), (40, 60)), "not side by side"),
        (((50, 40), (50, 110)), ((48, 30), (48, 30)), "far from the image's centre"),
        (((100, 20), (100, 180)), ((65, 40), (65, 40)), "touches the image's edge"),
    ],
)
def test_what_is_odd_is_named(centres, radii, reason):
    mask = empty()
    for centre, radius in zip(centres, radii, strict=True):
        ellipse(mask, centre, radius)
    verdict = judge_mask(mask)
    assert verdict.quality == "doubtful"
    assert any(reason in given for given in verdict.reasons)


def test_a_speck_that_thinning_misses_failed():
    mask = empty(2000)
    mask[999, 1001] = 1
    assert judge_mask(mask).reasons == ("no lung found",)


def test_a_ragged_mask_is_doubtful(lungs):
    rows = np.arange(200)
    lungs[rows % 6 < 3, 40:160] = 0
    lungs[:, 50:56] |= lungs[:, 30:36]
    assert judge_mask(lungs).quality != "good"


def test_an_unsure_network_makes_a_mask_doubtful(lungs):
    sure = np.where(lungs == 1, 0.98, 0.02).astype(np.float32)
    unsure = np.where(lungs == 1, 0.6, 0.4).astype(np.float32)
    assert judge_mask(lungs, sure).quality == "good"
    assert measure_features(lungs, unsure).sureness == pytest.approx(0.2, abs=1e-5)
    assert judge_mask(lungs, unsure).quality != "good"


def test_lungs_that_touch_are_two(lungs):
    lungs[98:102, 80:120] = 1
    assert measure_features(lungs).lungs == 2
    assert judge_mask(lungs).quality == "good"


def test_a_lung_whose_end_the_network_cannot_see_is_doubtful(lungs):
    sure = np.where(lungs == 1, 0.98, 0.02).astype(np.float32)
    blurred = sure.copy()
    blurred[100:200, 100:200] = np.where(lungs[100:200, 100:200] == 1, 0.6, 0.4)
    assert measure_features(lungs, sure).expected_dice > 0.95
    assert measure_features(lungs, blurred).expected_dice < 0.92
    verdict = judge_mask(lungs, blurred)
    assert verdict.quality == "doubtful"
    assert any("unsure of where the lungs are" in reason for reason in verdict.reasons)


def test_a_mask_is_expected_to_be_as_good_as_it_is_on_average():
    generator = np.random.default_rng(0)
    probabilities = generator.beta(0.3, 0.4, (120, 120)).astype(np.float32)
    mask = (probabilities > 0.5).astype(np.uint8)
    truths = generator.random((200, 120, 120)) < probabilities
    dice = 2 * (truths & (mask == 1)).sum((1, 2)) / (truths.sum((1, 2)) + mask.sum())
    expected = measure_features(mask, probabilities).expected_dice
    assert expected == pytest.approx(dice.mean(), abs=0.003)


def test_the_verdict_does_not_depend_on_resolution(lungs):
    small, large = (
        measure_features(lungs),
        measure_features(np.kron(lungs, np.ones((5, 5), np.uint8))),
    )
    for feature in ("area_share", "symmetry", "off_centre", "compactness"):
        assert getattr(large, feature) == pytest.approx(
            getattr(small, feature), abs=0.06
        )  # a coarse outline is rounder


@pytest.mark.parametrize("seed", range(4))
def test_outlines_are_as_long_as_skimage_says(seed):
    from skimage.measure import perimeter

    from isnet_cxr.segmentation.quality import _perimeter

    noise = gaussian_filter(np.random.default_rng(seed).random((70, 50)), 2 + seed) > 0.5
    region = np.pad(noise, 1)
    assert _perimeter(region) == pytest.approx(perimeter(region))
