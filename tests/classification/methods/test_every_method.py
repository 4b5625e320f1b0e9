"""Every method: finite losses and gradients, whatever masks are empty, in both precisions."""

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.methods import METHODS, Setup
from isnet_cxr.classification.methods.gradient_input import GradientInputSettings
from isnet_cxr.classification.methods.ham import HamSettings
from isnet_cxr.classification.methods.multitask import MultitaskSettings
from isnet_cxr.classification.methods.sononet import SononetSettings
from isnet_cxr.classification.methods.vit import VitSettings
from isnet_cxr.classification.settings import ClassifierSettings

OWN = {
    "isnet": IsnetSettings(foreground_range=(0.05, 0.3), empty_masks="skip"),
    "gradient_input": GradientInputSettings(foreground_range=(0.05, 0.3), empty_masks="skip"),
    "multitask": MultitaskSettings(widths=(4, 6), units=5),
    "ham": HamSettings(widths=(6, 8), units=16),
    "sononet": SononetSettings(aggregation="deep_sup"),
    "vit": VitSettings(patch_px=4, width=16, layers=2, heads=2),
}

LIKENESS = {"sononet": 0.6}
"""Of the gradients in both precisions, where it is less than 0.8: thirteen convolutions add up what
is rounded."""


class Rows:
    """One image of each group."""

    groups = np.arange(6)

    def __len__(self):
        return 6


def build(name, network, device="cpu"):
    """Return the objective of a method, and what it trains."""
    method = METHODS[name]
    settings = ClassifierSettings(method=name, method_settings=OWN.get(name))
    own = settings.method_settings
    torch.manual_seed(0)
    trained = method.build_network(own, classes=3) or network
    if name == "ibp":
        trained = nn.Sequential(*(x for x in network if not isinstance(x, nn.BatchNorm2d)))
    trained = trained.to(device)
    setup = Setup(
        network=trained, class_weights=torch.ones(3, device=device), own=own,
        settings=settings, groups=6, rows=Rows(), seed=0, folder=Path(), train_first=None,
    )  # fmt: skip
    return method.build(setup), trained


def names():
    return [n for n, m in METHODS.items() if type(m).__module__.startswith("isnet_cxr.")]


@pytest.mark.parametrize("bare", [[], [0], list(range(6))], ids=["lungs", "some", "none"])
@pytest.mark.parametrize("name", names())
def test_losses_and_gradients_are_finite(name, bare, network, batch, without_lungs, generator):
    objective, trained = build(name, network)
    given = without_lungs(*bare) if bare else batch
    terms = objective.training_terms(given, progress=0.5, generator=generator)
    weights = list(trained.parameters())
    loss = objective.loss_to_differentiate(terms, weights)
    gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    assert all(value.isfinite().all() for value in (*gradients, *terms.values()))
    assert any(gradient.any() for gradient in gradients)
    assert terms["logits"].shape == (6, 3)
    assert all(value.dim() == 0 for term, value in terms.items() if term != "logits")


@pytest.mark.parametrize("bfloat16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", names())
def test_validation_is_repeatable_without_a_graph(name, bfloat16, network, batch):
    objective, trained = build(name, network)
    trained.eval()
    precision = torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext()
    with torch.no_grad(), precision:
        one, other = (objective.validation_terms(batch) for _ in range(2))
    assert one["loss"].dtype == torch.float32
    assert one["loss"].isfinite()
    assert not any(value.requires_grad for value in one.values())
    assert all(value.equal(other[term]) for term, value in one.items())


@pytest.mark.parametrize("name", names())
def test_half_precision_trains_in_nearly_the_same_direction(name, network, batch):
    found = []
    for precision in (nullcontext(), torch.autocast("cpu", torch.bfloat16)):
        objective, trained = build(name, network)
        with precision:
            terms = objective.training_terms(
                batch, progress=0.5, generator=torch.Generator().manual_seed(0)
            )
        gradients = torch.autograd.grad(
            terms["loss"], list(trained.parameters()), materialize_grads=True
        )
        if hasattr(objective, "_explainer"):
            objective._explainer.restore()
        found.append(torch.cat([gradient.flatten() for gradient in gradients]))
    assert torch.cosine_similarity(*found, dim=0) > LIKENESS.get(name, 0.8)


@pytest.mark.parametrize("name", names())
def test_a_step_on_a_gpu_is_that_on_the_cpu(name, network, batch, gpu):
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    there = {key: value.to(gpu) for key, value in values.items() if torch.is_tensor(value)}
    found = []
    for device, given in (("cpu", batch), (gpu, replace(batch, **there))):
        objective, trained = build(name, deepcopy(network), device)
        objective.state.to(device)
        generator = torch.Generator().manual_seed(0)
        terms = objective.training_terms(given, progress=0.5, generator=generator)
        weights = list(trained.parameters())
        gradients = torch.autograd.grad(terms["loss"], weights, materialize_grads=True)
        assert all(gradient.device.type == device for gradient in gradients)
        found.append(torch.cat([gradient.flatten().cpu() for gradient in gradients]))
    assert torch.cosine_similarity(*found, dim=0) > 0.99
