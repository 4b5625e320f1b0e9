"""Each loss's gradient is clipped by its own norm, measured or remembered."""

import torch
from torch import nn

from isnet_cxr.classification.balance import CLIP, GradientBalance, clipped_gradient, surrogate


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


def losses_of(weights: nn.Linear, *, scale: float = 1.0) -> dict[str, torch.Tensor]:
    """Two losses with long gradients, as a step's terms."""
    out = weights(torch.tensor([[1.0, 2.0, 3.0]]))
    return {
        "class_loss": scale * 50 * out[0, 0],
        "heatmap_loss": scale * 900 * out[0, 1],
        "heatmap_weight": torch.tensor(0.25),
    }


def gradients(balance: GradientBalance, weights: nn.Linear, *, scale: float) -> torch.Tensor:
    weights.zero_grad()
    balance(losses_of(weights, scale=scale), list(weights.parameters())).backward()
    return torch.cat([p.grad.flatten() for p in weights.parameters() if p.grad is not None])


def test_remembered_norms_give_the_gradient_of_measured_ones_when_norms_do_not_change():
    weights = layer()
    exact, remembering = GradientBalance(every=1), GradientBalance(every=3)
    for _ in range(7):
        torch.testing.assert_close(
            gradients(remembering, weights, scale=1.0), gradients(exact, weights, scale=1.0)
        )


def test_norms_are_measured_at_the_first_steps_and_then_at_every_so_many():
    weights = layer()
    balance = GradientBalance(every=4)
    measured = []
    for step in range(10):
        terms = losses_of(weights)
        balance(terms, list(weights.parameters()))
        if "class_gradient" in terms:
            measured.append(step)
    assert measured == [0, 1, 2, 3, 4, 8]


def test_a_checkpoint_holds_the_remembered_norms():
    weights = layer()
    before = GradientBalance(every=2)
    for scale in (1.0, 3.0, 0.5):
        gradients(before, weights, scale=scale)
    after = GradientBalance(every=2)
    after.load_state_dict(before.state_dict())
    torch.testing.assert_close(
        gradients(after, weights, scale=2.0), gradients(before, weights, scale=2.0)
    )
    assert before.class_norm > CLIP


def test_a_step_without_gradient_is_forgotten_at_the_next_measurement():
    weights = layer()
    balance = GradientBalance(every=2)
    for scale in (0.0, 1.0):
        gradients(balance, weights, scale=scale)
    assert gradients(balance, weights, scale=1.0).norm() < 0.75 * 1 + 0.25 * 4 + 1e-4
    assert balance.class_norm > CLIP
