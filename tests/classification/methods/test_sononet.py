"""Attention-gated Sononet: its maps are shares of attention, and where they lie decides."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from isnet_cxr.classification.attribution import Attribution
from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.explanation import explain_images
from isnet_cxr.classification.lrp import prepare
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.sononet import DeepObjective, SononetSettings
from isnet_cxr.classification.normalization import recompute_statistics
from isnet_cxr.classification.objective import class_loss
from isnet_cxr.classification.reading import new_network
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.classification.sononet_network import GATES, mean_flow
from isnet_cxr.data.errors import InputError

OWN = SononetSettings(widths=(4, 5, 6, 7, 8), aggregation="deep_sup")
SETTINGS = ClassifierSettings(method="sononet", method_settings=OWN)


@pytest.fixture
def images():
    return torch.rand(4, 1, 64, 48, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def network(images):
    """Return the method's own network, with statistics of the images."""
    built = new_network(SETTINGS, classes=3, seed=0)
    with torch.no_grad():
        recompute_statistics(built, [images])
    return built


def maps_of(network, images) -> list[torch.Tensor]:
    """Return the attention maps of a forward pass."""
    found = []
    hooks = [
        network.get_submodule(gate).register_forward_hook(
            lambda _layer, _read, out: found.append(out)
        )
        for gate in GATES
    ]
    network(images)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("bfloat16", [False, True])
def test_maps_are_shares_on_two_scales(network, images, bfloat16):
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        maps = maps_of(network, images)
    assert [tuple(one.shape) for one in maps] == [(4, 1, 16, 12), (4, 1, 8, 6)]
    for one in maps:
        assert one.dtype == torch.float32
        assert one.min() >= 0
        assert one.max() <= 1
        assert one.flatten(1).std(dim=1).min() > 0
        torch.testing.assert_close(one.flatten(1).sum(dim=1), torch.ones(4))


@pytest.mark.parametrize("gate", GATES)
def test_where_attention_lies_changes_the_logits(network, images, gate):
    def permute(_layer, _read, shares):
        order = torch.randperm(shares[0].numel(), generator=torch.Generator().manual_seed(0))
        return shares.flatten(2)[..., order].view_as(shares)

    network.eval()
    with torch.no_grad():
        before = network(images)
        network.get_submodule(gate).register_forward_hook(permute)
        assert ((network(images) - before).abs().amax(dim=1) > 1e-5).all()


def test_the_same_features_everywhere_get_equal_shares_and_finite_gradients():
    strengths = torch.full((2, 1, 4, 5), 3.0, requires_grad=True)
    shares = mean_flow(strengths)
    torch.testing.assert_close(shares, torch.full((2, 1, 4, 5), 1 / 20))
    weights = torch.arange(40.0).view_as(shares)
    (gradient,) = torch.autograd.grad((shares * weights).sum(), strengths)
    assert gradient.isfinite().all()


def test_shares_are_what_is_above_the_least():
    strengths = torch.tensor([[[[1.0, 2.0], [4.0, 6.0]]]])
    expected = torch.tensor([[[[0.0, 1.0], [3.0, 5.0]]]]) / 9
    torch.testing.assert_close(mean_flow(strengths), expected, rtol=0, atol=1e-5)


def test_every_scale_tells_the_class_with_deep_supervision(network, images, batch, weights):
    objective = DeepObjective(network.eval(), weights, deep_weight=0.5)
    terms = objective.validation_terms(batch)
    by_scale = network.classify_by_scale(batch.images)[1]
    assert len(by_scale) == 3
    deep = sum(class_loss(own, batch.labels, weights) for own in by_scale)
    torch.testing.assert_close(terms["loss"], terms["class_loss"] + 0.5 * deep)
    assert terms["logits"].equal(network(batch.images))


def test_one_layer_reads_all_scales_by_default():
    settings = ClassifierSettings(method="sononet")
    assert new_network(settings, classes=3, seed=0).deep_heads is None
    assert type(objective_of(settings)) is ClassObjective
    assert type(objective_of(SETTINGS)) is DeepObjective


def objective_of(settings):
    setup = SimpleNamespace(
        network=new_network(settings, classes=3, seed=0),
        own=settings.method_settings,
        class_weights=torch.ones(3),
    )
    return METHODS["sononet"].build(setup)


def test_relevance_passes_the_maps_as_constants(network, images):
    """At epsilon 0 and in the first layer's input it is the gradient at fixed maps."""
    attribution = METHODS["sononet"].attribution(OWN)
    assert attribution == Attribution(gates=GATES)
    network.eval()
    prepared = prepare(network, gates=attribution.gates)
    with prepared.record(epsilon=0.0) as recording:
        explained = network(images)[:, 0]
    heatmaps = recording.heatmaps(explained, differentiable=False, first_rule="epsilon")
    prepared.restore()
    for gate in attribution.gates:
        network.get_submodule(gate).register_forward_hook(lambda _layer, _read, out: out.detach())
    pixels = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(pixels)[:, 0].sum(), pixels)
    torch.testing.assert_close(heatmaps[:, 0], pixels.detach() * gradient, rtol=1e-3, atol=1e-5)
    assert gradient.abs().sum() > 0


def test_relevance_is_refused_without_the_methods_word(network, images):
    with pytest.raises(InputError, match="relevance cannot pass"):
        explain_images(network, images)


@pytest.mark.parametrize("aggregation", ["concat", "deep_sup"])
def test_a_classifier_is_explained_as_its_method_says(aggregation):
    settings = replace(SETTINGS, method_settings=replace(OWN, aggregation=aggregation))
    network = new_network(settings, classes=3, seed=0)
    classifier = Classifier(network, classes=["a", "b", "c"], settings=settings)
    images = np.random.default_rng(0).integers(256, size=(3, 32, 32), dtype=np.uint8)
    found = classifier.explain(images, np.ones_like(images))
    np.testing.assert_allclose(found.probabilities, classifier.predict(images), atol=1e-6)
    np.testing.assert_allclose(found.share_inside_lungs, 1, rtol=1e-5)


@pytest.mark.parametrize("values", [{"widths": (0, 1, 1, 1, 1)}, {"deep_weight": -1.0}])
def test_values_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        SononetSettings(**values)
