"""Exchanged backgrounds: the lungs stay the image's own, the rest may be another's."""

import pytest
import torch

from isnet_cxr.classification.backgrounds import SEAM_PX, exchange_backgrounds

SIZE_PX = 24
IMAGES = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, SIZE_PX, SIZE_PX)
MASKS = torch.zeros_like(IMAGES)
for number in range(6):  # every image's lungs are somewhere else
    MASKS[number, :, 6:18, 6 + number : 10 + number] = 1


def exchanged(share, masks=MASKS):
    generator = torch.Generator().manual_seed(0)
    return exchange_backgrounds(IMAGES, masks, share=share, generator=generator)


def partners():
    """Whose background each image got: the number that stands in its corner."""
    return exchanged(1.0)[:, 0, 0, 0].long()


def test_the_lungs_stay_the_images_own():
    inside = MASKS.bool()
    assert exchanged(1.0)[inside].equal(IMAGES[inside])


def test_the_other_images_lungs_are_not_shown():
    elsewhere = MASKS[partners()].bool()
    assert exchanged(1.0)[elsewhere].equal(IMAGES[elsewhere])


def test_every_chosen_image_gets_one_other_images_background():
    changed, given = exchanged(1.0), partners()
    assert (given != torch.arange(6)).all()
    assert sorted(given.tolist()) == list(range(6))
    far = torch.nn.functional.max_pool2d(
        torch.maximum(MASKS, MASKS[given]), 4 * SEAM_PX + 1, stride=1, padding=2 * SEAM_PX
    )
    assert changed[far == 0].equal(IMAGES[given][far == 0])


def test_the_seam_is_soft():
    step = exchanged(1.0).diff(dim=-1).abs().amax(dim=(1, 2, 3))
    apart = (partners() - torch.arange(6)).abs()
    assert (step <= 0.6 * apart).all()


def test_the_share_is_kept_and_nothing_changes_without_it():
    assert exchanged(0.0).equal(IMAGES)
    many = torch.rand(400, 1, 16, 16)
    masks = torch.zeros_like(many)
    masks[:, :, 0, 0] = 1
    exchanged_ = exchange_backgrounds(
        many, masks, share=0.3, generator=torch.Generator().manual_seed(1)
    )
    changed = (exchanged_ != many).flatten(1).any(dim=1).double().mean()
    assert float(changed) == pytest.approx(0.3, abs=0.08)


def test_an_image_without_lungs_neither_takes_nor_gives_a_background():
    masks = MASKS.clone()
    masks[3] = 0
    changed = exchanged(1.0, masks)
    assert changed[3].equal(IMAGES[3])
    taker = int((partners() == 3).nonzero())
    assert changed[taker].equal(IMAGES[taker])
