from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention

from isnet_cxr.data.errors import InputError
from isnet_cxr.segmentation.sickness import RIM_PX, Sickness, make_ill, sicken

SIZE = 128


@pytest.fixture
def chests():
    """Dark lungs in bright tissue, and their masks, (8, 1, SIZE, SIZE)."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    lungs = torch.zeros(SIZE, SIZE)
    for centre in (36, 92):
        lungs[((rows - 64) / 44) ** 2 + ((columns - centre) / 20) ** 2 < 1] = 1
    masks = lungs.expand(8, 1, SIZE, SIZE).contiguous()
    noise = 0.02 * torch.randn(masks.shape, generator=generator)
    return (0.7 - 0.5 * masks + noise).clamp(0, 1), masks


def ill(chests, seed=1, **settings):
    generator = torch.Generator().manual_seed(seed)
    return sicken(*chests, settings=Sickness(**{"share": 1.0, **settings}), generator=generator)


def test_illness_stays_in_the_lungs_and_a_rim(chests):
    images, masks = chests
    changed = (ill(chests) != images).float()
    reached = F.max_pool2d(masks, 2 * RIM_PX + 1, stride=1, padding=RIM_PX)
    assert changed.amax() == 1
    assert (changed * (1 - reached)).sum() == 0


def test_illness_only_brightens_and_stays_in_range(chests):
    sick = ill(chests)
    assert (sick >= chests[0]).all()
    assert sick.max() <= 1


def test_the_masks_are_not_touched(chests):
    before = chests[1].clone()
    ill(chests)
    torch.testing.assert_close(chests[1], before, rtol=0, atol=0)


def test_the_seed_alone_decides(chests):
    torch.testing.assert_close(ill(chests, seed=4), ill(chests, seed=4), rtol=0, atol=0)
    assert not torch.equal(ill(chests, seed=4), ill(chests, seed=5))


def test_about_the_share_of_the_images_is_ill(chests):
    many = tuple(planes[:1].expand(200, 1, SIZE, SIZE)[..., ::2, ::2] for planes in chests)
    changed = (ill(many, share=0.3) != many[0]).flatten(1).any(1).sum().item()
    assert 30 <= changed <= 80


def test_a_white_lung_is_as_bright_as_the_tissue_around(chests):
    images, masks = chests
    inside = masks.bool()
    white = ill(chests, white_lung=1.0)[inside].mean().item()
    assert images[inside].mean() < 0.25
    assert white == pytest.approx(images[~inside].mean().item(), abs=0.12)


def test_more_density_is_brighter(chests):
    inside = chests[1].bool()
    faint, dense = (ill(chests, density=(d, d), white_lung=0.0)[inside] for d in (0.2, 0.9))
    assert faint.mean() < dense.mean()


def test_an_image_without_lungs_stays_as_it_is(chests):
    bare = (chests[0], torch.zeros_like(chests[1]))
    torch.testing.assert_close(ill(bare), bare[0], rtol=0, atol=0)


def test_one_lung_alone_can_be_ill(chests):
    images, masks = chests
    masks = masks.clone()
    masks[..., : SIZE // 2] = 0
    sick = ill((images, masks), white_lung=1.0)
    assert torch.isfinite(sick).all()
    assert (sick[masks.bool()] > images[masks.bool()]).float().mean() > 0.9


def test_settings_of_nothing_draw_nothing(chests):
    generator = torch.Generator().manual_seed(1)
    state = generator.get_state()
    same = make_ill(*chests, settings=Sickness(), generator=generator)
    assert same is chests[0]
    assert torch.equal(generator.get_state(), state)


def test_everything_together_stays_in_range_and_is_decided_by_the_seed(chests):
    settings = Sickness(share=0.5, devices=0.5, exposure=0.2)
    first, again = (
        make_ill(*chests, settings=settings, generator=torch.Generator().manual_seed(2))
        for _ in range(2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert first.shape == chests[0].shape
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"share": 1.5}, "share: expected at least 0 and at most 1"),
        ({"white_lung": -0.1}, "white_lung: expected"),
        ({"devices": 2.0}, "devices: expected"),
        ({"exposure": -1.0}, "exposure: expected"),
        ({"density": (0.8, 0.4)}, "density: expected"),
        ({"density": (0.5, 1.4)}, "density: expected at most 1"),
    ],
)
def test_values_out_of_range_are_refused(changed, message):
    with pytest.raises(InputError, match=message):
        replace(Sickness(), **changed)
