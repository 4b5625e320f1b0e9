"""The layer-wise engine against heatmaps made by others: captum, and the authors' public code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.lrp import LayerwiseEngine, LayerwiseRules

GOLDEN = Path(__file__).parents[2] / "golden" / "lrp_flex_seed1.npz"  # of the published code


def explain(network: nn.Module, images: torch.Tensor, **settings) -> torch.Tensor:
    recording = LayerwiseEngine(network).record(images)
    return recording.heatmaps(recording.logits, settings=LayerwiseRules(**settings))


class Plain(nn.Module):
    """Convolution, ReLU, linear; captum has no rule for ``nn.Flatten``."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 3, 3, stride=2), nn.ReLU(), nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2),
        )  # fmt: skip
        self.out = nn.Linear(80, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.out(self.features(images).flatten(1))


def test_captum_agrees_on_a_plain_network():
    from captum.attr import LRP

    torch.manual_seed(0)
    network = Plain().double().eval()
    inputs = torch.rand(3, 1, 24, 20, dtype=torch.float64)
    heatmaps = explain(network, inputs, epsilon=1e-9, stabilised="layers", first="epsilon")
    for label in range(3):
        expected = LRP(network).attribute(inputs.clone().requires_grad_(), target=label)
        torch.testing.assert_close(heatmaps[:, label], expected.detach())


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


@pytest.mark.parametrize("kind", ["plain", "bn"])
@pytest.mark.parametrize("first", ["zB", "epsilon"])
@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_published_heatmaps_are_reproduced(golden, kind, first, epsilon):
    norms = [nn.BatchNorm2d(6)], [nn.BatchNorm2d(8)]
    before, after = norms if kind == "bn" else ([], [])
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), *before, nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), *after, nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(128, 3),
    ).eval()  # fmt: skip
    prefix = f"{kind}/state/"
    state = {key.removeprefix(prefix): value for key, value in golden.items() if prefix in key}
    network.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    inputs = torch.from_numpy(golden[f"{kind}/input"])
    heatmaps = explain(network, inputs, first=first, epsilon=epsilon)
    expected = torch.from_numpy(golden[f"{kind}/{first}/eps{epsilon}/heatmaps"])
    torch.testing.assert_close(
        heatmaps, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )
