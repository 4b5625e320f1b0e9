"""The layer-wise engine's rules on an odd network: what they conserve, show and refuse."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.lrp import LayerwiseEngine, LayerwiseRules, prepare


class Branches(nn.Module):
    """Everything that a hook would miss: functional, re-used and in-place layers, sums, cat."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=bias)
        self.left = nn.Conv2d(4, 3, (3, 1), padding=(1, 0), bias=bias)
        self.right = nn.Conv2d(4, 3, 1, bias=bias)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5, inplace=True)
        self.out = nn.Linear(7 * 12 * 5, 3, bias=bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stem = self.stem(images)
        active = self.act(stem)
        left = self.left(active)
        left += torch.relu(self.right(active))
        both = torch.cat([stem, self.drop(self.act(left))], 1)  # stem is what the ReLU left in it
        pooled = nn.functional.max_pool2d(both, 3, stride=1, padding=1)
        pooled = nn.functional.avg_pool2d(pooled, (1, 2), (1, 2))
        return self.out(pooled.view(pooled.size(0), -1))


def images(count: int = 3, height: int = 24, width: int = 20) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, height, width, generator=generator, dtype=torch.float64)


def branched(*, bias: bool = True, training: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return Branches(bias=bias).double().train(training)


def explain(network, inputs, **settings):
    recording = LayerwiseEngine(network).record(inputs)
    return recording.heatmaps(recording.logits, settings=LayerwiseRules(**settings))


@pytest.mark.parametrize("first", ["zB", "epsilon"])
@pytest.mark.parametrize("hidden", ["epsilon", "z+"])
@pytest.mark.parametrize("stabilised", ["relus", "layers"])
@pytest.mark.parametrize("training", [False, True])  # dropout passes relevance on
def test_relevance_is_conserved_without_biases(first, hidden, stabilised, training):
    network = branched(bias=False, training=training)
    recording = LayerwiseEngine(network).record(images())
    settings = LayerwiseRules(hidden, first, epsilon=1e-13, stabilised=stabilised)
    heatmaps = recording.heatmaps(recording.logits, settings=settings)
    torch.testing.assert_close(heatmaps.sum(dim=(2, 3, 4)), recording.logits)


def test_a_module_of_ones_own_keeps_its_predictions():
    network = branched()
    torch.testing.assert_close(LayerwiseEngine(network).record(images()).logits, network(images()))


def test_no_epsilon_is_gradient_times_input():
    network, inputs = branched(), images().requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs)[:, 1].sum(), inputs)
    heatmaps = explain(network, inputs.detach(), epsilon=0, first="epsilon")
    torch.testing.assert_close(heatmaps[:, 1], inputs.detach() * gradient)


def test_the_published_stabilisers_absorb_more():
    """At the output layer, for one: with nothing else, a logit z keeps z / (z + eps)."""
    layer = nn.Sequential(nn.Flatten(), nn.Linear(480, 2, bias=False)).double()
    logits = LayerwiseEngine(layer).record(images()).logits
    for stabilised, eps in (("relus", 0.0), ("layers", 0.5)):
        heatmaps = explain(layer, images(), first="epsilon", epsilon=0.5, stabilised=stabilised)
        kept = logits * (logits.abs() / (logits.abs() + eps))
        torch.testing.assert_close(heatmaps.sum(dim=(2, 3, 4)), kept)
    at_relus, at_layers = (
        explain(branched(bias=False), images(), hidden="epsilon", epsilon=0.1, stabilised=where)
        for where in ("relus", "layers")
    )
    assert at_layers.abs().sum() < at_relus.abs().sum()


def test_alpha_beta_shows_relevance_of_both_signs():
    heatmaps = explain(branched(), images(), hidden="alpha-beta", epsilon=1e-9)
    assert heatmaps.amin() < 0 < heatmaps.amax()
    assert heatmaps.isfinite().all()


