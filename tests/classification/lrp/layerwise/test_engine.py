"""The layer-wise engine on whole networks: it agrees with the gradient engine, changes nothing."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.lrp import LayerwiseEngine, LayerwiseRules, prepare


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
