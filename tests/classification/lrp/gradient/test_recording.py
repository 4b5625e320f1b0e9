"""The gradient engine: its heatmaps obey the rules, can be trained through, and change nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.losses import HeatmapLossSettings, heatmap_loss
from isnet_cxr.classification.lrp import prepare
from isnet_cxr.classification.networks import build_network

GOLDEN = Path(__file__).parents[2] / "golden" / "lrp_flex_seed1.npz"  # of the published code


def small_network(*, norm: bool = True, bias: bool = True) -> nn.Sequential:
    """Two convolutions and a linear layer on 8 x 8 px, in double precision."""
    torch.manual_seed(0)
    norms = [nn.BatchNorm2d(4), nn.BatchNorm2d(6)] if norm else [nn.Identity(), nn.Identity()]
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=bias), norms[0], nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, 3, padding=1, bias=bias), norms[1], nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(24, 3, bias=bias),
    ).double()  # fmt: skip
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    return network.eval()


def images(count: int = 3, side: int = 8) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(1)).double()


def explain(network, inputs, *, label=0, epsilon=1e-2, **options):
    prepared = prepare(network)
    with prepared.record(epsilon=epsilon) as recording:
        logits = network(inputs)
    heatmaps = recording.heatmaps(logits[:, label], **options)
    prepared.restore()
    return heatmaps, logits


@pytest.mark.parametrize("first_rule", ["zB", "epsilon"])
def test_relevance_is_conserved_without_biases(first_rule):
    heatmaps, logits = explain(
        small_network(norm=False, bias=False), images(), epsilon=1e-12, first_rule=first_rule
    )
    torch.testing.assert_close(heatmaps.sum(dim=(1, 2, 3, 4)), logits[:, 0])


def test_no_epsilon_is_gradient_times_input():
    network, inputs = small_network(), images().requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs)[:, 0].sum(), inputs)
    heatmaps, _ = explain(network, inputs.detach(), epsilon=0, first_rule="epsilon")
    torch.testing.assert_close(heatmaps[:, 0], inputs.detach() * gradient)


def test_epsilon_absorbs_relevance():
    strong, _ = explain(small_network(), images(), epsilon=1e-6)
    weak, _ = explain(small_network(), images(), epsilon=1.0)
    assert weak.abs().sum() < 0.9 * strong.abs().sum()


def test_a_heatmap_does_not_depend_on_its_batch():
    together, _ = explain(small_network(), images())
    alone = torch.cat([explain(small_network(), image[None])[0] for image in images()])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("name", ["densenet-small", "resnet18"])
@pytest.mark.parametrize("training", [False, True])
def test_preparing_and_recording_leave_predictions_alone(name, training):
    network = build_network(name, classes=3, seed=0).train(training)
    inputs = images(2, 64).float()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    before = network(inputs)
    network.load_state_dict(state)
    prepared = prepare(network)
    torch.testing.assert_close(network(inputs), before)
    network.load_state_dict(state)
    with prepared.record() as recording:
        recorded = network(inputs)
    torch.testing.assert_close(recorded, before)
    assert recording.heatmaps(recorded).shape == (2, 3, 1, 64, 64)
    assert list(network.state_dict()) == list(state)
    for key, value in network.state_dict().items():  # running statistics did not move
        torch.testing.assert_close(value, state[key])
    assert not any(layer._forward_hooks for layer in network.modules())
    prepared.restore()
    torch.testing.assert_close(network(inputs), before)
    assert not any(type(layer).__name__.startswith("Explainable") for layer in network.modules())


@pytest.mark.parametrize("training", [False, True])
def test_a_recorded_network_has_the_plain_networks_gradients(training):
    network, inputs = small_network().train(training), images()
    plain = torch.autograd.grad(network(inputs).square().sum(), list(network.parameters()))
    prepared = prepare(network)
    with prepared.record():
        logits = network(inputs)
    recorded = torch.autograd.grad(logits.square().sum(), list(network.parameters()))
    torch.testing.assert_close(recorded, plain)


@pytest.mark.parametrize("training", [False, True])
def test_with_batch_norm_frozen_the_other_gradients_are_the_plain_networks(training):
    network, inputs = small_network().train(training), images()
    for layer in network:
        layer.requires_grad_(not isinstance(layer, nn.BatchNorm2d))
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    plain = torch.autograd.grad(network(inputs).square().sum(), learning)
    prepared = prepare(network)
    with prepared.record():
        logits = network(inputs)
    recorded = torch.autograd.grad(logits.square().sum(), learning)
    torch.testing.assert_close(recorded, plain)


def test_two_explanations_in_a_row_are_equal():
    network = small_network()
    first, _ = explain(network, images())
    second, _ = explain(network, images())
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_the_heatmap_losss_gradient_matches_finite_differences():
    network, inputs = small_network(), images(2)
    masks = torch.zeros(2, 1, 8, 8)
    masks[:, :, 2:6, 2:6] = 1
    prepared = prepare(network)
    names = [name for name, _ in network.named_parameters()]
    settings = HeatmapLossSettings(decay=0.9, foreground_range=(2.0, 3.0))

    def loss(*weights: torch.Tensor) -> torch.Tensor:
        replaced = dict(zip(names, weights, strict=True))
        with prepared.record(epsilon=0.05) as recording:
            logits = torch.func.functional_call(network, replaced, (inputs,))
        return heatmap_loss(recording.heatmaps(logits), masks, settings=settings).total

    weights = tuple(dict(network.named_parameters())[name].detach() for name in names)
    assert torch.autograd.gradcheck(
        loss, tuple(weight.requires_grad_() for weight in weights), eps=1e-6, atol=1e-5
    )


@pytest.mark.parametrize("name", ["densenet-small", "resnet18"])
def test_a_kept_graph_gives_the_gradients_of_one_that_is_used_up(name):
    """What a backward pass reads it leaves as it was, whether the graph is kept or not."""
    network, inputs = build_network(name, classes=3, seed=0), images(2, 64).float()
    parameters = list(network.parameters())
    prepared = prepare(network)
    with prepared.record() as recording:
        logits = network(inputs)
    loss = recording.heatmaps(logits).square().sum()
    first, second, used_up = (
        torch.autograd.grad(loss, parameters, retain_graph=keep, materialize_grads=True)
        for keep in (True, True, False)
    )
    assert any(gradient.abs().sum() > 0 for gradient in first)
    torch.testing.assert_close(second, first, rtol=0, atol=0)
    torch.testing.assert_close(used_up, first, rtol=0, atol=0)


class ReadTwice(nn.Module):
    """A convolution that a batch norm reads, and a sum beside it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.between = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.last = nn.BatchNorm2d(4), nn.Linear(4, 2)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        between = self.between(torch.relu(self.first(inputs)))
        together = torch.relu(self.norm(between)) + between
        return self.last(torch.relu(together).mean(dim=(2, 3)))


