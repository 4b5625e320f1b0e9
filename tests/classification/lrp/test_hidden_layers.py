"""Heatmaps of hidden layers: both engines agree, relevance is conserved, misuse is named."""

import pytest
import torch
from torch import Tensor, nn

from isnet_cxr.classification.lrp import LayerwiseEngine, LayerwiseRules, prepare
from isnet_cxr.classification.lrp.conventions import PIXELS
from isnet_cxr.classification.networks import build_network

LAYERS = ("block", "over", "enlarge")


class Grouped(nn.Module):
    """A group of layers, a ReLU that overwrites, an enlargement and a group whose ReLU is re-used.

    What leaves ``deep`` is overwritten by ``over``.
    """

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.block = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=bias), nn.BatchNorm2d(4) if bias else nn.Identity(),
            nn.ReLU(), nn.MaxPool2d(2), nn.Identity(),
        )  # fmt: skip
        self.deep = nn.Conv2d(4, 5, 3, padding=1, bias=bias)
        self.over = nn.ReLU(inplace=True)
        self.mixed = nn.Sequential(nn.Conv2d(5, 3, 1, bias=bias), nn.ReLU())
        self.enlarge = nn.Upsample(scale_factor=2)
        self.last = nn.Linear(3, 3, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        read = self.enlarge(self.mixed(self.over(self.deep(self.block(images)))))
        return self.last(torch.flatten(nn.functional.adaptive_avg_pool2d(read, 1), 1))


def images() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, 8, 12, generator=generator, dtype=torch.float64)


def explain(network: nn.Module, layers: tuple[str, ...], *, epsilon: float) -> dict[str, Tensor]:
    prepared = prepare(network)
    with prepared.record(epsilon=epsilon, layers=layers) as recording:
        logits = network(images())
    maps = recording.layer_heatmaps(logits)
    prepared.restore()
    return maps


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layer", [*LAYERS, "deep"])
def test_both_engines_agree_at_hidden_layers_and_in_their_gradients(layer, training):
    network = Grouped().double().train(training)
    maps = explain(network, (layer,), epsilon=0.05)
    layerwise = LayerwiseEngine(network).record(images())
    expected = layerwise.layer_heatmaps(
        layerwise.logits, (layer,), settings=LayerwiseRules(epsilon=0.05)
    )
    torch.testing.assert_close(maps, expected)
    gradients, expected_gradients = (
        torch.autograd.grad(each[layer].abs().sum(), network.parameters(), materialize_grads=True)
        for each in (maps, expected)
    )
    torch.testing.assert_close(gradients, expected_gradients)


@pytest.mark.parametrize("training", [False, True])
def test_both_engines_agree_on_the_network_that_enlarges(training):
    network = build_network("contextnet-small", classes=3, seed=0).double().train(training)
    inputs = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(2)).double()
    layers = ("fine", "enlarge_wide", "join")
    layerwise = LayerwiseEngine(network).record(inputs)
    settings = LayerwiseRules(epsilon=0.05)
    expected = layerwise.layer_heatmaps(layerwise.logits[:, 0], layers, settings=settings)
    prepared = prepare(network)
    with prepared.record(epsilon=0.05, layers=layers) as recording:
        logits = network(inputs)
    torch.testing.assert_close(recording.layer_heatmaps(logits[:, 0]), expected)


def test_every_hidden_layer_has_all_of_the_relevance():
    network = Grouped(bias=False).double()
    maps = explain(network, LAYERS, epsilon=1e-13)
    assert list(maps) == [PIXELS, *LAYERS]
    assert maps["enlarge"].shape == (3, 3, 3, 8, 12)
    for relevance in maps.values():
        torch.testing.assert_close(relevance.sum(dim=(2, 3, 4)), network(images()))


def test_dual_reaches_hidden_layers_too():
    network = Grouped(bias=False).double()
    recording = LayerwiseEngine(network).record(images())
    maps = recording.dual_layer_heatmaps(LAYERS, epsilon=1e-13)
    at_pixels = maps[PIXELS].sum(dim=(2, 3, 4))
    assert (at_pixels[:, 0] > 0).all()
    for relevance in maps.values():
        plus, signed = relevance.sum(dim=(2, 3, 4)).unbind(dim=1)
        torch.testing.assert_close(plus, at_pixels[:, 0])
        torch.testing.assert_close(signed, recording.logits.sum(dim=1))


def test_a_layer_that_is_missing_runs_twice_or_is_fused_is_named():
    network = Grouped().double()
    with pytest.raises(ValueError, match="no layer 'blok' to be explained"):
        explain(network, ("blok",), epsilon=0.1)
    recording = LayerwiseEngine(network).record(images())
    with pytest.raises(ValueError, match="layer 'blok' is none of the network"):
        recording.layer_heatmaps(recording.logits, ("blok",))
    with pytest.raises(ValueError, match=r"layer 'block\.0' is one map with the batch norm"):
        recording.layer_heatmaps(recording.logits, ("block.0",))
    with pytest.raises(ValueError, match=r"layer 'act' runs twice"):
        explain(Twice().double(), ("act",), epsilon=0.1)
    recording = LayerwiseEngine(Twice().double()).record(images())
    with pytest.raises(ValueError, match=r"layer 'act' runs twice"):
        recording.layer_heatmaps(recording.logits, ("act",))


class Twice(nn.Module):
    """Re-uses its ReLU, as MONAI's ResNets do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.act = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 3), nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        read = self.act(self.second(self.act(self.first(images))))
        return torch.flatten(nn.functional.adaptive_avg_pool2d(read, 1), 1)
