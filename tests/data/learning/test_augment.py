"""Augmentation moves image and mask together and keeps both what they are."""

from dataclasses import replace

import pytest
import torch

from isnet_cxr.data.learning.augment import Augmentation, augment

STILL = Augmentation(
    rotation_deg=0, scale=0, anisotropy=0, translation=0, gamma=0, contrast=0, brightness=0,
    sharpness=0, noise=0,
)  # fmt: skip


@pytest.fixture
def lungs() -> torch.Tensor:
    masks = torch.zeros(6, 1, 40, 40)
    masks[:, :, 10:30, 8:18] = 1
    return masks


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_nothing_changes_when_nothing_may(lungs):
    images = torch.rand(6, 1, 40, 40, generator=generator())
    images, masks = augment(images, lungs, settings=STILL, generator=generator())
    torch.testing.assert_close(images, images, atol=1e-3, rtol=0)
    assert masks.equal(lungs)


def test_the_mask_stays_on_the_lungs(lungs):
    moving = replace(STILL, rotation_deg=15, scale=0.2, anisotropy=0.1, translation=0.1, flip=True)
    images, masks = augment(lungs, lungs, settings=moving, generator=generator())
    assert not masks.equal(lungs)
    assert ((images > 0.5).float() - masks).abs().mean() < 0.02


def test_images_stay_in_the_unit_interval_and_masks_stay_binary(lungs):
    images = torch.rand(6, 1, 40, 40, generator=generator())
    images, masks = augment(images, lungs, settings=Augmentation(), generator=generator())
    assert images.amin() >= 0
    assert images.amax() <= 1
    assert set(masks.unique().tolist()) == {0, 1}


def test_the_same_generator_gives_the_same_change(lungs):
    images = torch.rand(6, 1, 40, 40, generator=generator())
    first, second = (
        augment(images, lungs, settings=Augmentation(), generator=generator())[0] for _ in range(2)
    )
    assert first.equal(second)


def test_images_of_a_batch_change_differently():
    images = torch.rand(1, 1, 40, 40, generator=generator()).expand(2, -1, -1, -1)
    images, _ = augment(images, images, settings=Augmentation(), generator=generator())
    assert not images[0].equal(images[1])


def test_shapes_must_agree(lungs):
    with pytest.raises(ValueError, match=r"masks must be \(6, 1, 40, 40\)"):
        augment(lungs, lungs[:3], settings=STILL, generator=generator())
