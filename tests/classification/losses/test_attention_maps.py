"""Terms on maps: hand-made maps that cost nothing, and what others cost."""

import pytest
import torch

from isnet_cxr.classification.losses.attention_maps import (
    bound_terms,
    mask_errors,
    refine,
    union_terms,
)

T = 0.4


def maps(*rows: list[float]) -> torch.Tensor:
    """Return one image's maps of one row of pixels each, (1, maps, 1, W)."""
    return torch.tensor(rows)[None, :, None, :]


def test_a_disease_within_the_anomaly_and_strong_enough_is_not_bound():
    inside = maps([0.0, 1.0, 0.8, 0.0], [0.0, 0.0, 2.0, 0.0])
    bound = bound_terms(inside, maps([0.0, 1.5, 3.0, 1.0]), threshold=T)
    torch.testing.assert_close(bound, torch.zeros(1, 2))


def test_what_a_disease_has_outside_the_anomaly_is_its_bound():
    bound = bound_terms(maps([1.0, 3.0, 0.0, 0.0]), maps([0.0, 2.0, 5.0, 5.0]), threshold=T)
    torch.testing.assert_close(bound, torch.tensor([[2 / 4]]))  # 1 where none is, 1 above it


def test_a_disease_too_weak_to_count_is_bound_wholly():
    bound = bound_terms(maps([0.2, 0.1]), maps([1.0, 1.0]), threshold=T)
    torch.testing.assert_close(bound, torch.ones(1, 1))


def test_an_anomaly_that_diseases_exceed_leaves_no_union():
    diseases = maps([2.0, 0.0, 0.0], [0.0, 1.0, 0.9])
    union = union_terms(diseases, maps([1.0, 1.0, 0.0]), threshold=T)
    torch.testing.assert_close(union, torch.zeros(1))


def test_an_anomaly_that_no_disease_explains_is_the_union():
    union = union_terms(maps([2.0, 0.0], [1.0, 0.5]), maps([1.0, 3.0]), threshold=T)
    torch.testing.assert_close(union, torch.tensor([2.5 / 4]))


def test_maps_of_zeros_cost_nothing_and_have_finite_gradients():
    nothing = torch.zeros(2, 3, 4, 5, requires_grad=True)
    anomaly = nothing[:, :1]
    bound = bound_terms(nothing, anomaly, threshold=T)
    union = union_terms(nothing, anomaly, threshold=T)
    error = mask_errors(refine(nothing, size=(8, 10), threshold=T), torch.zeros(2, 1, 8, 10))
    assert not bound.any()
    assert not union.any()
    (gradient,) = torch.autograd.grad(bound.sum() + union.sum() + error.sum(), nothing)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
def test_refined_maps_forget_scale_and_level_and_are_nearly_black_and_white(scale):
    ramp = torch.linspace(0, 1, 11).view(1, 1, 1, 11)
    refined = refine(scale * ramp + 5, size=(1, 11), threshold=T)
    expected = torch.tensor([0.0] * 4 + [0.5] + [1.0] * 6)
    torch.testing.assert_close(refined[0, 0, 0], expected, rtol=0, atol=0.02)


def test_a_map_like_the_mask_has_no_error_and_its_opposite_all():
    masks = torch.zeros(1, 1, 6, 6)
    masks[..., 1:4, 2:5] = 1
    both = torch.cat([masks, 1 - masks], dim=1)
    torch.testing.assert_close(mask_errors(both, masks), torch.tensor([[0.0, 1.0]]))