def test_dual_is_all_classes_together_and_what_adds_to_any():
    network = branched(bias=False)
    recording = LayerwiseEngine(network).record(images())
    dual = recording.dual_heatmaps(epsilon=1e-13)
    assert dual.shape == (3, 2, 1, 24, 20)
    plus, signed = dual.unbind(dim=1)
    each = recording.heatmaps(recording.logits, settings=LayerwiseRules(epsilon=1e-13))
    torch.testing.assert_close(signed, each.sum(dim=1))
    assert (plus >= 0).all()
    torch.testing.assert_close(plus.sum(dim=(1, 2, 3)), recording.logits.abs().sum(dim=1))


@pytest.mark.parametrize("variant", ["epsilon", "z+", "dual"])
def test_a_heatmaps_gradient_matches_finite_differences(variant):
    network, inputs = branched(), images(1)
    names = [name for name, _ in network.named_parameters() if name != "out.weight"]

    class Heatmaps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.engine = LayerwiseEngine(network)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            recording = self.engine.record(images)
            if variant == "dual":
                return recording.dual_heatmaps(epsilon=0.05)
            settings = LayerwiseRules(variant, epsilon=0.05)
            return recording.heatmaps(recording.logits[:, 0], settings=settings)

    explainer = Heatmaps()
    mixture = torch.rand(24, 20, dtype=torch.float64)

    def score(*weights: torch.Tensor) -> torch.Tensor:
        replaced = {f"network.{name}": weight for name, weight in zip(names, weights, strict=True)}
        return (torch.func.functional_call(explainer, replaced, (inputs,)) * mixture).sum()

    weights = [dict(network.named_parameters())[name].detach() for name in names]
    weights = [weight.requires_grad_() for weight in weights]
    assert torch.autograd.gradcheck(score, tuple(weights), fast_mode=True)


def test_a_prepared_networks_relu_in_place_is_still_in_place():
    expected = explain(branched(), images())
    torch.testing.assert_close(explain(prepare(branched()).network, images()), expected)


def test_a_frozen_network_is_explained_and_a_detached_heatmap_has_no_graph():
    network = branched()
    expected = explain(network, images())
    recording = LayerwiseEngine(network.requires_grad_(False)).record(images())
    heatmaps = recording.heatmaps(recording.logits, differentiable=False)
    torch.testing.assert_close(heatmaps, expected.detach())
    assert not heatmaps.requires_grad


class Preprocessed(nn.Module):
    """Does something to the images first."""

    def __init__(self, change) -> None:
        super().__init__()
        self.change = change
        self.inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(self.change(images))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.SiLU()), r"layer '1' \(SiLU\) is nothing that"),
        (Preprocessed(lambda images: images * 0.5), r"'mul' \(step 'mul'\) is nothing that"),
        (Preprocessed(lambda images: images + 0.5), r"'add' \(step 'add'\) is nothing that"),
        (Preprocessed(nn.AvgPool2d(2)), r"layer 'change' \(AvgPool2d\) reads the images"),
        (Preprocessed(lambda images: images if images.sum() else -images), "cannot be traced"),
        (Preprocessed(lambda images: images.view(len(images), -1)), "cannot be traced"),
        (nn.Bilinear(1, 1, 1), "is nothing that relevance can pass"),
    ],
)
def test_what_relevance_cannot_pass_is_named(network, message):
    with pytest.raises(ValueError, match=message):
        LayerwiseEngine(network)


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\], got values from 1 to"):
        LayerwiseEngine(branched()).record(images() + 1 - images().amin())
    with pytest.raises(ValueError, match="epsilon must be at least 0, got -1"):
        LayerwiseRules(epsilon=-1)
    with pytest.raises(ValueError, match="biases can be detached where stabilised is 'layers'"):
        LayerwiseRules(biases="detached")
    with pytest.raises(ValueError, match="alpha must be at least 1, got 0"):
        LayerwiseRules(alpha=0)
