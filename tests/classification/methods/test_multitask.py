"""Multi-task U-Net: both tasks teach the encoder, one of them is there at run time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from isnet_cxr.classification.explanation import explain_images
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.multitask import (
    MultitaskObjective,
    MultitaskSettings,
    segmentation_loss,
)
from isnet_cxr.classification.reading import new_network
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError

OWN = MultitaskSettings(widths=(4, 6, 8), units=5)


@pytest.fixture
def network():
    """Return the method's own network, without what draws at random."""
    settings = ClassifierSettings(method="multitask", method_settings=OWN)
    built = new_network(settings, classes=3, seed=0)
    built.head[4].p = 0.0
    return built


@pytest.fixture
def objective(network, weights):
    return MultitaskObjective(network, weights, OWN)


def test_both_terms_send_gradient_into_the_encoder(network, objective, batch, generator):
    terms = objective.training_terms(batch, progress=0.0, generator=generator)
    for term in ("class_loss", "segmentation_loss"):
        gradients = torch.autograd.grad(
            terms[term], list(network.encoder.parameters()), retain_graph=True
        )
        assert all(gradient.any() for gradient in gradients)


def test_logits_are_the_same_without_the_decoder(network, batch):
    network.eval()
    with torch.no_grad():
        logits, lungs = network.classify_and_segment(batch.images)
        assert lungs.shape == batch.masks.shape
        del network.decoder, network.lungs
        assert network(batch.images).equal(logits)


@pytest.mark.parametrize("side_px", [16, 23])
def test_images_of_any_side_are_segmented_at_their_size(network, side_px):
    logits, lungs = network.classify_and_segment(torch.rand(2, 1, side_px, side_px))
    assert lungs.shape == (2, 1, side_px, side_px)
    assert logits.shape == (2, 3)


def test_it_is_explained_without_its_decoder(network, batch, monkeypatch):
    for layer in (*network.decoder, network.lungs):
        monkeypatch.setattr(layer, "forward", None)  # would raise if it ran
    found = explain_images(network, batch.images, batch.masks)
    assert found.heatmaps.shape == (6, 16, 16)
    assert np.abs(found.heatmaps).sum() > 0
    assert (found.share_inside_lungs < 1).all()


def test_images_without_lungs_teach_the_class_alone(network, objective, batch, without_lungs):
    network.eval()
    lungs = network.classify_and_segment(batch.images)[1]
    bare = without_lungs(0, 5).masks
    torch.testing.assert_close(
        segmentation_loss(lungs, bare), segmentation_loss(lungs[1:5], batch.masks[1:5])
    )
    terms = objective.validation_terms(without_lungs())
    assert terms["loss"].equal(terms["class_loss"])


def test_perfect_lungs_cost_nothing(batch):
    lungs = torch.where(batch.masks.bool(), 50.0, -50.0)
    assert float(segmentation_loss(lungs, batch.masks)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("term", ["loss", "segmentation_loss"])
def test_a_step_lowers(term, objective, step_lowers):
    assert step_lowers(objective, term)


def test_the_seed_decides_the_first_weights_and_nothing_else_is_drawn(network):
    settings = ClassifierSettings(method="multitask", method_settings=OWN)
    before = torch.random.get_rng_state()
    again, other = (new_network(settings, classes=3, seed=seed) for seed in (0, 1))
    assert torch.random.get_rng_state().equal(before)
    assert network.lungs.weight.equal(again.lungs.weight)
    assert not network.lungs.weight.equal(other.lungs.weight)


def test_it_brings_its_network_and_may_do_without_some_masks():
    method = METHODS["multitask"]
    assert method.needs(OWN).own_network
    assert method.needs(OWN).lung_masks_in_training
    assert not method.needs(replace(OWN, empty_masks="skip")).lung_masks_in_training
    with pytest.raises(InputError, match="widths: expected at least two levels"):
        MultitaskSettings(widths=(4,))
