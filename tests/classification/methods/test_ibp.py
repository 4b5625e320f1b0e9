"""Interval bounds: what holds for the worst background of a box holds for all of them."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.interval_bounds import logit_bounds, worst_logits
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.ibp import IbpObjective, IbpSettings
from isnet_cxr.classification.reading import check_classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3),
    )  # fmt: skip


def terms(network, batch, weights, *, progress=1.0, **own):
    found = IbpObjective(network, weights, IbpSettings(**own))
    return found.training_terms(batch, progress=progress, generator=torch.Generator())


@pytest.mark.parametrize("seed", range(10))
def test_all_backgrounds_of_the_box_lie_within_the_bounds(seed, network, batch):
    radii = 0.2 * (1 - batch.masks)
    low, high = logit_bounds(network, batch.images, radii)
    generator = torch.Generator().manual_seed(seed)
    ways = torch.rand(batch.images.shape, generator=generator) * 2 - 1
    for way in (ways, ways.sign()):
        logits = network(batch.images + way * radii)
        assert (low - 1e-6 <= logits).all()
        assert (logits <= high + 1e-6).all()


def test_bounds_of_a_linear_layer_are_reached(batch):
    layer = nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, 3))
    radii = 0.1 * (1 - batch.masks)
    _, high = logit_bounds(layer, batch.images, radii)
    way = layer[1].weight[0].sign().reshape(1, 1, 16, 16)
    torch.testing.assert_close(layer(batch.images + way * radii)[:, 0], high[:, 0])


def test_without_a_radius_the_loss_is_the_baselines(network, batch, weights):
    for found in (terms(network, batch, weights, radius=0.0),
                  terms(network, batch, weights, progress=0.0)):  # fmt: skip
        torch.testing.assert_close(found["loss"], found["class_loss"])
        torch.testing.assert_close(found["logit_width"], torch.tensor(0.0), atol=1e-6, rtol=0)


def test_the_worst_logits_speak_against_each_images_own_class():
    low, high = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[3.0, 4.0, 5.0]])
    assert worst_logits(low, high, torch.tensor([1])).tolist() == [[3.0, 1.0, 5.0]]


def test_the_worst_case_costs_more_and_a_step_lowers_it(network, batch, weights, step_lowers):
    found = terms(network, batch, weights)
    assert found["worst_class_loss"] > found["class_loss"]
    for term in ("loss", "worst_class_loss"):
        assert step_lowers(IbpObjective(network, weights, IbpSettings()), term)


def test_the_gradient_reaches_a_weight_that_holds_a_unit_off():
    """Relu(f - K m) is off at the mark m = 1; the bound before the ReLU still moves with K."""
    layer = nn.Linear(2, 1, bias=False)
    seen = torch.tensor([[1.0, 1.0]])
    radii = torch.tensor([[0.0, 1.0]])
    layer.weight = nn.Parameter(torch.tensor([[1.0, -3.0]]))
    low, high = logit_bounds(layer, seen, radii)
    (gradient,) = torch.autograd.grad((high - low).sum(), layer.weight)
    assert gradient[0, 1] == -2  # the width is 2 |K|
    after = nn.Sequential(layer, nn.ReLU())
    (silent,) = torch.autograd.grad(after(seen).sum(), layer.weight)
    assert not silent.any()


def test_images_without_lungs_are_passed_over(network, weights, without_lungs):
    found = terms(network, without_lungs(), weights)
    assert found["loss"].equal(found["class_loss"])
    assert terms(network, without_lungs(0), weights)["loss"].isfinite()


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(1), nn.Sigmoid()])
def test_other_layers_are_refused_by_name(layer):
    with pytest.raises(InputError, match=f"network: bounds cannot pass a {type(layer).__name__}"):
        METHODS["ibp"].check(nn.Sequential(layer, nn.Flatten()), IbpSettings())


def test_a_study_is_refused_before_it_runs():
    settings = ClassifierSettings(method="ibp", network="convnet-small")
    with pytest.raises(InputError, match=r"bounds cannot pass a BatchNorm2d"):
        check_classifier(settings, classes=2, where="classifiers.a")
