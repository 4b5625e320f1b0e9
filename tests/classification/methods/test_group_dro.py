"""Group DRO: weights that stay a simplex and move to the worst group."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.group_dro import (
    GroupDroObjective,
    GroupDroSettings,
    GroupWeights,
    chance_in_batch,
    group_means,
    require_minorities,
)
from isnet_cxr.data.errors import InputError

COUNTS = torch.tensor([50, 10, 40, 50, 10, 40])


def objective(network, batch_size=10_000, counts=COUNTS, **own):
    """Return one whose batches hold every group for certain, as published, unless told."""
    return GroupDroObjective(network, counts, GroupDroSettings(**own), batch_size=batch_size)


def test_weights_stay_a_simplex_and_move_to_the_worst_group():
    weights = GroupWeights(torch.ones(4), step=0.5)
    losses, there = torch.tensor([0.1, 2.0, 0.1, 0.0]), torch.tensor([True, True, True, False])
    for _ in range(40):
        weights.move(losses, there)
        torch.testing.assert_close(weights.q.sum(), torch.tensor(1.0))
        assert (weights.q >= 0).all()
    assert weights.q[1] > 0.99


def test_the_gradient_is_the_sum_of_the_groups_with_constant_weights(network, batch, generator):
    network.eval()
    found = objective(network, step=0.3)
    loss = found.training_terms(batch, progress=0.0, generator=generator)["loss"]
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    each = cross_entropy(network(batch.images), batch.labels, reduction="none")  # a group each
    q = (0.3 * each.detach()).softmax(dim=0)
    torch.testing.assert_close(found.state.q, q)
    by_hand = torch.autograd.grad((q * each).sum(), list(network.parameters()))
    for one, other in zip(gradients, by_hand, strict=True):
        torch.testing.assert_close(one, other)


def test_groups_that_are_not_in_the_batch_keep_their_shares(network, batch, generator):
    found = objective(network, step=1.0)
    two = replace(batch, groups=torch.tensor([0, 1, 0, 1, 0, 1]))
    terms = found.training_terms(two, progress=0.0, generator=generator)
    q = found.state.q
    torch.testing.assert_close(q[2:], q[2].expand(4))
    assert (q[:2] > q[2]).all()
    means, there = group_means(torch.arange(6.0), two.groups, count=6)
    assert means.tolist() == [2.0, 3.0, 0.0, 0.0, 0.0, 0.0]
    assert there.tolist() == [True, True, False, False, False, False]
    assert terms["loss"].isfinite()


def test_what_batches_seldom_hold_counts_as_much_in_an_epoch():
    """Chance times weight is 1; the chance is that of drawing at least one."""
    chance = chance_in_batch(COUNTS, batch_size=2)
    share = 50 / 200
    assert float(chance[0]) == pytest.approx(2 * share - share**2)


def test_small_groups_are_adjusted_for(network, batch, generator):
    network.eval()
    bare, adjusted = (
        objective(network, step=0.0, adjustment=k).training_terms(
            batch, progress=0.0, generator=generator
        )["loss"]
        for k in (0.0, 3.0)
    )
    torch.testing.assert_close(adjusted - bare, (3 / COUNTS.sqrt()).mean())


def test_validation_weighs_groups_alike_and_moves_nothing(network, batch):
    network.eval()
    found = objective(network, counts=torch.full((6,), 7))
    before = found.state.q.clone()
    terms = found.validation_terms(batch)
    assert found.state.q.equal(before)
    torch.testing.assert_close(terms["loss"], terms["class_loss"])  # all groups are alike here


def test_a_step_lowers_the_loss(network, step_lowers):
    assert step_lowers(objective(network, step=0.0))


def test_a_checkpoint_holds_the_weights(network, batch, generator):
    found = objective(network, step=1.0)
    found.training_terms(batch, progress=0.0, generator=generator)
    assert list(found.state.state_dict()) == ["q"]
    resumed = objective(network, step=1.0)
    resumed.state.load_state_dict(found.state.state_dict())
    assert resumed.state.q.equal(found.state.q)


def test_a_class_of_one_hospital_and_a_batch_without_groups_are_refused(network, batch):
    require_minorities(np.asarray([3, 1, 2, 2]), classes=2)
    with pytest.raises(InputError, match="training has 1 in class number 1"):
        require_minorities(np.asarray([3, 1, 2, 0]), classes=2)
    with pytest.raises(InputError, match="group of every image"):
        objective(network).validation_terms(replace(batch, groups=None))


def test_it_needs_hospitals_and_no_masks():
    needs = METHODS["group_dro"].needs(GroupDroSettings())
    assert needs.hospitals
    assert not needs.lung_masks_in_training
