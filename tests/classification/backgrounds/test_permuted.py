"""Permuted backgrounds: the same grey levels in other places, the lungs as they were."""

import torch

from isnet_cxr.classification.backgrounds import permute_background

IMAGES = torch.rand(3, 1, 12, 12, generator=torch.Generator().manual_seed(0))
MASKS = torch.zeros_like(IMAGES)
MASKS[:2, :, 3:8, 3:9] = 1


def permuted(seed: int = 0) -> torch.Tensor:
    return permute_background(IMAGES, MASKS, generator=torch.Generator().manual_seed(seed))


def test_the_lungs_stay_and_the_background_keeps_its_values_alone():
    changed = permuted()
    for image, before, mask in zip(changed[:2], IMAGES[:2], MASKS[:2].bool(), strict=True):
        assert image[mask].equal(before[mask])
        assert image[~mask].sort().values.equal(before[~mask].sort().values)
        assert not image[~mask].equal(before[~mask])


def test_images_without_lungs_are_left_alone_and_the_seed_decides():
    assert permuted()[2].equal(IMAGES[2])
    assert permuted().equal(permuted())
    assert not permuted().equal(permuted(seed=1))
