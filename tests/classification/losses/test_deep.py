"""Deep supervision: the plain loss for one layer, the worst layer first, masks that fit."""

from dataclasses import replace

import pytest
import torch

from isnet_cxr.classification.losses import HeatmapLossSettings, deep_heatmap_loss, heatmap_loss
from isnet_cxr.classification.losses.deep import resize_masks

PLAIN = HeatmapLossSettings(foreground_range=(2.0, 4.0))


@pytest.fixture
def heatmaps() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"pixels": (3, 2, 1, 8, 12), "near": (3, 2, 4, 4, 6), "far": (3, 2, 7, 1, 2)}
    return {
        name: torch.randn(shape, generator=generator).double() for name, shape in shapes.items()
    }


@pytest.fixture
def lung_masks() -> torch.Tensor:
    masks = torch.zeros(3, 1, 8, 12)
    masks[:, :, 2:5, 3:4] = 1
    return masks


def score(heatmaps, lung_masks, *, decay=0.8, **options):
    settings = dict.fromkeys(heatmaps, replace(PLAIN, **options))
    return deep_heatmap_loss(heatmaps, lung_masks, settings=settings, layer_decay=decay)


def test_with_the_pixels_only_it_is_the_plain_loss(heatmaps, lung_masks):
    deep = score({"pixels": heatmaps["pixels"]}, lung_masks)
    plain = heatmap_loss(heatmaps["pixels"], lung_masks, settings=PLAIN)
    for term in ("total", "background", "foreground", "per_image"):
        torch.testing.assert_close(getattr(deep, term), getattr(plain, term))


def test_the_worst_layer_of_every_image_counts_most(heatmaps, lung_masks):
    masks = {name: resize_masks(lung_masks, maps, name) for name, maps in heatmaps.items()}
    each = torch.stack(
        [
            heatmap_loss(maps, masks[name], settings=PLAIN).per_image
            for name, maps in heatmaps.items()
        ]
    )
    weights = torch.tensor([1.0, 0.8, 0.64]).double()
    expected = (each.sort(dim=0, descending=True).values * weights[:, None]).sum(0) / weights.sum()
    torch.testing.assert_close(score(heatmaps, lung_masks).per_image, expected)
    torch.testing.assert_close(score(heatmaps, lung_masks, decay=0).per_image, each.amax(dim=0))
    torch.testing.assert_close(score(heatmaps, lung_masks, decay=1).total, each.mean())


def test_a_cell_with_any_lung_pixel_is_lung(heatmaps, lung_masks):
    assert resize_masks(lung_masks, heatmaps["near"], "near")[0, 0].tolist() == [
        [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0],
    ]  # fmt: skip
    assert resize_masks(lung_masks, heatmaps["far"], "far")[0, 0].tolist() == [[1, 0]]
    assert resize_masks(lung_masks, heatmaps["pixels"], "pixels").equal(lung_masks)


def test_the_gradient_matches_finite_differences(heatmaps, lung_masks):
    lung_masks[1] = 0
    names = list(heatmaps)

    def total(*maps: torch.Tensor) -> torch.Tensor:
        return score(dict(zip(names, maps, strict=True)), lung_masks, empty_masks="skip").total

    assert torch.autograd.gradcheck(
        total, tuple(maps.requires_grad_() for maps in heatmaps.values())
    )


def test_a_layer_without_settings_or_without_rows_is_named(heatmaps, lung_masks):
    with pytest.raises(ValueError, match=r"every layer of \['pixels', 'near', 'far'\], got \[\]"):
        deep_heatmap_loss(heatmaps, lung_masks, settings={})
    with pytest.raises(ValueError, match=r"layer 'flat' gives \(3, 2, 5\)"):
        score({"flat": torch.ones(3, 2, 5)}, lung_masks)
