"""A small network, and batches that it is trained on."""

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
