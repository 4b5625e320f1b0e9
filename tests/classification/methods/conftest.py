"""A small network, and batches that it is trained on."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from isnet_cxr.classification.objective import Batch

CLASSES, SIZE_PX = 3, 16


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, CLASSES),
    )  # fmt: skip


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(6, 1, SIZE_PX, SIZE_PX, generator=generator)
    masks = torch.zeros_like(images)
    masks[:, :, 4:12, 3:7] = 1
    masks[:, :, 4:12, 9:13] = 1
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    return Batch(images, masks, labels, groups=torch.tensor([0, 1, 2, 3, 4, 5]))


@pytest.fixture
def weights() -> torch.Tensor:
    return torch.ones(CLASSES)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def step_lowers(network, batch):
    """Tell whether a step down the gradient of an objective's term lowers that term.

    The step is short: gradients of gradients jump where a ReLU switches.
    """

    def tell(objective, term="loss", *, rate=3e-5) -> bool:
        def value() -> torch.Tensor:
            drawn = torch.Generator().manual_seed(0)
            return objective.training_terms(batch, progress=0.5, generator=drawn)[term]

        before = value()
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        gradients = torch.autograd.grad(before, weights, materialize_grads=True)
        assert any(gradient.any() for gradient in gradients)
        assert all(gradient.isfinite().all() for gradient in gradients)
        length = torch.stack([gradient.norm() for gradient in gradients]).norm()
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.sub_(rate * gradient / length)
        return bool(value() < before)

    return tell


@pytest.fixture
def without_lungs(batch):
    """Return the batch with no lungs in some of its masks, or in all."""

    def change(*images: int) -> Batch:
        masks = batch.masks.clone()
        masks[list(images) or slice(None)] = 0
        return replace(batch, masks=masks)

    return change
