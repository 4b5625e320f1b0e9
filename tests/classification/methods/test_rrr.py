"""RRR: gradients outside the lungs cost, those inside do not."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.input_gradient import explained_sum, logits_and_gradient
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.rrr import RrrObjective, RrrSettings, gradient_penalty
from isnet_cxr.classification.objective import Batch
from isnet_cxr.data.errors import InputError


def penalty(network, batch, explained="log_probabilities"):
    found = RrrObjective(network, torch.ones(3), RrrSettings(explained=explained))
    return found.validation_terms(batch)["gradient_penalty"]


def test_gradients_inside_the_lungs_cost_nothing(batch):
    gradient = torch.randn(batch.images.shape)
    outside = gradient_penalty(gradient, batch.masks)
    doubled = torch.where(batch.masks.bool(), 2 * gradient, gradient)
    assert gradient_penalty(doubled, batch.masks).equal(outside)
    assert float(gradient_penalty(gradient * batch.masks, batch.masks)) == 0


@pytest.mark.parametrize("explained", ["log_probabilities", "true_logit"])
def test_the_gradient_agrees_with_finite_differences(explained, network, batch):
    network.double().eval()
    images = batch.images.double()

    def total(logits):
        return explained_sum(logits, batch.labels, explained=explained)

    def value(pixels):  # as explained_sum, in float64
        logits = network(pixels)
        if explained == "true_logit":
            return sum(row[label] for row, label in zip(logits, batch.labels, strict=True))
        return logits.log_softmax(dim=1).sum()

    _, gradient = logits_and_gradient(network, images, total)
    way = torch.randn(images.shape, generator=torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        slope = (value(images + 1e-7 * way) - value(images - 1e-7 * way)) / 2e-7
    torch.testing.assert_close((gradient * way).sum().detach(), slope, rtol=1e-5, atol=1e-6)


def test_an_images_penalty_does_not_depend_on_its_batch(network, batch):
    network.eval()
    each = [
        penalty(network, Batch(batch.images[n, None], batch.masks[n, None], batch.labels[n, None]))
        for n in range(6)
    ]
    torch.testing.assert_close(penalty(network, batch), torch.stack(each).mean())


def test_relus_in_place_change_nothing(network, batch):
    found = [penalty(network, batch)]
    for layer in network.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = True
    found.append(penalty(network, batch))
    assert found[0].equal(found[1])


@pytest.mark.parametrize("term", ["loss", "gradient_penalty"])
def test_a_step_lowers(term, network, weights, step_lowers):
    assert step_lowers(RrrObjective(network, weights, RrrSettings()), term)


def test_images_without_lungs_are_passed_over(network, batch, without_lungs):
    network.eval()
    kept = Batch(batch.images[1:], batch.masks[1:], batch.labels[1:])
    torch.testing.assert_close(penalty(network, without_lungs(0)), penalty(network, kept))
    assert not penalty(network, without_lungs()).any()


def test_validation_needs_no_graph(network, batch, weights):
    network.eval()
    with torch.no_grad():
        terms = RrrObjective(network, weights, RrrSettings()).validation_terms(batch)
    assert not terms["loss"].requires_grad
    assert terms["gradient_penalty"] > 0


def test_it_needs_masks_in_training_alone_and_no_negative_weight():
    needs = METHODS["rrr"].needs(RrrSettings())
    assert needs.lung_masks_in_training
    assert not needs.lung_masks_at_run_time
    with pytest.raises(InputError, match="weight: expected at least 0"):
        RrrSettings(weight=-1.0)
