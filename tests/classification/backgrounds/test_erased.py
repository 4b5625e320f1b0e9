"""Images without their background, or without their lungs."""

import torch

from isnet_cxr.classification.backgrounds import outside_lungs, without_background

IMAGES = torch.rand(3, 1, 50, 50, generator=torch.Generator().manual_seed(0)) + 0.1
MASKS = torch.zeros_like(IMAGES)
MASKS[:2, :, 10:30, 10:40] = 1


def test_without_background_the_lungs_are_all_that_is_left():
    shown = without_background(IMAGES, MASKS, grey=0.5)
    inside = MASKS.bool()
    assert shown[inside].equal(IMAGES[inside])
    assert (shown[:2][~inside[:2]] == 0.5).all()
    assert shown[2].equal(IMAGES[2])  # no lungs are known


def test_outside_the_lungs_no_pixel_of_them_or_of_their_rim_is_left():
    changed = IMAGES.clone()
    changed[:2, :, 9:31, 9:41] = 7.0  # the lungs and one pixel around them
    assert outside_lungs(changed, MASKS).equal(outside_lungs(IMAGES, MASKS))
    far = MASKS.clone()
    far[:2, :, 8:32, 8:42] = 1
    kept = far[:2] == 0
    assert outside_lungs(IMAGES, MASKS)[:2][kept].equal(IMAGES[:2][kept])


def test_an_image_whose_lungs_are_unknown_is_black():
    assert not outside_lungs(IMAGES, MASKS)[2].any()
