"""ActDiff: features that a permuted background does not move."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.activations import input_of_last_linear
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.actdiff import (
    ActdiffObjective,
    ActdiffSettings,
    feature_distance,
)
from isnet_cxr.data.errors import InputError


class LungsOnly(nn.Module):
    """Blind outside the lungs of ``batch``."""

    def __init__(self, masks):
        super().__init__()
        self.masks, self.layer = masks, nn.Linear(16 * 16, 3)

    def forward(self, images):
        return self.layer((images * self.masks).flatten(1))


def terms(network, batch, weights, weight=1.0):
    found = ActdiffObjective(network, weights, ActdiffSettings(weight=weight))
    return found.training_terms(batch, progress=0.0, generator=torch.Generator().manual_seed(0))


def test_the_term_is_zero_where_the_features_agree(network, batch, weights):
    blind = terms(LungsOnly(batch.masks), batch, weights)["feature_distance"]
    assert not blind.any()
    assert terms(network, batch, weights)["feature_distance"] > 0


def test_the_distance_is_a_norm_and_its_mean_over_the_images_with_lungs():
    one = torch.tensor([[3.0, 4.0], [0.0, 0.0], [9.0, 9.0]], requires_grad=True)
    distance = feature_distance(one, torch.zeros(3, 2), torch.tensor([True, True, False]))
    assert float(distance.detach()) == pytest.approx((5 + 0) / 2)
    distance.backward()  # no NaN where two features agree
    torch.testing.assert_close(one.grad, torch.tensor([[0.3, 0.4], [0.0, 0.0], [0.0, 0.0]]))


def test_the_weight_doubles_the_term(network, batch, weights):
    found = [terms(network, batch, weights, weight) for weight in (1.0, 2.0)]
    extra = [own["loss"] - own["class_loss"] for own in found]
    torch.testing.assert_close(extra[1], 2 * extra[0])


def test_the_gradient_goes_through_both_passes(network, batch):
    network.eval()
    one, other = (batch.images.clone().requires_grad_() for _ in range(2))
    with torch.no_grad():
        other += 0.3 * torch.rand(other.shape)
    with input_of_last_linear(network) as features:
        network(one)
        first = features.value
        network(other)
        second = features.value
    assert first.shape == (6, 8)
    feature_distance(first, second, torch.ones(6, dtype=torch.bool)).backward()
    assert one.grad.any()
    assert other.grad.any()


def test_a_step_lowers_both_the_loss_and_the_distance(network, weights, step_lowers):
    for term in ("loss", "feature_distance"):
        assert step_lowers(ActdiffObjective(network, weights, ActdiffSettings()), term)


def test_images_without_lungs_are_passed_over(network, weights, without_lungs):
    assert not terms(network, without_lungs(), weights)["feature_distance"].any()


def test_validation_is_the_baselines(network, batch, weights):
    found = ActdiffObjective(network, weights, ActdiffSettings()).validation_terms(batch)
    assert found["loss"].equal(found["class_loss"])
    assert "feature_distance" not in found


def test_a_network_without_a_linear_layer_is_refused(batch, weights):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(InputError, match=r"the network has no nn\.Linear"):
        terms(network, batch, weights)
    with pytest.raises(InputError, match=r"network: the network has no nn\.Linear"):
        METHODS["actdiff"].check(network, ActdiffSettings())
