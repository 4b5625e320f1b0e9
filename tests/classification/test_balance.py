"""Each loss's gradient is clipped by itself, and the surrogate carries the mixture."""

import torch
from torch import nn

from classification.balance import clipped_gradient, surrogate


def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def test_a_long_gradient_is_shortened_and_keeps_its_direction():
    weights = layer()
    loss = 100 * weights(torch.ones(1, 3)).square().sum()
    parameters = list(weights.parameters())
    whole = torch.autograd.grad(loss, parameters, retain_graph=True)
    clipped, norm = clipped_gradient(loss, parameters, clip=1.0)
    length = torch.cat([part.flatten() for part in clipped]).norm()
    torch.testing.assert_close(length, torch.tensor(1.0))
    for part, original in zip(clipped, whole, strict=True):
        torch.testing.assert_close(part * norm, original)


def test_a_short_gradient_stays_as_it_is():
    weights = layer()
    parameters = list(weights.parameters())
    clipped, norm = clipped_gradient(1e-3 * weights.weight.sum(), parameters, clip=1.0)
    assert norm < 1
    torch.testing.assert_close(clipped[0], torch.full((2, 3), 1e-3))
    assert not clipped[1].any()  # the loss does not depend on the bias


def test_the_surrogate_has_the_given_gradient():
    weights = layer()
    parameters = list(weights.parameters())
    wanted = [torch.randn_like(parameter) for parameter in parameters]
    surrogate(parameters, wanted).backward()
    for parameter, gradient in zip(parameters, wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
