"""Rules of relevance propagation: what each gives to whom, and that it can be trained through."""

from functools import partial

import pytest
import torch
from torch import nn

from isnet_cxr.classification.lrp.layerwise import rules
from isnet_cxr.classification.lrp.layerwise.linear_maps import (
    fuse_norm,
    map_of_average,
    map_of_layer,
    map_of_norm,
    normalise,
)

ALL_RULES = {
    "zero": rules.propagate_zero,
    "epsilon": partial(rules.propagate_epsilon, stabiliser=1e-12),
    "z+": partial(rules.propagate_z_plus, stabiliser=1e-12),
    "alpha-beta": partial(rules.propagate_alpha_beta, alpha=2, stabiliser=1e-12),
    "zB": partial(rules.propagate_zb, stabiliser=1e-12),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def pixels(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64)


def linear_layer(kind: str, *, bias: bool = False):
    """A layer as a map, and what it reads: (2, 3, 6, 5), or (2, 7)."""
    if kind == "linear":
        return map_of_layer(nn.Linear(7, 4, bias=bias).double()), pixels(2, 7)
    inputs = pixels(2, 3, 6, 5)
    if kind == "average":
        return map_of_average(nn.AvgPool2d((2, 3), padding=1), inputs), inputs
    convolution = nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=1, bias=bias)
    return map_of_layer(convolution.double()), inputs


@pytest.mark.parametrize("kind", ["linear", "convolution", "average"])
@pytest.mark.parametrize("name", ALL_RULES)
def test_every_rule_conserves_relevance_without_biases(kind, name):
    layer, inputs = linear_layer(kind)
    outputs = layer(inputs)
    relevance = torch.rand_like(outputs) * (outputs > 0)  # as a ReLU would leave it
    propagated = ALL_RULES[name](layer, inputs, outputs, relevance)
    torch.testing.assert_close(propagated.flatten(1).sum(1), relevance.flatten(1).sum(1))


def test_epsilon_is_the_formula():
    layer, inputs = linear_layer("linear", bias=True)
    outputs = layer(inputs)
    relevance = torch.randn_like(outputs)
    stabilised = outputs + 0.3 * torch.where(outputs < 0, -1.0, 1.0)
    expected = torch.einsum("bj,kj,bk->bj", inputs, layer.weight, relevance / stabilised)
    propagated = rules.propagate_epsilon(layer, inputs, outputs, relevance, stabiliser=0.3)
    torch.testing.assert_close(propagated, expected)


def test_alpha_beta_and_z_plus_are_the_formula_with_inputs_of_both_signs():
    layer, inputs = linear_layer("linear", bias=True)
    inputs = inputs - 0.5
    outputs = layer(inputs)
    relevance = torch.randn_like(outputs)
    contributions = torch.einsum("bj,kj->bkj", inputs, layer.weight)
    everything = torch.cat([contributions, layer.bias.expand(2, 4)[..., None]], dim=2)
    positive = contributions.clamp_min(0) / everything.clamp_min(0).sum(2, keepdim=True)
    negative = contributions.clamp_max(0) / everything.clamp_max(0).sum(2, keepdim=True)
    arguments = layer, inputs, outputs, relevance
    torch.testing.assert_close(
        rules.propagate_z_plus(*arguments, stabiliser=0),
        torch.einsum("bkj,bk->bj", positive, relevance),
    )
    torch.testing.assert_close(
        rules.propagate_alpha_beta(*arguments, alpha=3, stabiliser=0),
        torch.einsum("bkj,bk->bj", 3 * positive - 2 * negative, relevance),
    )


def test_alpha_of_one_is_z_plus():
    layer, inputs = linear_layer("convolution", bias=True)
    outputs = layer(inputs)
    arguments = layer, inputs, outputs, torch.randn_like(outputs)
    torch.testing.assert_close(
        rules.propagate_alpha_beta(*arguments, alpha=1, stabiliser=0.1),
        rules.propagate_z_plus(*arguments, stabiliser=0.1),
    )
    with pytest.raises(ValueError, match=r"alpha must be at least 1, got 0\.5"):
        rules.propagate_alpha_beta(*arguments, alpha=0.5, stabiliser=0)


