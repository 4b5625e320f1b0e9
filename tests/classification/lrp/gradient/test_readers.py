"""What is read twice, in place or before the first layer: exact, or refused by name."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from isnet_cxr.classification.lrp import LayerwiseEngine, LayerwiseRules, prepare


class Odd(nn.Module):
    """A network whose features are computed in an odd way."""

    def __init__(self, features: Callable[["Odd", Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = features
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.other = nn.Conv2d(1, 4, 1)
        self.deep = nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.over = nn.ReLU(), nn.ReLU(inplace=True)
        self.last = nn.Linear(4, 2)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        nn.init.uniform_(self.norm.bias, -0.5, 0.5)

    def forward(self, images: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(self.features(self, images), 1)
        return self.last(torch.flatten(pooled, 1))


def stem_beside_its_relu(net: Odd, images: Tensor) -> Tensor:
    stem = net.stem(images)
    return net.act(net.deep(net.act(stem))) + stem


def stem_beside_its_norm(net: Odd, images: Tensor) -> Tensor:
    stem = net.stem(images)
    return net.act(net.norm(stem)) + net.deep(stem)


def norm_beside_its_relu(net: Odd, images: Tensor) -> Tensor:
    norm = net.norm(net.stem(images))
    return net.act(norm) + net.deep(norm)


def stem_before_it_is_overwritten(net: Odd, images: Tensor) -> Tensor:
    stem = net.stem(images)
    doubled = stem + stem
    return net.deep(net.over(stem)) + doubled


def stem_after_it_is_overwritten(net: Odd, images: Tensor) -> Tensor:
    stem = net.stem(images)
    return net.deep(net.over(stem)) + stem


def deep_before_it_is_overwritten(net: Odd, images: Tensor) -> Tensor:
    deep = net.deep(net.act(net.stem(images)))
    doubled = deep + deep
    return net.over(deep) + doubled


def deep_after_it_is_overwritten(net: Odd, images: Tensor) -> Tensor:
    deep = net.deep(net.act(net.stem(images)))
    return net.deep(net.over(deep)) + deep


def deep_overwritten_by_a_function(net: Odd, images: Tensor) -> Tensor:
    deep = net.deep(net.act(net.stem(images)))
    return net.deep(F.relu(deep, inplace=True)) + deep


def norm_behind_the_relu(net: Odd, images: Tensor) -> Tensor:
    return net.act(net.deep(net.norm(net.act(net.stem(images)))))


def images_read_twice(net: Odd, images: Tensor) -> Tensor:
    return net.deep(net.act(net.norm(net.stem(images)))) + net.act(net.other(images))


def images_read_twice_and_added(net: Odd, images: Tensor) -> Tensor:
    return net.act(net.deep(net.act(net.stem(images) + net.other(images))))


def images_read_twice_by_one_layer(net: Odd, images: Tensor) -> Tensor:
    return net.deep(net.act(net.stem(images))) + net.stem(images)


def stem_with_another_added_in_place(net: Odd, images: Tensor) -> Tensor:
    stem = net.stem(images)
    stem += net.other(images)
    return net.deep(net.act(stem))


def norm_with_another_added_in_place(net: Odd, images: Tensor) -> Tensor:
    norm = net.norm(net.stem(images))
    norm += net.other(images)
    return net.deep(net.over(norm))


def stem_with_another_added_before_its_norm(net: Odd, images: Tensor) -> Tensor:
    stem = net.stem(images)
    stem += net.other(images)
    return net.deep(net.act(net.norm(stem)))


EXACT = [
    stem_with_another_added_in_place, norm_with_another_added_in_place,
    stem_with_another_added_before_its_norm,
    stem_beside_its_relu, stem_beside_its_norm, norm_beside_its_relu,
    stem_before_it_is_overwritten, stem_after_it_is_overwritten, deep_before_it_is_overwritten,
    deep_after_it_is_overwritten, deep_overwritten_by_a_function, norm_behind_the_relu,
    images_read_twice, images_read_twice_and_added, images_read_twice_by_one_layer,
]  # fmt: skip


def images() -> Tensor:
    return torch.rand(3, 1, 9, 8, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("features", EXACT)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("first", ["zB", "epsilon"])
def test_the_engines_agree_whatever_is_read_twice(features, training, first):
    network = Odd(features).double().train(training)
    weights = list(network.parameters())
    layerwise = LayerwiseEngine(network).record(images())
    settings = LayerwiseRules(epsilon=0.05, first=first)
    expected = layerwise.heatmaps(layerwise.logits, settings=settings)
    prepared = prepare(network)
    with prepared.record(epsilon=0.05) as recording:
        logits = network(images())
    heatmaps = recording.heatmaps(logits, first_rule=first)
    torch.testing.assert_close(logits, layerwise.logits)
    torch.testing.assert_close(heatmaps, expected)
    mixture = torch.rand_like(expected)
    gradients, expected_gradients = (
        torch.autograd.grad((maps.abs() * mixture).sum(), weights, materialize_grads=True)
        for maps in (heatmaps, expected)
    )
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("features", EXACT)
def test_without_epsilon_it_is_gradient_times_input_whatever_is_read_twice(features):
    network, inputs = Odd(features).double().eval(), images().requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs)[:, 1].sum(), inputs)
    prepared = prepare(network)
    with prepared.record(epsilon=0) as recording:
        logits = network(inputs.detach())
    heatmaps = recording.heatmaps(logits[:, 1], first_rule="epsilon")
    torch.testing.assert_close(heatmaps[:, 0], inputs.detach() * gradient, rtol=1e-12, atol=1e-15)


def test_a_tiny_activation_is_gradient_times_input_too():
    """No stabiliser hides in the first layer when epsilon is 0: there is no smallest unit."""
    network, inputs = Odd(lambda net, images: net.act(net.stem(images))).eval(), images().float()
    with torch.no_grad():
        network.stem.weight.mul_(1e-9)
        network.stem.bias.zero_()
    inputs.requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs)[:, 0].sum(), inputs)
    prepared = prepare(network)
    with prepared.record(epsilon=0) as recording:
        logits = network(inputs.detach())
    heatmaps = recording.heatmaps(logits[:, 0], first_rule="epsilon")
    expected = inputs.detach() * gradient
    torch.testing.assert_close(heatmaps[:, 0], expected, rtol=1e-5, atol=1e-16)


REFUSED: dict[str, tuple[Callable[[Odd, Tensor], Tensor], str]] = {
    "scaled": (lambda net, images: net.stem(images * 0.5), r"calls mul on the images"),
    "clamped": (lambda net, images: net.stem(images.clamp(0, 1)), "calls clamp on the images"),
    "changed in place": (
        lambda net, images: net.stem(images.mul_(0.5)),
        "calls mul_ on the images",
    ),
    "by name": (lambda net, images: net.stem(torch.neg(input=images)), "calls neg on the images"),
    "taken apart": (
        lambda net, images: net.stem(images) + net.stem(images.max(1, keepdim=True).values),
        "calls max on the images",
    ),
    "one of two": (
        lambda net, images: net.stem(images) + net.other(F.avg_pool2d(images, 3, 1, 1)),
        r"layer '' \(test_readers.py:\d+\) calls avg_pool2d on the images",
    ),
    "concatenated": (
        lambda net, images: net.deep(torch.cat([images, images, images, images], 1)),
        r"calls cat on the images",
    ),
    "added": (lambda net, images: net.act(net.stem(images)) + images, r"calls add on the images"),
    "turned": (
        lambda net, images: net.stem(images.transpose(2, 3)),
        "Conv2d reads a part of the images or turned ones",
    ),
    "cropped": (
        lambda net, images: net.stem(images) + net.stem(images[:, :, :1]),
        "Conv2d reads a part of the images or turned ones",
    ),
    "convolved by a function": (
        lambda net, images: F.conv2d(images, net.stem.weight, padding=1),
        "calls conv2d on the images",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_else_reads_the_images_is_refused_by_name(case):
    features, message = REFUSED[case]
    prepared = prepare(Odd(features).double().eval())
    with pytest.raises(ValueError, match=message), prepared.record():
        prepared.network(images())
    with prepared.record() as recording:  # what the caller does beside the network is their own
        (images() * 0.5).mean()
    assert prepared.network.training is False
    assert recording.switch.is_on is False


def test_images_in_another_shape_are_still_images():
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(72, 5), nn.Linear(5, 2)

        def forward(self, images: Tensor) -> Tensor:
            return self.last(F.relu(self.first(images.reshape(images.size(0), -1))))

    network, some = Flat().double(), torch.cat([images(), images()])[2:5]  # a view with an offset
    layerwise = LayerwiseEngine(network).record(some)
    with prepare(network).record(epsilon=0.05) as recording:
        logits = network(some)
    settings = LayerwiseRules(epsilon=0.05)
    expected = layerwise.heatmaps(layerwise.logits, settings=settings)
    torch.testing.assert_close(recording.heatmaps(logits), expected)


class Tokens(nn.Module):
    """A linear layer on more than two dimensions, whose batch norm scales another dimension."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix, self.norm = nn.Linear(8, 9), nn.BatchNorm1d(9)  # of 9 rows of 8 px: no misfit
        self.deep, self.deep_norm = nn.Linear(9, 9), nn.BatchNorm1d(9)
        self.last = nn.Linear(81, 2)
        for norm in (self.norm, self.deep_norm):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)

    def forward(self, images: Tensor) -> Tensor:
        rows = torch.relu(self.norm(self.mix(images.view(-1, 9, 8))))
        rows = torch.relu(self.deep_norm(self.deep(rows)))
        return self.last(torch.flatten(rows, 1))


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_norm_behind_a_linear_layer_on_rows_scales_the_rows(training):
    network, inputs = Tokens().double().train(training), images()
    expected = 0
    if not training:  # with statistics that stay, LRP-0 is gradient x input: an outside witness
        (gradient,) = torch.autograd.grad(network(inputs.requires_grad_())[:, 0].sum(), inputs)
        expected = inputs.detach() * gradient
    for epsilon, first in ((0.0, "epsilon"), (0.05, "epsilon"), (0.05, "zB")):
        settings = LayerwiseRules(epsilon=epsilon, first=first)
        layerwise = LayerwiseEngine(network).record(inputs.detach())
        heatmaps = layerwise.heatmaps(layerwise.logits[:, 0], settings=settings)
        if epsilon == 0 and not training:
            torch.testing.assert_close(heatmaps[:, 0], expected)
        prepared = prepare(network)
        with prepared.record(epsilon=epsilon) as recording:
            logits = network(inputs.detach())
        others = recording.heatmaps(logits[:, 0], first_rule=first)
        torch.testing.assert_close(others, heatmaps)
        prepared.restore()
