"""Vision transformer: unbounded logits, and places that count."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.vit import VitSettings
from isnet_cxr.classification.reading import new_network
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError

OWN = VitSettings(patch_px=4, width=16, layers=2, heads=2)
SETTINGS = ClassifierSettings(method="vit", method_settings=OWN)


@pytest.fixture
def network():
    return new_network(SETTINGS, classes=3, seed=0)


@pytest.fixture
def objective(network, weights):
    return METHODS["vit"].build(SimpleNamespace(network=network, class_weights=weights, own=OWN))


def permuted(images: torch.Tensor, *, patch_px: int) -> torch.Tensor:
    """Return the images (B, 1, S, S) with their patches in another order."""
    patches = nn.functional.unfold(images, patch_px, stride=patch_px)
    order = torch.randperm(patches.shape[2], generator=torch.Generator().manual_seed(3))
    return nn.functional.fold(patches[..., order], images.shape[2:], patch_px, stride=patch_px)


def test_logits_leave_minus_one_to_one(network, batch):
    network.eval()
    with torch.no_grad():
        before = network(batch.images)
        network.head.weight.mul_(50)
        network.head.bias.mul_(50)
        after = network(batch.images)
    assert after.abs().max() > 1
    torch.testing.assert_close(after, 50 * before)


def test_permuting_patches_changes_the_logits_by_their_places_alone(network, batch):
    network.eval()
    others = permuted(batch.images, patch_px=4)
    with torch.no_grad():
        assert not torch.allclose(network(others), network(batch.images), atol=1e-4)
        network.places.zero_()
        torch.testing.assert_close(network(others), network(batch.images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size_px", [64, 16, 30, 3])
def test_images_of_any_size_are_taken(network, size_px):
    network.eval()
    images = torch.rand(2, 1, size_px, size_px)
    with torch.no_grad():
        logits = network(images)
        assert logits.shape == (2, 3)
        missing = -size_px % 4
        torch.testing.assert_close(
            network(nn.functional.pad(images, (0, missing, 0, missing))), logits
        )


def test_layers_begin_with_weights_of_their_own(network):
    first, second = (layer.linear1.weight for layer in network.layers)
    assert not first.equal(second)


def test_the_seed_decides_the_first_weights_and_nothing_else_is_drawn(network):
    before = torch.random.get_rng_state()
    again, other = (new_network(SETTINGS, classes=3, seed=seed) for seed in (0, 1))
    assert torch.random.get_rng_state().equal(before)
    assert network.places.equal(again.places)
    assert not network.places.equal(other.places)


def test_a_step_lowers_the_loss(objective, step_lowers):
    assert step_lowers(objective)


def test_a_classifier_is_explained_by_its_gradient(network):
    classifier = Classifier(network, classes=["a", "b", "c"], settings=SETTINGS)
    images = np.random.default_rng(0).integers(256, size=(3, 24, 24), dtype=np.uint8)
    images[:, :5] = 0
    masks = np.zeros_like(images)
    masks[:, 5:] = 1
    found = classifier.explain(images, masks)
    assert classifier.attribution.kind == "gradient"
    np.testing.assert_allclose(found.probabilities, classifier.predict(images), atol=1e-6)
    np.testing.assert_allclose(found.share_inside_lungs, 1, rtol=1e-5)  # black has no part


def test_it_needs_labels_alone_and_a_width_that_heads_can_share():
    needs = METHODS["vit"].needs(OWN)
    assert needs.own_network
    assert not needs.lung_masks_in_training
    with pytest.raises(InputError, match="width: expected a multiple of 4 heads, got 66"):
        VitSettings(width=66)
    with pytest.raises(InputError, match="layers: expected at least 1"):
        VitSettings(layers=0)
