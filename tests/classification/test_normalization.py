"""Batch-norm statistics are those of the given images, and nothing else changes."""

import torch
from torch import nn

from isnet_cxr.classification.normalization import recompute_statistics, untouched_statistics


def test_statistics_become_the_images_own():
    network = nn.Sequential(nn.BatchNorm2d(1), nn.ReLU()).train()
    weights = {name: value.clone() for name, value in network.named_parameters()}
    batches = [3 + 2 * torch.randn(64, 1, 8, 8) for _ in range(4)]
    network(100 * batches[0])  # statistics of something else
    recompute_statistics(network, batches)
    norm = network[0]
    together = torch.cat(batches)
    torch.testing.assert_close(norm.running_mean, together.mean().view(1))
    torch.testing.assert_close(norm.running_var, together.var().view(1), rtol=0.02, atol=0)
    assert norm.momentum == 0.1
    assert network.training
    for name, value in network.named_parameters():
        torch.testing.assert_close(value, weights[name])


def test_untouched_statistics_stay_and_batches_still_normalise():
    network = nn.Sequential(nn.BatchNorm2d(1)).train()
    images = 3 + 2 * torch.randn(64, 1, 8, 8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with untouched_statistics(network):
        shown = network(images)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    torch.testing.assert_close(shown, nn.BatchNorm2d(1)(images))
    network(images)
    assert int(network[0].num_batches_tracked) == 1
