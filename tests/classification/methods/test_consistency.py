"""Consistency: the same lungs before two backgrounds, one answer."""

import math

import pytest
import torch
from torch import nn

from isnet_cxr.classification.activations import before_relus
from isnet_cxr.classification.consistency import (
    difference_before_relu,
    symmetric_kl,
    two_views,
)
from isnet_cxr.classification.methods.consistency import ConsistencyObjective, ConsistencySettings


class LungsOnly(nn.Module):
    """Blind outside the lungs of ``batch``."""

    def __init__(self, masks):
        super().__init__()
        self.masks, self.layer = masks, nn.Linear(16 * 16, 3)

    def forward(self, images):
        masks = self.masks.repeat(len(images) // len(self.masks), 1, 1, 1)
        return self.layer((images * masks).flatten(1))


def terms(network, batch, weights, generator, **changes):
    own = ConsistencySettings(**{"share": 1.0, **changes})
    objective = ConsistencyObjective(network, weights, own)
    return objective.training_terms(batch, progress=0.0, generator=generator)


def test_a_network_that_is_blind_outside_the_lungs_has_nothing_to_agree_about(
    batch, weights, generator
):
    found = terms(LungsOnly(batch.masks), batch, weights, generator)
    assert float(found["consistency_loss"].detach()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("place", ["logits", "before_relu"])
def test_the_gradient_goes_into_both_views(place, network, batch):
    one, other = (batch.images.clone().requires_grad_() for _ in range(2))
    with torch.no_grad():
        other += 0.3 * torch.rand(other.shape)
    network.eval()
    two_views(network, one, other, batch.masks, place=place)[2].backward()
    assert one.grad.abs().sum() > 0
    assert other.grad.abs().sum() > 0


def test_the_weight_doubles_the_term(network, batch, weights):
    network.eval()
    once, twice = (
        terms(network, batch, weights, torch.Generator().manual_seed(0), weight=weight)
        for weight in (1.0, 2.0)
    )
    extra = [float((own["loss"] - own["class_loss"]).detach()) for own in (once, twice)]
    assert extra[1] == pytest.approx(2 * extra[0], rel=1e-5)
    assert extra[0] > 0


def test_symmetric_kl_of_two_coins():
    p, q = 0.8, 0.4
    logits = [torch.tensor([[math.log(x), math.log(1 - x)]]) for x in (p, q)]
    by_hand = sum(
        a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b)) for a, b in ((p, q), (q, p))
    )
    assert float(symmetric_kl(*logits)) == pytest.approx(by_hand / 2, rel=1e-5)


def test_before_the_relu_scale_alone_does_not_help():
    one, other, masks = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), torch.ones(2, 1, 8, 8)
    small = difference_before_relu([0.01 * one], [0.01 * other], masks)
    assert float(small) == pytest.approx(float(difference_before_relu([one], [other], masks)))


def test_a_unit_held_off_by_the_background_is_seen_before_its_relu_alone():
    """Relu(f - K m) is 0 with the mark m in both views; K has a gradient before the ReLU only."""
    strength = torch.tensor(3.0, requires_grad=True)
    lungs, mark = torch.ones(1, 1, 1, 1), torch.tensor([[[[1.0]]], [[[2.0]]]])
    before = lungs - strength * mark  # off with either background
    after = before.relu()
    seen = difference_before_relu([before[:1]], [before[1:]], torch.ones(1, 1, 1, 1))
    (gradient,) = torch.autograd.grad(seen, strength, retain_graph=True)
    assert float(gradient) != 0
    (silent,) = torch.autograd.grad((after[:1] - after[1:]).abs().sum(), strength)
    assert float(silent) == 0


def test_relus_that_work_in_place_are_seen_before_they_do():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True))
    with before_relus(network) as seen:
        network(torch.randn(1, 1, 4, 4))
    assert (seen[0] < 0).any()