def test_zb_is_the_formula_for_any_bounds():
    layer, inputs = linear_layer("linear", bias=True)
    low, high = -1.5, 2.0
    inputs = low + (high - low) * inputs
    outputs = layer(inputs)
    relevance = torch.randn_like(outputs)
    shares = inputs[:, None] * layer.weight
    shares = shares - low * layer.weight.clamp_min(0) - high * layer.weight.clamp_max(0)
    total = shares.sum(2) + layer.bias.clamp_min(0) + 0.1  # b - b-, and the stabiliser
    propagated = rules.propagate_zb(
        layer, inputs, outputs, relevance, low=low, high=high, stabiliser=0.1
    )
    expected = torch.einsum("bkj,bk->bj", shares, relevance / total)
    torch.testing.assert_close(propagated, expected)


@pytest.mark.parametrize("name", ["z+", "zB"])
def test_these_rules_keep_the_sign_of_relevance(name):
    layer, inputs = linear_layer("convolution", bias=True)
    outputs = layer(inputs)
    assert (ALL_RULES[name](layer, inputs, outputs, torch.rand_like(outputs)) >= 0).all()


def test_zb_refuses_pixels_outside_the_bounds():
    layer, inputs = linear_layer("convolution")
    outputs = layer(inputs)
    with pytest.raises(ValueError, match=r"pixels must lie in \[0, 0\.5\], got"):
        rules.propagate_zb(layer, inputs, outputs, outputs, high=0.5, stabiliser=0)


@pytest.mark.parametrize("name", ALL_RULES)
def test_relevance_of_another_shape_is_refused(name):
    layer, inputs = linear_layer("linear")
    with pytest.raises(ValueError, match=r"relevance must be \(2, 4\), got \(1, 4\)"):
        ALL_RULES[name](layer, inputs, layer(inputs), pixels(1, 4))


@pytest.mark.parametrize("name", ALL_RULES)
def test_the_gradient_reaches_weights_activations_and_relevance(name):
    layer, inputs = linear_layer("linear")
    weight = layer.weight.detach().requires_grad_()
    inputs, relevance = 0.1 + 0.8 * inputs, pixels(2, 4)

    def propagate(weight, inputs, relevance):
        replaced = type(layer)(layer.function, weight)
        return ALL_RULES[name](replaced, inputs, replaced(inputs), relevance)

    assert torch.autograd.gradcheck(
        propagate, (weight, inputs.requires_grad_(), relevance.requires_grad_())
    )


def test_an_output_of_zero_has_neither_relevance_nor_a_bad_gradient():
    layer, inputs = linear_layer("linear")
    inputs = torch.zeros_like(inputs, requires_grad=True)
    outputs = layer(inputs)
    propagated = rules.propagate_zero(layer, inputs, outputs, torch.ones_like(outputs))
    (gradient,) = torch.autograd.grad(propagated.sum(), inputs)
    assert not propagated.any()
    assert gradient.isfinite().all()


def test_a_stabilised_relu_and_lrp_zero_are_lrp_epsilon():
    layer, inputs = linear_layer("convolution", bias=True)
    outputs = layer(inputs)
    activated = outputs.relu()
    relevance = torch.rand_like(outputs) * (outputs > 0)
    before = rules.propagate_relu(activated, relevance, stabiliser=0.2)
    torch.testing.assert_close(
        rules.propagate_zero(layer, inputs, outputs, before),
        rules.propagate_epsilon(layer, inputs, outputs, relevance, stabiliser=0.2),
    )