def test_a_convolution_that_a_norm_does_not_read_alone_has_the_right_gradient():
    network, inputs = ReadTwice().double().eval(), images(2)
    prepared = prepare(network)

    def loss() -> torch.Tensor:
        with prepared.record(epsilon=0.05) as recording:
            logits = network(inputs)
        return recording.heatmaps(logits).square().sum()

    weight, step = network.between.weight, 1e-6
    (gradient,) = torch.autograd.grad(loss(), weight)
    for place in ((0, 0, 1, 1), (1, 2, 0, 2), (3, 3, 2, 0)):
        values = []
        for moved in (step, -step):
            with torch.no_grad():
                weight[place] += moved
            values.append(loss().item())
            with torch.no_grad():
                weight[place] -= moved
        torch.testing.assert_close(
            gradient[place].item(), (values[0] - values[1]) / (2 * step), rtol=1e-5, atol=1e-8
        )


def test_in_training_a_heatmap_ignores_the_gradient_of_the_batchs_statistics():
    """With the batch's statistics put into the running ones, evaluation gives the same heatmap."""
    network, inputs = small_network().train(), images(4)
    trained, _ = explain(network, inputs)
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    network(inputs)
    for layer in network:  # running variances are unbiased, the batch's own are not
        if isinstance(layer, nn.BatchNorm2d):
            count = inputs.numel() / 4
            layer.running_var *= (count - 1) / count
    evaluated, _ = explain(network.eval(), inputs)
    torch.testing.assert_close(trained, evaluated)


def test_a_frozen_network_is_explained_too():
    expected, _ = explain(small_network(), images())
    frozen, _ = explain(small_network().requires_grad_(False), images(), differentiable=False)
    torch.testing.assert_close(frozen, expected.detach())
    assert not frozen.requires_grad


def test_recording_needs_gradients_enabled():
    with torch.no_grad(), pytest.raises(ValueError, match="record with gradients enabled"):
        explain(small_network(), images())


def test_pixels_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\], got values from -1 to"):
        explain(small_network(), images() - 1 + 1e-9 - images().amin())


def test_a_layer_that_is_no_relu_network_is_named():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.SiLU())
    with pytest.raises(ValueError, match=r"layer '1' is a SiLU"):
        prepare(network)


def test_images_changed_before_the_first_layer_are_refused():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = small_network()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.inner(inputs * 0.5)

    with pytest.raises(ValueError, match="reads the images directly"):
        explain(Scaled(), images())


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


@pytest.mark.parametrize("kind", ["plain", "bn"])
@pytest.mark.parametrize("first_rule", ["zB", "epsilon"])
@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_published_heatmaps_are_reproduced(golden, kind, first_rule, epsilon):
    norms = [nn.BatchNorm2d(6)], [nn.BatchNorm2d(8)]
    first, second = norms if kind == "bn" else ([], [])
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), *first, nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), *second, nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(128, 3),
    ).eval()  # fmt: skip
    prefix = f"{kind}/state/"
    state = {key.removeprefix(prefix): value for key, value in golden.items() if prefix in key}
    network.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    prepared = prepare(network)
    with prepared.record(epsilon=epsilon) as recording:
        logits = network(torch.from_numpy(golden[f"{kind}/input"]))
    heatmaps = recording.heatmaps(logits, first_rule=first_rule)
    expected = torch.from_numpy(golden[f"{kind}/{first_rule}/eps{epsilon}/heatmaps"])
    torch.testing.assert_close(
        heatmaps, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )
