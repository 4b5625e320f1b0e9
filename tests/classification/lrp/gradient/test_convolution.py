"""Whichever kernels a processor is best served by, they compute the same."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.lrp import prepare
from isnet_cxr.classification.lrp.gradient import convolution


def heatmap_and_gradients(*, is_intel: bool, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    monkeypatch.setattr(convolution, "_is_intel", lambda: is_intel)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(),
        nn.Conv2d(6, 12, 1), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 10, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(10, 3),
    )  # fmt: skip
    with prepare(network).record(epsilon=0.05) as recording:
        logits = network(torch.rand(3, 1, 16, 16))
    heatmaps = recording.heatmaps(logits)
    loss = heatmaps.square().sum() + logits.sum()
    return [heatmaps.detach(), *torch.autograd.grad(loss, list(network.parameters()))]


def test_products_of_matrices_agree_with_onednn(monkeypatch):
    calls = []
    onednn = convolution._map_pixels
    monkeypatch.setattr(
        convolution, "_map_pixels", lambda *arguments: calls.append(1) or onednn(*arguments)
    )
    with_matrices = heatmap_and_gradients(is_intel=True, monkeypatch=monkeypatch)
    assert not calls
    with_onednn = heatmap_and_gradients(is_intel=False, monkeypatch=monkeypatch)
    assert calls or not torch.backends.mkldnn.is_available()
    for one, other in zip(with_matrices, with_onednn, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
