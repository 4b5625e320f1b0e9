"""Gradient x input: the ISNet's loss on another map, LRP-epsilon's with epsilon 0."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.losses import HeatmapLossSettings
from isnet_cxr.classification.losses.heatmap import heatmap_loss
from isnet_cxr.classification.lrp import LayerwiseEngine, LayerwiseRules
from isnet_cxr.classification.methods import METHODS, Setup
from isnet_cxr.classification.methods.gradient_input import GradientInputSettings
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.classification.variants import build_explainer
from isnet_cxr.data.errors import InputError

RANGE = (0.05, 0.3)


@pytest.fixture
def own() -> GradientInputSettings:
    return GradientInputSettings(foreground_range=RANGE)


@pytest.fixture
def unbiased() -> nn.Module:
    """Return a ReLU network without biases."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, padding=1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(20, 3, bias=False),
    )  # fmt: skip


def build(network, own):
    settings = ClassifierSettings(method="gradient_input", method_settings=own)
    setup = Setup(
        network=network, class_weights=torch.ones(3), own=own, settings=settings, groups=6,
        rows=None, seed=0, folder=Path(), train_first=None,
    )  # fmt: skip
    return METHODS["gradient_input"].build(setup)


def by_hand(network, images):
    """Return x * dz_c/dx of every class, (B, C, 1, H, W)."""
    images = images.clone().requires_grad_()
    logits = network(images)
    maps = [torch.autograd.grad(z.sum(), images, retain_graph=True)[0] for z in logits.unbind(1)]
    return (images[:, None] * torch.stack(maps, dim=1)).detach(), logits.detach()


def test_without_biases_it_is_lrp_0_in_every_layer_and_sums_to_the_logit(unbiased, batch, own):
    maps, logits = by_hand(unbiased, batch.images)
    recording = LayerwiseEngine(unbiased).record(batch.images)
    rules = LayerwiseRules(hidden="epsilon", first="epsilon", epsilon=0.0)
    lrp = recording.heatmaps(recording.logits, settings=rules)
    torch.testing.assert_close(lrp.detach(), maps)
    torch.testing.assert_close(maps.sum(dim=(2, 3, 4)), logits)
    explainer = build_explainer(unbiased, own.as_isnet(), epsilon=0.0)
    found = explainer.explain(batch.images, batch.labels, generator=None)
    torch.testing.assert_close(found.heatmaps["pixels"].detach(), maps)


def test_the_loss_is_the_heatmap_loss_of_these_maps_beside_the_class_loss(unbiased, batch, own):
    maps, _ = by_hand(unbiased, batch.images)
    terms = build(unbiased, own).validation_terms(batch)
    loss = heatmap_loss(
        maps, batch.masks, settings=HeatmapLossSettings(decay=own.decay, foreground_range=RANGE)
    ).total
    torch.testing.assert_close(terms["heatmap_loss"], loss)
    torch.testing.assert_close(
        terms["loss"], (1 - own.weight) * terms["class_loss"] + own.weight * loss
    )


def test_other_explanations_keep_their_epsilon(network, own):
    settings = ClassifierSettings(method="gradient_input", method_settings=own)
    build(network, own)
    assert settings.epsilon == ClassifierSettings().epsilon > 0


def test_a_step_lowers_the_loss(network, step_lowers, own):
    assert step_lowers(build(network, own))


def test_images_without_lungs_are_refused_or_passed_over(network, without_lungs, generator, own):
    bare = without_lungs(0)
    skipping = GradientInputSettings(foreground_range=RANGE, empty_masks="skip")
    terms = build(network, skipping).training_terms(bare, progress=0.0, generator=generator)
    assert np.isfinite(terms["loss"].item())
    assert METHODS["gradient_input"].needs(own).lung_masks_in_training
    assert not METHODS["gradient_input"].needs(skipping).lung_masks_in_training


def test_settings_are_checked_under_their_own_names():
    with pytest.raises(InputError, match="weight: expected"):
        GradientInputSettings(weight=1.5)
    with pytest.raises(InputError, match="calibration_epochs"):
        GradientInputSettings(calibration_epochs=0)
