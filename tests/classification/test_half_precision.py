"""bf16 autocast of the network: the heatmap loss stays in float32, its gradient near float32's."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.methods.isnet import IsnetObjective
from isnet_cxr.classification.networks import build_network
from isnet_cxr.classification.objective import Batch

SIDE = 64


def batch() -> Batch:
    """Two dark ellipses on images of different brightness, slope and noise."""
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(-1, 1, SIDE)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    masks = ((columns.abs() - 0.5) ** 2 / 0.09 + rows**2 / 0.5 < 1).float().expand(8, 1, -1, -1)
    bright, depth, slope = torch.rand(3, 8, 1, 1, 1, generator=generator)
    noise = torch.rand(8, 1, SIDE, SIDE, generator=generator)
    images = 0.5 + 0.3 * bright - 0.3 * masks * (0.5 + depth) + 0.1 * noise + 0.2 * slope * rows
    return Batch(images.clamp(0, 1), masks, torch.arange(8) % 3)


def heatmap_gradient(
    images: Batch, *, bf16: bool, training: bool, **options: Any
) -> tuple[Tensor, Tensor]:
    """Heatmap loss and its gradient by all weights, in one row."""
    network = build_network("densenet-small", classes=3, seed=0).train(training)
    options = {"fraction": 1.0, "target_class": "label", "exchange_share": 0.0, **options}
    epsilon = options.pop("epsilon", 5e-2)
    settings = IsnetSettings(**options, decay=0.98)
    objective = IsnetObjective(network, torch.ones(3), settings, epsilon=epsilon)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        terms = objective.training_terms(images, progress=0.5, generator=torch.Generator())
    loss = terms["heatmap_loss"]
    gradients = torch.autograd.grad(loss, list(network.parameters()), materialize_grads=True)
    if bf16 and settings.target_class != "dual":
        assert terms["logits"].dtype == torch.bfloat16  # autocast was on
    return loss, torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_class": "all", "attribution_target": "logit"},
        {"deep_layers": ("features.transition1", "features.transition2")},
    ],
    ids=["one class", "original", "deep"],
)
def test_the_loss_is_float32_and_its_gradient_close(options):
    loss, gradient = heatmap_gradient(batch(), bf16=False, training=False, **options)
    half_loss, half = heatmap_gradient(batch(), bf16=True, training=False, **options)
    assert half_loss.dtype == half.dtype == torch.float32
    assert half.isfinite().all()
    torch.testing.assert_close(half_loss, loss, rtol=0.02, atol=0)
    assert cosine_similarity(half, gradient, dim=0) > 0.98
    assert half.norm() / gradient.norm() == pytest.approx(1, abs=0.1)


def test_dual_is_made_in_float32_whatever_autocast_says():
    expected = heatmap_gradient(batch(), bf16=False, training=False, target_class="dual")
    half = heatmap_gradient(batch(), bf16=True, training=False, target_class="dual")
    torch.testing.assert_close(half, expected)


def test_with_batch_statistics_bf16_costs_no_more_than_images_that_are_rounded():
    """The gradient of a new network is ill-conditioned: rounded images alone turn it as far."""
    images = batch()
    rounded = replace(images, images=images.images.bfloat16().float())
    loss, gradient = heatmap_gradient(images, bf16=False, training=True)
    _, other = heatmap_gradient(rounded, bf16=False, training=True)
    half_loss, half = heatmap_gradient(images, bf16=True, training=True)
    assert half.isfinite().all()
    torch.testing.assert_close(half_loss, loss, rtol=0.02, atol=0)
    turned, allowed = (1 - cosine_similarity(each, gradient, dim=0) for each in (half, other))
    assert turned < 1.5 * allowed
    assert cosine_similarity(half, gradient, dim=0) > 0.25
