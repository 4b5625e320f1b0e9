"""The lungs' outline is exact: two fields, in the body, darker than what lies beside them."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, label

from isnet_cxr.data.phantoms.anatomy import Placement, draw_anatomy, make_grid
from isnet_cxr.data.phantoms.lungs import draw_vessels, outline_lungs, splat
from isnet_cxr.data.phantoms.rendering import build_chest
from isnet_cxr.data.phantoms.soft_tissue import body_outline


@pytest.fixture(params=range(5))
def person(request):
    rng = np.random.default_rng(request.param)
    placement = Placement(290, 270, 1.35, rng.uniform(-4, 4), (rng.uniform(-9, 9), 8.0))
    return draw_anatomy(rng), make_grid(placement)


def test_there_are_two_lungs_of_similar_size(person):
    components, count = label(outline_lungs(*person).mask)
    assert count == 2
    smaller, larger = sorted(np.bincount(components.ravel())[1:])
    assert smaller > 0.55 * larger


def test_lungs_lie_within_the_body_and_within_the_image(person):
    anatomy, grid = person
    mask = outline_lungs(anatomy, grid).mask
    assert np.all(np.abs(grid.x[mask]) < body_outline(anatomy, grid)[mask])
    assert not mask[0].any()
    assert not mask[-1].any()
    assert not mask[:, 0].any()
    assert not mask[:, -1].any()


def test_lungs_are_darker_than_what_lies_beside_them(person):
    anatomy, grid = person
    chest = build_chest(anatomy, grid)
    mask = chest.lungs.mask
    ring = binary_dilation(mask, iterations=12) & ~binary_dilation(mask, iterations=2)
    assert np.median(chest.attenuation_cm[mask]) < 0.8 * np.median(chest.attenuation_cm[ring])


def test_the_heart_is_not_lung_and_lies_to_the_viewers_right(person):
    anatomy, grid = person
    mask = outline_lungs(anatomy, grid).mask
    assert not mask[np.abs(grid.x) < 15].any()
    left_edge, right_edge = (
        np.abs(grid.x[mask & (np.abs(grid.y - 25) < 3) & side]).min()
        for side in (grid.x < 0, grid.x > 0)
    )
    assert right_edge > left_edge + 10


def test_positions_in_the_lung_run_from_apex_to_dome_and_from_heart_to_ribs(person):
    anatomy, grid = person
    lungs = outline_lungs(anatomy, grid)
    for side in (0, 1):
        there = lungs.mask & (lungs.side == side)
        assert np.corrcoef(lungs.down[there], grid.y[there])[0, 1] > 0.9
        assert np.corrcoef(lungs.across[there], np.abs(grid.x[there]))[0, 1] > 0.6
        assert lungs.down[there].min() < 0.05
        assert lungs.down[there].max() > 0.95


def test_a_person_keeps_lung_area_and_vessels_on_a_turned_image():
    anatomy = draw_anatomy(np.random.default_rng(3))
    straight, turned = (make_grid(Placement(300, 280, 1.3, turn, (0, 8))) for turn in (0.0, 4.0))
    areas, blood = zip(
        *(
            (lungs.mask.sum(), draw_vessels(anatomy, grid, lungs).sum())
            for grid in (straight, turned)
            for lungs in [outline_lungs(anatomy, grid)]
        ),
        strict=True,
    )
    assert areas[1] == pytest.approx(areas[0], rel=0.01)
    assert blood[1] == pytest.approx(blood[0], rel=0.02)


def test_locate_undoes_the_grid():
    grid = make_grid(Placement(40, 30, 2.0, 10.0, (5.0, -3.0)))
    points = np.array([[grid.x[12, 20], grid.y[12, 20]], [grid.x[33, 4], grid.y[33, 4]]])
    np.testing.assert_allclose(grid.locate(points), [[12, 20], [33, 4]], atol=1e-4)


def test_splat_counts_every_point_on_the_image_and_none_beside_it():
    grid = make_grid(Placement(40, 30, 2.0, 0.0, (0.0, 0.0)))
    points = np.array([[0.3, 0.7], [10.1, -20.2], [1000.0, 0.0]])
    assert splat(points, grid).sum() * 2.0**2 == pytest.approx(2.0, rel=1e-5)
