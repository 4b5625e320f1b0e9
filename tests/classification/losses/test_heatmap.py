"""The heatmap loss: the papers' formulas, written naively, and the properties they promise."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from isnet_cxr.classification.losses import HeatmapLossSettings, gwrp, heatmap_loss

GOLDEN = Path(__file__).parents[1] / "golden" / "isnet_loss_seed1.npz"  # of the published code


@pytest.fixture
def heatmaps() -> torch.Tensor:
    return torch.randn(3, 2, 1, 6, 5, generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def lung_masks() -> torch.Tensor:
    masks = torch.zeros(3, 1, 6, 5)
    masks[:, :, 1:4, 1:4] = 1
    return masks


def naive_loss(heatmap, mask, settings: HeatmapLossSettings) -> float:
    """One map, pixel by pixel, as the papers write it."""
    relevance, mask = np.abs(heatmap).ravel(), mask.ravel()
    scaled = relevance / (relevance[mask == 1].mean() + 1e-10)
    ranked = np.sort(scaled * (1 - mask))[::-1]
    weights = np.array([settings.decay**rank for rank in range(len(ranked))])
    pooled = (ranked * weights).sum() / weights.sum()
    background = -math.log(1 - pooled / (pooled + settings.background_scale))
    low, high = settings.foreground_range
    total = relevance[mask == 1].sum()
    foreground = (min(total / low, 1) - 1) ** 2
    if settings.foreground_form == "hybrid" and total > low + high:
        foreground += 1 + abs(total - (low + high))
    else:
        foreground += (max(total / low, high / low) - high / low) ** 2
    return settings.background_weight * background + settings.foreground_weight * foreground


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("form", ["L2", "hybrid"])
@pytest.mark.parametrize("scale", [0.01, 1.0, 5.0])
def test_the_loss_is_the_papers_formula(heatmaps, lung_masks, decay, form, scale):
    settings = HeatmapLossSettings(
        decay=decay, foreground_form=form, foreground_range=(2.0, 7.0), foreground_weight=3.0
    )
    scored = heatmap_loss(scale * heatmaps, lung_masks, settings=settings)
    expected = [
        np.mean([naive_loss(scale * one.numpy(), mask.numpy(), settings) for one in maps])
        for maps, mask in zip(heatmaps, lung_masks, strict=True)
    ]
    np.testing.assert_allclose(scored.per_image.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("factor", [-1.0, 1e-3, 1e3])
def test_the_background_term_ignores_sign_and_scale(heatmaps, lung_masks, factor):
    settings = HeatmapLossSettings()
    expected = heatmap_loss(heatmaps, lung_masks, settings=settings).background
    got = heatmap_loss(factor * heatmaps, lung_masks, settings=settings).background
    torch.testing.assert_close(got, expected)


def test_relevance_inside_the_lungs_and_the_range_costs_nothing(lung_masks):
    heatmaps = lung_masks[:, None].double()  # nine lung pixels: a total of 9
    scored = heatmap_loss(heatmaps, lung_masks, settings=HeatmapLossSettings())
    assert scored.total == 0


def test_vanishing_heatmaps_cost(lung_masks):
    heatmaps = 1e-6 * lung_masks[:, None].double()
    scored = heatmap_loss(heatmaps, lung_masks, settings=HeatmapLossSettings())
    torch.testing.assert_close(scored.foreground, torch.tensor(1.0).double(), atol=1e-4, rtol=0)


def test_the_gradient_matches_finite_differences(heatmaps, lung_masks):
    settings = HeatmapLossSettings(foreground_range=(2.0, 4.0))
    assert torch.autograd.gradcheck(
        lambda maps: heatmap_loss(maps, lung_masks, settings=settings).total,
        heatmaps.requires_grad_(),
    )


def test_half_precision_is_scored_in_float32(heatmaps, lung_masks):
    half = heatmaps.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scored = heatmap_loss(half, lung_masks, settings=HeatmapLossSettings())
    expected = heatmap_loss(half.float(), lung_masks, settings=HeatmapLossSettings())
    assert scored.total.dtype == torch.float32
    torch.testing.assert_close(scored.total, expected.total)


def test_every_map_may_have_its_own_mask(heatmaps, lung_masks):
    own = torch.cat([lung_masks, 1 - lung_masks], dim=1)
    settings = HeatmapLossSettings()
    both = heatmap_loss(heatmaps, own, settings=settings).per_image
    halves = [
        heatmap_loss(heatmaps[:, [row]], own[:, [row]], settings=settings).per_image
        for row in (0, 1)
    ]
    torch.testing.assert_close(both, (halves[0] + halves[1]) / 2)


def test_the_empty_mask_is_named(heatmaps, lung_masks):
    lung_masks[1] = 0
    with pytest.raises(ValueError, match=r"lung_masks \[1\] of the batch have no lung pixel"):
        heatmap_loss(heatmaps, lung_masks, settings=HeatmapLossSettings())


SKIP = HeatmapLossSettings(empty_masks="skip", foreground_range=(2.0, 4.0))


def test_an_image_with_an_empty_mask_is_left_out_and_the_others_are_not(heatmaps, lung_masks):
    lung_masks[1] = 0
    scored = heatmap_loss(heatmaps, lung_masks, settings=SKIP)
    others = heatmap_loss(heatmaps[[0, 2]], lung_masks[[0, 2]], settings=SKIP)
    assert scored.is_scored.tolist() == [True, False, True]
    for term in ("total", "background", "foreground"):
        torch.testing.assert_close(getattr(scored, term), getattr(others, term))
    torch.testing.assert_close(scored.per_image[[0, 2]], others.per_image)
    assert scored.per_image[1] == 0


def test_a_map_with_an_empty_mask_is_left_out_of_its_image(heatmaps, lung_masks):
    own = torch.cat([lung_masks, lung_masks], dim=1)
    own[0, 1] = 0
    scored = heatmap_loss(heatmaps, own, settings=SKIP).per_image
    expected = heatmap_loss(heatmaps, lung_masks, settings=SKIP).per_image
    alone = heatmap_loss(heatmaps[:1, :1], lung_masks[:1], settings=SKIP).per_image
    torch.testing.assert_close(scored, torch.cat([alone, expected[1:]]))


def test_a_skipped_image_has_no_gradient_and_the_others_the_right_one(heatmaps, lung_masks):
    lung_masks[1] = 0
    heatmaps.requires_grad_()
    total = heatmap_loss(heatmaps, lung_masks, settings=SKIP).total
    (gradient,) = torch.autograd.grad(total, heatmaps)
    assert (gradient[1] == 0).all()
    assert gradient[[0, 2]].abs().amin() > 0
    assert torch.autograd.gradcheck(
        lambda maps: heatmap_loss(maps, lung_masks, settings=SKIP).total, heatmaps
    )


def test_a_batch_without_any_lungs_costs_nothing_and_can_be_differentiated(heatmaps, lung_masks):
    total = heatmap_loss(heatmaps.requires_grad_(), 0 * lung_masks, settings=SKIP).total
    (gradient,) = torch.autograd.grad(total, heatmaps)
    assert total == 0
    assert (gradient == 0).all()


def test_a_mask_of_another_size_is_refused(heatmaps, lung_masks):
    with pytest.raises(ValueError, match=r"lung_masks must be \(3, 1, 6, 5\)"):
        heatmap_loss(heatmaps, lung_masks[:, :, :5], settings=HeatmapLossSettings())


@pytest.mark.parametrize("low_high", [(0.0, 1.0), (2.0, 2.0), (-1.0, 3.0)])
def test_a_foreground_range_must_be_one(low_high):
    with pytest.raises(ValueError, match="0 < C1 < C2"):
        HeatmapLossSettings(foreground_range=low_high)


def test_ranked_pooling_goes_from_the_maximum_to_the_mean():
    values = torch.rand(4, 500, generator=torch.Generator().manual_seed(0)).double()
    pooled = [gwrp(values, decay=decay) for decay in (0.0, 0.5, 0.99, 0.9999, 1.0)]
    torch.testing.assert_close(pooled[0], values.amax(dim=1))
    torch.testing.assert_close(pooled[-1], values.mean(dim=1))
    assert all((low > high).all() for low, high in itertools.pairwise(pooled))


def test_ranked_pooling_needs_a_decay_in_the_unit_interval():
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\], got 1.5"):
        gwrp(torch.ones(3), decay=1.5)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


@pytest.mark.parametrize("decay", ["0", "0.9", "0.996", "1"])
@pytest.mark.parametrize("form", ["L2", "hybrid"])
@pytest.mark.parametrize("weight", [1, 3])
def test_published_losses_and_gradients_are_reproduced(golden, decay, form, weight):
    heatmaps = torch.from_numpy(golden["heatmaps"]).requires_grad_()
    settings = HeatmapLossSettings(
        decay=float(decay), foreground_form=form, foreground_weight=weight
    )
    scored = heatmap_loss(heatmaps, torch.from_numpy(golden["masks"]), settings=settings)
    scored.total.backward()
    key = f"d{decay}/{form}/w2_{weight}"
    np.testing.assert_allclose(
        scored.per_image.detach(), golden[f"{key}/loss_per_image"], rtol=1e-5
    )
    expected = golden[f"{key}/grad_of_mean"]
    np.testing.assert_allclose(
        heatmaps.grad, expected, rtol=1e-5, atol=1e-6 * float(np.abs(expected).max())
    )
