"""Any classifier explained from Python: several images, any class, nothing left behind."""

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.explanation import explain_images
from isnet_cxr.classification.lrp import prepare
from isnet_cxr.classification.lrp.targets import log_odds


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(3),
        nn.Dropout(0.5), nn.Flatten(), nn.Linear(36, 3),
    )  # fmt: skip


def images(count: int = 40) -> torch.Tensor:
    return torch.rand(count, 1, 10, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("label", [0, 2])
def test_the_heatmaps_are_those_of_the_class_for_every_image(label):
    model = network().train()
    found = explain_images(model, images(), label=label)
    prepared = prepare(model.eval())
    with prepared.record(epsilon=1e-2) as recording:
        logits = model(images())
    expected = recording.heatmaps(log_odds(logits)[:, label])[:, 0, 0]
    np.testing.assert_allclose(found.heatmaps, expected.detach(), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.probabilities, logits.detach().softmax(dim=1), rtol=1e-5)
    assert (found.explained == label).all()
    assert np.isnan(found.share_inside_lungs).all()


def test_by_default_every_images_own_class_is_explained():
    found = explain_images(network(), images())
    assert (found.explained == found.probabilities.argmax(axis=1)).all()


def test_the_share_in_the_lungs_is_of_absolute_relevance_and_unknown_without_mask():
    masks = torch.zeros(40, 1, 10, 8)
    masks[:39, :, 2:7, 1:5] = 1
    found = explain_images(network(), images(), masks)
    strength = np.abs(found.heatmaps)
    expected = strength[:, 2:7, 1:5].sum(axis=(1, 2)) / strength.sum(axis=(1, 2))
    np.testing.assert_allclose(found.share_inside_lungs[:39], expected[:39], rtol=1e-5)
    assert np.isnan(found.share_inside_lungs[39])


def test_heatmaps_on_a_gpu_are_those_on_the_cpu(gpu):
    model = network()
    here = explain_images(model, images())
    there = explain_images(model.to(gpu), images().to(gpu))
    near = 0.01 * np.abs(here.heatmaps).max()
    np.testing.assert_allclose(there.heatmaps, here.heatmaps, rtol=0.01, atol=near)


def test_the_network_is_left_as_it_was():
    model = network().train()
    model[1].eval()
    model[6].weight.requires_grad_(False)
    learning = [parameter.requires_grad for parameter in model.parameters()]
    layers = list(model)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    explain_images(model, images(3))
    assert list(model) == layers
    assert model.training
    assert [layer.training for layer in model] == [True, False, *[True] * 5]
    assert [parameter.requires_grad for parameter in model.parameters()] == learning
    assert all(value.equal(state[name]) for name, value in model.state_dict().items())
    with torch.no_grad():  # whoever calls may have gradients switched off
        assert explain_images(model, images(3)).heatmaps.shape == (3, 10, 8)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"images must be \(N, 1, H, W\), got \(0, 1, 10, 8\)"):
        explain_images(network(), images(0))
    with pytest.raises(ValueError, match=r"masks must be \(2, 1, 10, 8\), got \(1, 1, 10, 8\)"):
        explain_images(network(), images(2), images(1))
    with pytest.raises(ValueError, match="label must be one of 3 classes, got 3"):
        explain_images(network(), images(2), label=3)
