"""The baseline: neither masks nor groups change anything."""

from dataclasses import replace

import torch

from isnet_cxr.classification.methods.baseline import ClassObjective


def test_masks_and_groups_change_neither_loss_nor_gradient(network, batch, weights, generator):
    objective = ClassObjective(network, weights)
    found = []
    for given in (batch, replace(batch, masks=1 - batch.masks, groups=None)):
        loss = objective.training_terms(given, progress=0.0, generator=generator)["loss"]
        found.append((loss, torch.autograd.grad(loss, list(network.parameters()))))
    assert found[0][0].equal(found[1][0])
    assert all(one.equal(other) for one, other in zip(found[0][1], found[1][1], strict=True))
