"""Any classifier explained from Python: several films, any class, nothing left behind."""

import numpy as np
import pytest
import torch
from torch import nn

from classification.explanation import explain_films
from classification.lrp import prepare
from classification.lrp.explained import log_odds


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(3),
        nn.Dropout(0.5), nn.Flatten(), nn.Linear(36, 3),
    )  # fmt: skip


def films(count: int = 40) -> torch.Tensor:
    return torch.rand(count, 1, 10, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("label", [0, 2])
def test_the_heatmaps_are_those_of_the_class_for_every_film(label):
    model = network().train()
    found = explain_films(model, films(), label=label)
    prepared = prepare(model.eval())
    with prepared.record(epsilon=1e-2) as recording:
        logits = model(films())
    expected = recording.heatmaps(log_odds(logits)[:, label])[:, 0, 0]
    np.testing.assert_allclose(found.heatmaps, expected.detach(), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.probabilities, logits.detach().softmax(dim=1), rtol=1e-5)
    assert (found.explained == label).all()
    assert np.isnan(found.share_in_lungs).all()


def test_by_default_every_films_own_class_is_explained():
    found = explain_films(network(), films())
    assert (found.explained == found.probabilities.argmax(axis=1)).all()


def test_the_share_in_the_lungs_is_of_absolute_relevance_and_unknown_without_mask():
    masks = torch.zeros(40, 1, 10, 8)
    masks[:39, :, 2:7, 1:5] = 1
    found = explain_films(network(), films(), masks)
    strength = np.abs(found.heatmaps)
    expected = strength[:, 2:7, 1:5].sum(axis=(1, 2)) / strength.sum(axis=(1, 2))
    np.testing.assert_allclose(found.share_in_lungs[:39], expected[:39], rtol=1e-5)
    assert np.isnan(found.share_in_lungs[39])


def test_the_network_is_left_as_it_was():
    model = network().train()
    model[1].eval()
    model[6].weight.requires_grad_(False)
    learning = [parameter.requires_grad for parameter in model.parameters()]
    layers = list(model)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    explain_films(model, films(3))
    assert list(model) == layers
    assert model.training
    assert [layer.training for layer in model] == [True, False, *[True] * 5]
    assert [parameter.requires_grad for parameter in model.parameters()] == learning
    assert all(value.equal(state[name]) for name, value in model.state_dict().items())
    with torch.no_grad():  # whoever calls may have gradients switched off
        assert explain_films(model, films(3)).heatmaps.shape == (3, 10, 8)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"films must be \(N, 1, H, W\), got \(0, 1, 10, 8\)"):
        explain_films(network(), films(0))
    with pytest.raises(ValueError, match=r"masks must be \(2, 1, 10, 8\), got \(1, 1, 10, 8\)"):
        explain_films(network(), films(2), films(1))
    with pytest.raises(ValueError, match="label must be one of 3 classes, got 3"):
        explain_films(network(), films(2), label=3)
