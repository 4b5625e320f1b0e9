"""The layer-wise engine: it agrees with the gradient engine, and changes nothing."""

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


def small_network(name: str, *, training: bool = False) -> nn.Module:
    """A tiny network in double precision whose batch norms do something."""
    from monai.networks import nets

    torch.manual_seed(0)
    shape = {"spatial_dims": 2}
    residual = {**shape, "n_input_channels": 1, "num_classes": 3, "conv1_t_stride": 2}
    network: nn.Module
    if name == "sequential":
        network = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
            nn.MaxPool2d(2), nn.Identity(), nn.Conv2d(4, 5, 3, stride=2), nn.AvgPool2d(2),
            nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0), nn.AdaptiveAvgPool2d((2, 1)),
            nn.Flatten(), nn.Linear(10, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3),
        )  # fmt: skip
    elif name == "densenet":
        network = nets.DenseNet(
            **shape, in_channels=1, out_channels=3, init_features=4, growth_rate=2,
            block_config=(2, 2), bn_size=2,
        )  # fmt: skip
    elif name == "resnet":
        network = nets.ResNet("basic", [1, 1, 1, 1], [4, 5, 6, 7], **residual)
    else:
        network = nets.ResNet("bottleneck", [2, 1, 1, 1], [2, 3, 3, 4], **residual)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, -0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
    return network.double().train(training)


def images(count: int = 3, height: int = 24, width: int = 20) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, height, width, generator=generator, dtype=torch.float64)


def branched(*, bias: bool = True, training: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return Branches(bias=bias).double().train(training)


def explain(network, inputs, **settings):
    recording = LayerwiseEngine(network).record(inputs)
    return recording.heatmaps(recording.logits, settings=LayerwiseRules(**settings))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["sequential", "densenet", "resnet", "bottleneck"])
@pytest.mark.parametrize("first", ["zB", "epsilon"])
def test_both_engines_agree_in_heatmaps_and_their_gradients(name, training, first):
    network, inputs = small_network(name, training=training), images(3, 32, 40)
    weights = list(network.parameters())
    prepared = prepare(network)
    with prepared.record(epsilon=0.01) as recording:
        logits = network(inputs)
    expected = recording.heatmaps(logits, first_rule=first)
    prepared.restore()
    heatmaps = explain(network, inputs, epsilon=0.01, first=first)
    largest = expected.abs().max().item()
    torch.testing.assert_close(heatmaps, expected, rtol=1e-5, atol=1e-9 * largest)
    mixture = torch.rand_like(expected)
    expected_gradients, gradients = (
        torch.autograd.grad((maps.abs() * mixture).sum(), weights, materialize_grads=True)
        for maps in (expected, heatmaps)
    )
    largest = max(gradient.abs().max().item() for gradient in expected_gradients)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-5, atol=1e-9 * largest)


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


@pytest.mark.parametrize("training", [False, True])
def test_detached_biases_change_the_gradient_and_not_the_heatmap(training):
    network = small_network("sequential", training=training)
    inputs, stem, norm = images(), network[0], network[1]
    heatmaps = explain(network, inputs, stabilised="layers")
    detached = explain(network, inputs, stabilised="layers", biases="detached")
    torch.testing.assert_close(detached, heatmaps)
    network = nn.Sequential(stem, norm, nn.ReLU(), nn.Flatten(), nn.Linear(1920, 2).double())
    recording = LayerwiseEngine(network.train(training)).record(inputs)
    for biases, has_gradient in (("followed", True), ("detached", False)):
        # Relevance that is given, and does not follow the logits: the last bias then acts in the
        # last layer's denominator only.
        settings = LayerwiseRules(stabilised="layers", biases=biases)
        heatmaps = recording.propagate(torch.ones(3, 2).double(), settings=settings)
        followed, still = torch.autograd.grad(
            heatmaps.abs().sum(), [network[-1].bias, norm.weight], retain_graph=True,
            allow_unused=True,
        )  # fmt: skip
        assert (followed is not None) is has_gradient
        assert still.abs().max() > 0


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


@pytest.mark.parametrize("name", ["densenet", "resnet"])
@pytest.mark.parametrize("training", [False, True])
def test_the_network_stays_as_it_was(name, training):
    network, inputs = small_network(name, training=training), images(2, 32, 40)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    layers = list(network.modules())
    recording = LayerwiseEngine(network).record(inputs)
    first = recording.heatmaps(recording.logits)
    assert recording.heatmaps(recording.logits).equal(first)
    assert explain(network, inputs).equal(first)
    assert all(value.equal(state[key]) for key, value in network.state_dict().items())
    assert list(network.modules()) == layers
    assert network.training is training
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)
    assert all(weight.grad is None for weight in network.parameters())
    torch.testing.assert_close(network(inputs), recording.logits)


def test_a_heatmap_does_not_depend_on_its_batch():
    network, inputs = small_network("densenet"), images(3, 32, 40)
    together = explain(network, inputs)
    alone = torch.cat([explain(network, image[None]) for image in inputs])
    torch.testing.assert_close(together, alone)


def test_a_prepared_network_is_explained_just_as_well():
    network, inputs = small_network("resnet", training=True), images(2, 32, 40)
    expected = explain(network, inputs)
    prepared = prepare(network)
    torch.testing.assert_close(explain(network, inputs), expected)
    prepared.restore()


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["densenet121", "resnet18", "resnet50"])
def test_the_engines_agree_on_networks_of_full_size(name):
    from isnet_cxr.classification.networks import build_network

    network, inputs = build_network(name, classes=3, seed=0).double().train(), images(2, 64, 72)
    prepared = prepare(network)
    with prepared.record(epsilon=0.01) as recording:
        logits = network(inputs)
    expected = recording.heatmaps(logits[:, 0], differentiable=False)
    prepared.restore()
    layerwise = LayerwiseEngine(network).record(inputs)
    heatmaps = layerwise.heatmaps(layerwise.logits[:, 0], differentiable=False)
    largest = expected.abs().max().item()
    torch.testing.assert_close(heatmaps, expected, rtol=1e-5, atol=1e-9 * largest)