def test_average_pooling_is_a_convolution():
    average, inputs = linear_layer("average")
    depthwise = nn.Conv2d(3, 3, (2, 3), stride=(2, 3), padding=1, groups=3, bias=False).double()
    nn.init.constant_(depthwise.weight, 1 / 6)
    outputs = average(inputs)
    relevance = torch.randn_like(outputs)
    for rule in ALL_RULES.values():
        torch.testing.assert_close(
            rule(average, inputs, outputs, relevance),
            rule(map_of_layer(depthwise), inputs, outputs, relevance),
        )


def test_the_winner_of_a_max_pool_takes_all():
    pool = nn.MaxPool2d(2, stride=1)
    inputs = torch.tensor([[[[1.0, 2.0, 1.0], [0.0, -1.0, 3.0]]]])
    outputs = pool(inputs)  # 2, and 3
    relevance = torch.tensor([[[[5.0, 7.0]]]])
    whole = rules.propagate_max_pool(pool, inputs, outputs, relevance, stabiliser=0)
    assert whole.tolist() == [[[[0, 5, 0], [0, 0, 7]]]]
    part = rules.propagate_max_pool(pool, inputs, outputs, relevance, stabiliser=1)
    torch.testing.assert_close(part[0, 0, 0, 1], torch.tensor(5 * 2 / 3))


def test_a_sum_splits_in_proportion():
    summands = torch.tensor([[3.0, -3.0]]), torch.tensor([[-1.0, 1.0]])
    relevance = torch.tensor([[1.0, 1.0]])
    rule = partial(rules.propagate_epsilon, stabiliser=0.5)
    first, second = rules.propagate_sum(rule, summands, sum(summands), relevance)
    torch.testing.assert_close(first, torch.tensor([[3 / 2.5, 3 / 2.5]]))
    torch.testing.assert_close(second, torch.tensor([[-1 / 2.5, -1 / 2.5]]))
    rule = partial(rules.propagate_z_plus, stabiliser=0)
    first, second = rules.propagate_sum(rule, summands, sum(summands), relevance)
    assert (first.tolist(), second.tolist()) == ([[1, 0]], [[0, 1]])


def test_a_summand_that_was_broadcast_gets_its_share_back_in_its_shape():
    summands = pixels(2, 3, 4, 5), pixels(2, 3, 1, 1)
    outputs = summands[0] + summands[1]
    shares = rules.propagate_sum(rules.propagate_zero, summands, outputs, outputs)
    torch.testing.assert_close(shares[0], summands[0])
    torch.testing.assert_close(shares[1], 20 * summands[1])


def test_a_concatenation_is_cut_where_it_was_joined():
    parts = pixels(2, 3, 4), pixels(2, 1, 4)
    cut = rules.propagate_concatenation(parts, torch.cat(parts, dim=1), dim=1)
    assert all(piece.equal(part) for piece, part in zip(cut, parts, strict=True))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", ["convolution", "average"])
@pytest.mark.parametrize("affine", [False, True])
def test_a_batch_norm_fuses_with_the_layer_before(training, kind, affine):
    layer, inputs = linear_layer(kind, bias=True)
    between = layer(inputs)
    norm = nn.BatchNorm2d(between.shape[1], affine=affine).double().train(training)
    norm.running_mean.uniform_(-0.5, 0.5)
    norm.running_var.uniform_(0.5, 1.5)
    state = {key: value.clone() for key, value in norm.state_dict().items()}
    normalised = normalise(norm, between)
    fused = fuse_norm(layer, map_of_norm(norm, between))
    torch.testing.assert_close(fused(inputs), normalised)
    assert all(value.equal(state[key]) for key, value in norm.state_dict().items())
    torch.testing.assert_close(norm(between), normalised)  # the layer's own; moves its statistics


def test_a_norms_statistics_are_constants_and_its_weight_is_not():
    norm = nn.BatchNorm2d(3).double()
    inputs = pixels(4, 3, 2, 2).requires_grad_()
    as_map = map_of_norm(norm, inputs)
    to_weight, to_inputs = torch.autograd.grad(
        as_map.weight.sum(), [norm.weight, inputs], allow_unused=True
    )
    assert to_weight.abs().min() > 0
    assert to_inputs is None
