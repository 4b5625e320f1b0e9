"""Energy pointing: the share of positive evidence outside the lungs."""

import pytest
import torch

from isnet_cxr.classification.methods.energy_pointing import (
    EnergyPointingObjective,
    EnergyPointingSettings,
    energy_outside,
)

MASKS = torch.zeros(2, 1, 4, 4)
MASKS[:, :, 1:3, 1:3] = 1


def test_it_is_a_share_by_hand():
    maps = torch.zeros(2, 1, 4, 4)
    maps[0, 0, 1, 1], maps[0, 0, 0, 0] = 3.0, 1.0  # a quarter outside
    maps[1, 0, 2, 2], maps[1, 0, 3, 3] = 1.0, 1.0  # half
    assert float(energy_outside(maps, MASKS)) == pytest.approx((1 / 4 + 1 / 2) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_it_lies_between_0_and_1_and_scale_does_not_matter(seed):
    maps = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    share = energy_outside(maps, MASKS)
    assert 0 < share < 1
    torch.testing.assert_close(energy_outside(1e3 * maps, MASKS), share)


def test_it_is_0_if_and_only_if_nothing_positive_lies_outside():
    maps = torch.where(MASKS.bool(), torch.ones(2, 1, 4, 4), -torch.ones(2, 1, 4, 4))
    assert float(energy_outside(maps, MASKS)) == 0
    maps[1, 0, 0, 0] = 1e-3
    assert float(energy_outside(maps, MASKS)) > 0


def test_what_has_no_lungs_or_nothing_positive_is_passed_over_without_nan():
    maps = torch.ones(2, 1, 4, 4, requires_grad=True)
    bare = MASKS.clone()
    bare[1] = 0
    torch.testing.assert_close(energy_outside(maps, bare), energy_outside(maps[:1], bare[:1]))
    nothing = torch.zeros(2, 1, 4, 4, requires_grad=True)
    share = energy_outside(nothing, MASKS)
    share.backward()
    assert not share.detach().any()
    assert nothing.grad.isfinite().all()


@pytest.mark.parametrize("term", ["loss", "energy_outside"])
def test_a_step_lowers(term, network, weights, step_lowers):
    assert step_lowers(EnergyPointingObjective(network, weights, EnergyPointingSettings()), term)


def test_the_map_is_input_times_gradient_of_each_images_own_logit(network, batch, weights):
    network.eval()
    images = batch.images.clone().requires_grad_()
    own = network(images)[torch.arange(6), batch.labels].sum()
    maps = images.detach() * torch.autograd.grad(own, images)[0]
    found = EnergyPointingObjective(network, weights, EnergyPointingSettings(weight=2.0))
    terms = found.validation_terms(batch)
    torch.testing.assert_close(terms["energy_outside"], energy_outside(maps, batch.masks))
    torch.testing.assert_close(terms["loss"], terms["class_loss"] + 2 * terms["energy_outside"])
