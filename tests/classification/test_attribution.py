"""How a classifier is explained: by relevance unless its method says that it is by gradient."""

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.attribution import RELEVANCE, Attribution
from isnet_cxr.classification.explanation import explain_images
from isnet_cxr.classification.lrp.targets import log_odds
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.data.errors import InputError

GRADIENT = Attribution("gradient")


@pytest.fixture
def network() -> nn.Module:
    """Return a network that relevance cannot pass."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GELU(), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(),
        nn.LazyLinear(3),
    ).train()  # fmt: skip


@pytest.fixture
def images(network) -> torch.Tensor:
    made = torch.rand(40, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    network(made)
    return made


@pytest.mark.parametrize("label", [0, 2])
def test_a_gradient_is_input_times_that_of_the_log_odds(network, images, label):
    found = explain_images(network, images, label=label, attribution=GRADIENT)
    slopes = torch.autograd.functional.jacobian(
        lambda one: log_odds(network.eval()(one))[0, label], images[37:38]
    )
    expected = (images[37:38] * slopes)[0, 0]
    np.testing.assert_allclose(found.heatmaps[37], expected, rtol=1e-4, atol=1e-7)


def test_the_network_and_the_images_are_left_as_they_were(network, images):
    state = {name: value.clone() for name, value in network.state_dict().items()}
    explain_images(network, images, torch.ones_like(images), attribution=GRADIENT)
    assert all(layer.training for layer in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(value.equal(state[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not images.requires_grad


def test_relevance_is_what_is_meant_and_refuses_such_a_network(network, images):
    with pytest.raises(InputError, match="GELU, which relevance cannot pass"):
        explain_images(network, images)
    assert all(layer.training for layer in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_methods_on_networks_of_the_settings_are_explained_by_relevance_without_gates():
    for method in METHODS.values():
        own = method.settings()
        if not method.needs(own).own_network:
            assert method.attribution(own) == RELEVANCE


def test_a_gradient_has_no_gates():
    with pytest.raises(InputError, match="gates: have no use with kind 'gradient'"):
        Attribution("gradient", gates=("gate",))
