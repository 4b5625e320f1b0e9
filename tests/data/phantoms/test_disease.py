"""Disease is in the lungs and nowhere else, and looks as its name says."""

import numpy as np
import pytest

from isnet_cxr.data.phantoms.anatomy import Placement, draw_anatomy, make_grid
from isnet_cxr.data.phantoms.disease import draw_disease
from isnet_cxr.data.phantoms.rendering import add_disease, build_chest


@pytest.fixture(params=range(4))
def chest(request):
    rng = np.random.default_rng(request.param)
    return build_chest(draw_anatomy(rng), make_grid(Placement(290, 270, 1.35, 1.0, (0, 8))))


def _fluid(label, chest, *, seed=0):
    return draw_disease(label, chest.grid, chest.lungs, np.random.default_rng(seed))


@pytest.mark.parametrize("label", ["pneumonia", "covid"])
def test_disease_brightens_lung_and_changes_nothing_else(chest, label):
    changed = add_disease(chest, _fluid(label, chest)) - chest.attenuation_cm
    assert changed.min() >= 0
    assert changed.max() > 1
    assert not changed[~chest.lungs.mask].any()


def test_normal_lungs_are_left_alone(chest):
    attenuation = add_disease(chest, _fluid("normal", chest))
    np.testing.assert_array_equal(attenuation, chest.attenuation_cm)


def test_pneumonia_is_dense_and_in_one_lung(chest):
    for seed in range(3):
        fluid = _fluid("pneumonia", chest, seed=seed)
        filled = fluid > 0.4
        assert len(set(chest.lungs.side[filled])) == 1
        assert 0.04 < filled.sum() / chest.lungs.mask.sum() < 0.5


def test_covid_is_in_both_lungs_fainter_and_nearer_to_the_ribs(chest):
    lungs = chest.lungs
    for seed in range(3):
        fluid = _fluid("covid", chest, seed=seed)
        clouded = fluid > 0.12
        assert set(lungs.side[clouded]) == {0, 1}
        assert np.percentile(fluid[clouded], 50) < 0.6
        assert lungs.across[clouded].mean() > lungs.across[lungs.mask].mean()


def test_unknown_disease_is_named(chest):
    with pytest.raises(ValueError, match="one of normal, pneumonia, covid, got 'flu'"):
        _fluid("flu", chest)
