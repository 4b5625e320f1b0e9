"""Every named network classifies, is seeded and can be explained."""

import pytest
import torch

from isnet_cxr.classification.lrp import prepare
from isnet_cxr.classification.networks import NETWORKS, build_network

SMALL = ("convnet-small", "contextnet-small", "densenet-small", "resnet18")


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides_the_weights_and_leaves_the_global_generator_alone(name):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = (build_network(name, classes=3, seed=seed) for seed in (1, 1, 2))
    torch.testing.assert_close(torch.rand(1), expected)
    images = torch.rand(2, 1, 64, 64)
    first.eval(), second.eval(), other.eval()
    torch.testing.assert_close(first(images), second(images))
    assert not torch.allclose(first(images), other(images))
    assert first(images).shape == (2, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_can_be_explained(name):
    network = build_network(name, classes=2, seed=0).eval()
    prepared = prepare(network)
    with prepared.record() as recording:
        logits = network(torch.rand(1, 1, 64, 64))
    heatmaps = recording.heatmaps(logits, differentiable=False)
    assert heatmaps.shape == (1, 2, 1, 64, 64)
    assert heatmaps.isfinite().all()
    assert heatmaps.abs().sum() > 0


def test_an_unknown_network_names_those_there_are():
    with pytest.raises(ValueError, match=r"unknown network 'vgg'.*convnet-small"):
        build_network("vgg", classes=2, seed=0)
