"""Hierarchical attention mining: which maps are tied to what, and what that teaches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.ham_network import Maps, sharp_mean
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.ham import HamObjective, HamSettings, map_terms
from isnet_cxr.classification.normalization import recompute_statistics
from isnet_cxr.classification.reading import check_classifier, new_network
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError

OWN = HamSettings(widths=(6, 8), units=16, bound=0.3, union=0.2, anomaly=0.1)
SETTINGS = ClassifierSettings(method="ham", method_settings=OWN)
TERMS = ["bound_loss", "union_loss", "map_error"]


@pytest.fixture
def network(batch):
    """Return the method's own network, with strong maps and without what draws at random."""
    built = new_network(SETTINGS, classes=3, seed=0)
    built.join[1].p = 0.0
    with torch.no_grad():
        for head in (built.anomaly, built.diseases):
            head.weight.mul_(4)
        recompute_statistics(built, [batch.images])
    return built


@pytest.fixture
def objective(network, weights):
    return HamObjective(network, weights, OWN)


@pytest.mark.parametrize("term", TERMS)
def test_no_term_on_maps_teaches_the_heads(network, objective, batch, term):
    terms = objective.validation_terms(batch)
    heads = [network.anomaly.weight, network.diseases.weight]
    to_heads = torch.autograd.grad(terms[term], heads, allow_unused=True, retain_graph=True)
    assert to_heads == (None, None)
    to_features = torch.autograd.grad(terms[term], list(network.stem.parameters()))
    assert all(gradient.any() for gradient in to_features)


def test_the_classes_teach_the_heads(network, objective, batch):
    terms = objective.validation_terms(batch)
    heads = [network.anomaly.weight, network.diseases.weight]
    gradients = torch.autograd.grad(terms["class_loss"] + terms["anomaly_loss"], heads)
    assert all(gradient.any() for gradient in gradients)


def test_the_loss_is_the_weighted_sum_of_its_terms(objective, batch):
    terms = objective.validation_terms(batch)
    weights = {"class_loss": 1, "anomaly_loss": 0.1, "map_error": 0.5}
    weights |= {"bound_loss": 0.3, "union_loss": 0.2}
    total = sum(weight * terms[name] for name, weight in weights.items())
    torch.testing.assert_close(terms["loss"], total)
    assert all(terms[name] > 0 for name in weights)


def test_hand_made_maps_that_lie_where_they_should_cost_nothing():
    lungs = torch.zeros(3, 1, 8, 8)
    lungs[:, :, 2:6, 2:6] = 1
    one, none = torch.tensor([1.0, 0.0]), torch.zeros(2)
    diseases = torch.stack([one, one.flip(0), none])
    terms = map_terms(Maps(lungs, lungs.expand(-1, 2, -1, -1)), diseases, lungs, threshold=0.4)
    for term in (terms.bound, terms.union, terms.error):
        torch.testing.assert_close(term, torch.zeros(()))


def test_maps_of_diseases_that_an_image_does_not_show_are_not_tied_to_the_anomaly():
    anomaly = torch.zeros(2, 1, 4, 4)
    maps = Maps(anomaly, torch.ones(2, 2, 4, 4))
    masks = torch.ones(2, 1, 4, 4)
    healthy = map_terms(maps, torch.zeros(2, 2), masks, threshold=0.4)
    assert healthy.bound == healthy.union == 0
    sick = map_terms(maps, torch.tensor([[0.0, 1.0], [0.0, 0.0]]), masks, threshold=0.4)
    torch.testing.assert_close(sick.bound, torch.ones(()))


def test_images_without_lungs_have_no_map_error(objective, network, batch, without_lungs):
    network.eval()
    assert objective.validation_terms(without_lungs())["map_error"] == 0
    some = objective.validation_terms(without_lungs(0, 5))
    kept = replace(
        batch, images=batch.images[1:5], masks=batch.masks[1:5], labels=batch.labels[1:5]
    )
    torch.testing.assert_close(some["map_error"], objective.validation_terms(kept)["map_error"])


@pytest.mark.parametrize("normal", [0, 1, 2])
def test_the_normal_class_is_where_nothing_is_abnormal(batch, normal):
    settings = replace(SETTINGS, method_settings=replace(OWN, normal=normal))
    network = new_network(settings, classes=3, seed=0).eval()
    read = []
    network.anomaly.register_forward_hook(lambda _layer, _read, out: read.append(out))
    logits, maps = network.classify_and_map(batch.images)
    assert logits[:, normal].equal(-read[0][:, 0])
    assert maps.anomaly.shape == (6, 1, 4, 4)
    assert maps.diseases.shape == (6, 2, 4, 4)
    assert logits.equal(network(batch.images))


def test_pooling_lies_between_mean_and_maximum():
    features = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    pooled = sharp_mean(features)
    assert (pooled > features.mean(dim=(2, 3))).all()
    assert (pooled < features.amax(dim=(2, 3))).all()
    torch.testing.assert_close(sharp_mean(torch.full((1, 1, 3, 3), 0.7)), torch.full((1, 1), 0.7))


@pytest.mark.parametrize("size_px", [64, 100])
def test_maps_have_a_sixteenth_of_the_resolution_by_default(size_px):
    network = new_network(ClassifierSettings(method="ham"), classes=2, seed=0).eval()
    _, maps = network.classify_and_map(torch.rand(1, 1, size_px, size_px))
    assert maps.diseases.shape == (1, 1, size_px // 16, size_px // 16)


@pytest.mark.parametrize("term", ["loss", "map_error"])
def test_a_step_lowers(term, objective, step_lowers):
    assert step_lowers(objective, term)


def test_a_classifier_is_explained_by_its_gradient(network):
    classifier = Classifier(network, classes=["normal", "a", "b"], settings=SETTINGS)
    assert classifier.attribution.kind == "gradient"
    images = np.random.default_rng(0).integers(256, size=(3, 16, 16), dtype=np.uint8)
    found = classifier.explain(images, np.ones_like(images), explained="a")
    np.testing.assert_allclose(found.probabilities, classifier.predict(images), atol=1e-6)
    np.testing.assert_allclose(found.share_inside_lungs, 1, rtol=1e-5)


def test_it_needs_a_normal_class_and_may_do_without_some_masks():
    method = METHODS["ham"]
    assert method.needs(OWN).own_network
    assert method.needs(OWN).lung_masks_in_training
    assert not method.needs(replace(OWN, empty_masks="skip")).lung_masks_in_training
    wrong = replace(SETTINGS, method_settings=replace(OWN, normal=3))
    with pytest.raises(InputError, match=r"here\.ham\.normal: expected the index of one of 3 cla"):
        check_classifier(wrong, classes=3, where="here")
    with pytest.raises(InputError, match="widths: expected at least one level"):
        HamSettings(widths=())
