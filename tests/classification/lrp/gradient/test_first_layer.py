"""The zB rule's division, and its derivatives with and without a ReLU."""

import pytest
import torch

from isnet_cxr.classification.lrp.gradient.first_layer import StabilisedRatio


def outputs(*, is_rectified: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    output, gradient = torch.randn(2, 3, 4, 5, 5, generator=generator, dtype=torch.float64)
    low = -torch.rand(1, 4, 5, 5, generator=generator, dtype=torch.float64) - 4
    return output.abs() if is_rectified else output, gradient, low


@pytest.mark.parametrize("is_rectified", [True, False])
def test_relevance_is_divided_by_what_lies_above_the_lowest_output(is_rectified):
    output, gradient, low = outputs(is_rectified=is_rectified)
    ratio = StabilisedRatio.apply(output, gradient, low, is_rectified)
    torch.testing.assert_close(ratio, output * gradient / (output - low))


@pytest.mark.parametrize("is_rectified", [True, False])
def test_its_derivatives_match_finite_differences(is_rectified):
    tensors = [each.requires_grad_() for each in outputs(is_rectified=is_rectified)]
    assert torch.autograd.gradcheck(
        lambda *given: StabilisedRatio.apply(*given, is_rectified), tensors
    )


def test_behind_a_relu_an_idle_output_has_finite_derivatives():
    output, gradient, low = outputs(is_rectified=True)
    output[:, :2] = 0
    output.requires_grad_()
    StabilisedRatio.apply(output, gradient, low, True).sum().backward()
    assert torch.isfinite(output.grad).all()
