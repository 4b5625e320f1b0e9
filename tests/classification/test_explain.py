"""Overlays: a symmetric colour scale over the image."""

import numpy as np
import pytest

from isnet_cxr.classification.explain import colour_limit, overlay

IMAGE = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)


def test_no_relevance_is_no_colour():
    drawn = overlay(IMAGE, np.zeros_like(IMAGE))
    assert (drawn == np.rint(255 * IMAGE).astype(np.uint8)[..., None]).all()


def test_support_is_red_contradiction_blue_and_the_scale_symmetric():
    heatmap = np.zeros_like(IMAGE)
    heatmap[0, 0], heatmap[7, 0] = 1.0, -1.0
    drawn = overlay(0.5 * np.ones_like(IMAGE), heatmap, limit=1.0).astype(int)
    assert drawn[0, 0, 0] > drawn[0, 0, 2]
    assert drawn[7, 0, 2] > drawn[7, 0, 0]
    half = overlay(0.5 * np.ones_like(IMAGE), 0.5 * heatmap, limit=0.5).astype(int)
    np.testing.assert_array_equal(half, drawn)


def test_by_default_the_strongest_relevance_has_full_colour():
    heatmap = IMAGE - 0.5
    np.testing.assert_array_equal(
        overlay(IMAGE, heatmap), overlay(IMAGE, heatmap, limit=colour_limit(heatmap))
    )
    np.testing.assert_array_equal(overlay(IMAGE, heatmap), overlay(IMAGE, 7 * heatmap))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"heatmap must be \(8, 8\), got \(4, 8\)"):
        overlay(IMAGE, IMAGE[:4])
