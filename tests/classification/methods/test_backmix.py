"""BackMix: own lungs, one other image's whole background, a hard edge, and a hole in it."""

import torch

from isnet_cxr.classification.methods.backmix import backmix


def test_lungs_are_kept_and_all_else_is_one_others_background(batch):
    changed = backmix(
        batch.images, batch.masks, share=1.0, generator=torch.Generator().manual_seed(0)
    )
    inside = batch.masks.bool()
    assert changed[inside].equal(batch.images[inside])
    backgrounds = batch.images * (1 - batch.masks)
    for number, image in enumerate(changed):
        outside = ~inside[number]
        sources = [n for n, own in enumerate(backgrounds) if image[outside].equal(own[outside])]
        assert len(sources) == 1
        assert sources != [number]


def test_the_others_lungs_are_a_hole(batch):
    masks = batch.masks.clone()
    masks[1:, :, :, 8:] = 0  # the first image alone has a second lung
    changed = backmix(batch.images, masks, share=1.0, generator=torch.Generator().manual_seed(0))
    of_first = [n for n in range(1, 6) if changed[n, 0, 0, 0] == batch.images[0, 0, 0, 0]]
    assert len(of_first) == 1
    assert not changed[of_first[0], :, 4:12, 9:13].any()


def test_nothing_changes_without_a_share(batch):
    generator = torch.Generator().manual_seed(0)
    assert backmix(batch.images, batch.masks, share=0.0, generator=generator).equal(batch.images)
