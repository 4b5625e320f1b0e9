"""Backgrounds of several partners: of an image's own nothing is left beyond the seam."""

import pytest
import torch

from isnet_cxr.classification.backgrounds import SEAM_PX, compose_backgrounds
from isnet_cxr.classification.backgrounds.patchwork import own_background_left, widen

SIZE_PX, COUNT = 40, 8


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of one grey each, with lungs of two lobes that differ in place and size."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.arange(1.0, COUNT + 1).view(-1, 1, 1, 1).expand(-1, 1, SIZE_PX, SIZE_PX) / COUNT
    masks = torch.zeros_like(images)
    for mask in masks:
        top, left, width = torch.randint(4, 10, (3,), generator=generator).tolist()
        mask[0, top : top + 22, left : left + width] = 1
        mask[0, top : top + 20, left + 14 : left + 14 + width] = 1
    return images.clone(), masks


def composed(images, masks, *, seed=0, share=1.0, partners=4, margin=0.0):
    generator = torch.Generator().manual_seed(seed)
    return compose_backgrounds(
        images, masks, share=share, partners=partners, margin=margin, generator=generator
    )


@pytest.mark.parametrize("partners", [2, 4, 7, 20])
def test_the_lungs_stay_the_images_own(partners):
    images, masks = batch()
    inside = masks.bool()
    assert composed(images, masks, partners=partners)[inside].equal(images[inside])


@pytest.mark.parametrize("partners", [2, 4, 7])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_of_an_images_own_background_is_left_beyond_the_seam(partners, seed):
    images, masks = batch(seed)
    marked = images.clone()  # a cue on all that is background
    marked[3] = torch.where(masks[3] > 0, images[3], torch.full_like(images[3], 100.0))
    beyond = widen(masks, (SEAM_PX + 1) / SIZE_PX)[3] == 0
    plain, changed = (
        composed(given, masks, partners=partners, seed=seed) for given in (images, marked)
    )
    assert beyond.any()
    assert changed[3][beyond].equal(plain[3][beyond])


def test_no_partners_lungs_are_shown():
    images, masks = batch()
    shown = images.clone()
    shown[masks.bool()] = 100.0  # all lungs glow
    changed = composed(shown, masks)
    assert float(changed[~masks.bool()].max()) <= 1.0


def test_what_no_partner_covers_is_grey():
    images, _ = batch()
    masks = torch.zeros_like(images)
    masks[:, :, 10:30, 10:30] = 1  # all lungs at one place
    masks[0] = 0
    masks[0, :, 2:5, 2:5] = 1
    changed = composed(images, masks, partners=3)
    middle = changed[0, 0, 14:26, 14:26]
    assert float(middle.std()) == pytest.approx(0, abs=1e-6)
    assert float(middle.mean()) != pytest.approx(float(images[0, 0, 0, 0]))


def test_a_margin_keeps_the_rim_of_the_lungs():
    images, masks = batch()
    rim = (widen(masks, 2 / SIZE_PX) - masks).bool()

    def lost(margin: float) -> float:
        found = [composed(images, masks, margin=margin, seed=seed) for seed in range(10)]
        return float(sum((one - images)[rim].abs().mean() for one in found))

    assert lost(0.2) < 0.5 * lost(0.0)


def test_images_without_lungs_are_left_alone_and_give_nothing():
    images, masks = batch()
    masks[2] = 0
    images[2] = 100.0
    changed = composed(images, masks)
    assert changed[2].equal(images[2])
    assert float(changed[[0, 1, 3, 4, 5, 6, 7]].max()) <= 1.0


def test_the_share_is_kept():
    images, masks = batch()
    assert composed(images, masks, share=0.0).equal(images)
    changed = [
        (composed(images, masks, share=0.3, seed=seed) != images).flatten(1).any(dim=1)
        for seed in range(100)
    ]
    assert float(torch.cat(changed).double().mean()) == pytest.approx(0.3, abs=0.05)


def test_what_is_left_is_the_seam():
    _, masks = batch()
    left = own_background_left(masks)
    assert (left > 0).all()
    assert (left < 0.25).all()
    assert float(own_background_left(torch.zeros_like(masks)).max()) == 0


def test_one_image_alone_is_itself():
    images, masks = batch()
    assert composed(images[:1], masks[:1]).equal(images[:1])
