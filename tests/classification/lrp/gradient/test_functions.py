"""The ReLU of the relevance pass: its derivatives, and that it leaves what autograd saved alone."""

import pytest
import torch

from isnet_cxr.classification.lrp.gradient.functions import StabilisedGradient

EPSILON = 0.05


def given(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """A gradient and a ReLU's output, some of it idle."""
    generator = torch.Generator().manual_seed(0)
    gradient, output = torch.randn(2, count, count, generator=generator, dtype=torch.float64)
    return gradient.requires_grad_(), output.clamp_min(0).requires_grad_()


def test_the_gradient_is_scaled_by_the_share_of_the_stabilised_output():
    gradient, output = given()
    scaled = StabilisedGradient.apply(gradient, output, EPSILON)
    torch.testing.assert_close(scaled, gradient * output / (output + EPSILON))


def test_its_derivatives_match_finite_differences():
    gradient, output = given()
    active = (output.detach() + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *tensors: StabilisedGradient.apply(*tensors, EPSILON), (gradient, active)
    )


@pytest.mark.parametrize("keep", [True, False])
def test_a_backward_pass_does_not_write_into_what_autograd_saved(keep):
    gradient, output = given()
    scaled = StabilisedGradient.apply(gradient, output, EPSILON)
    saved = [tensor.detach() for tensor in scaled.grad_fn.saved_tensors]
    values, versions = [tensor.clone() for tensor in saved], [tensor._version for tensor in saved]
    torch.autograd.grad(scaled.sum(), (gradient, output), retain_graph=keep)
    assert [tensor._version for tensor in saved] == versions
    assert all(tensor.equal(value) for tensor, value in zip(saved, values, strict=True))


def test_backward_twice_through_a_kept_graph_gives_the_same_gradients():
    gradient, output = given()
    scaled = StabilisedGradient.apply(gradient, output, EPSILON)
    once, twice, used_up = (
        torch.autograd.grad(scaled.square().sum(), (gradient, output), retain_graph=keep)
        for keep in (True, True, False)
    )
    expected = torch.autograd.grad(
        (gradient * output / (output + EPSILON)).square().sum(), (gradient, output)
    )
    for found in (once, twice, used_up):
        torch.testing.assert_close(found[0], expected[0])
        is_active = output > 0  # an idle unit passes nothing to what is before it
        torch.testing.assert_close(found[1][is_active], expected[1][is_active])


def test_a_saved_tensor_that_somebody_else_overwrites_is_noticed():
    gradient, output = given()
    scaled = StabilisedGradient.apply(gradient, output, EPSILON)
    with torch.no_grad():
        scaled.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(scaled.sum(), (gradient, output))
