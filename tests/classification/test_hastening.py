"""A hastened network computes in another way, and says the same."""

import copy

import pytest
import torch
from torch import Tensor, nn

from isnet_cxr.classification.hastening import calls_rows_whole, hasten
from isnet_cxr.classification.networks import build_network


def _lived_in(network: nn.Module) -> nn.Module:
    """Give every norm constants as training leaves them."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


def _norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def _holds(network: nn.Module, images: Tensor) -> int:
    """Hasten a copy, hold it against the network, and return how many norms went."""
    hastened = copy.deepcopy(_lived_in(network))
    count = hasten(hastened)
    with torch.no_grad():
        expected, found = network(images), hastened(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert _norms(network) - _norms(hastened) == count
    return count


@pytest.mark.parametrize(("name", "at_least"), [("densenet121", 58), ("contextnet-small", 0)])
def test_a_hastened_network_says_the_same(name: str, at_least: int) -> None:
    network = build_network(name, classes=3, seed=0)
    assert _holds(network, torch.rand(2, 1, 96, 96)) >= at_least


@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_with_its_norm_becomes_one(bias: bool) -> None:
    row = nn.Sequential(nn.Conv2d(1, 4, 3, bias=bias), nn.BatchNorm2d(4), nn.ReLU())
    assert _holds(nn.Sequential(row), torch.rand(2, 1, 8, 8)) == 1


class _Joined(nn.Sequential):
    """Adds what went in to what every layer makes of it."""

    def forward(self, images: Tensor) -> Tensor:
        for layer in self:
            images = images + layer(images)
        return images


def _shared() -> nn.Module:
    convolution = nn.Conv2d(2, 2, 3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(2), convolution, nn.BatchNorm2d(2))


def _listened_to() -> nn.Module:
    pair = nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2))
    pair[0].register_forward_hook(lambda *_: None)
    return pair


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(_shared(), id="a layer in two places"),
        pytest.param(_listened_to(), id="a layer with a hook"),
        pytest.param(_Joined(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)), id="a way of its own"),
        pytest.param(nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3)), id="norm first"),
        pytest.param(
            nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)),
            id="a norm by the batch",
        ),
    ],
)
def test_what_cannot_be_folded_stays(network: nn.Module) -> None:
    assert _holds(nn.Sequential(network), torch.rand(2, 2, 8, 8)) == 0


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(nn.Conv2d(2, 3, 3, padding="same", dilation=2), id="padding by name"),
        pytest.param(
            nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), id="padding by the image"
        ),
        pytest.param(nn.Conv2d(2, 4, 3, stride=2, groups=2), id="groups"),
        pytest.param(nn.BatchNorm2d(2, affine=False, eps=0.1), id="norm without weights"),
        pytest.param(nn.Sequential(nn.ReLU(), nn.Dropout(0.9), nn.Identity()), id="little to do"),
        pytest.param(nn.ReLU(inplace=True), id="in place"),
        pytest.param(nn.GELU(), id="another layer"),
        pytest.param(
            nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.ReLU()),
            id="convolutions with what follows",
        ),
        pytest.param(
            nn.Sequential(nn.Conv2d(2, 4, (1, 3), stride=(2, 1), dilation=2, groups=2), nn.ReLU()),
            id="sides unlike each other",
        ),
        pytest.param(nn.Sequential(nn.ReLU(), nn.Conv2d(2, 3, 1)), id="what comes before"),
    ],
)
def test_layers_in_a_row_do_what_each_did(row: nn.Module) -> None:
    _holds(nn.Sequential(nn.Sequential(nn.BatchNorm2d(2), row)), torch.rand(2, 2, 9, 9))


def test_without_one_dnn_a_row_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    row = nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 2, 3))
    _holds(nn.Sequential(row), torch.rand(2, 2, 9, 9))


def test_a_hook_on_a_row_is_still_called() -> None:
    heard: list[Tensor] = []
    network = nn.Sequential(nn.Sequential(nn.ReLU()))
    network[0].register_forward_hook(lambda *call: heard.append(call[2]))
    hasten(network)
    network(torch.ones(1, 1, 2, 2))
    assert len(heard) == 1


def test_a_hastened_network_still_has_its_weights() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()))
    hasten(network)
    assert sum(weights.numel() for weights in network.parameters()) == 20


def test_only_networks_that_are_known_call_their_rows_whole() -> None:
    assert calls_rows_whole(build_network("densenet121", classes=3, seed=0))
    assert calls_rows_whole(build_network("contextnet-small", classes=3, seed=0))
    assert not calls_rows_whole(_Joined(nn.Conv2d(1, 1, 1)))
