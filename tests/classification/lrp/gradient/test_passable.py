"""What is known to be passable has the right relevance; everything else is refused by name."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from isnet_cxr.classification.lrp import prepare

Step = Callable[["Calling", Tensor], Tensor]


class Calling(nn.Module):
    """A convolution, a step on its rectified features (B, 4, 8, 8), a pooling, a linear layer."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.step = step
        self.first, self.norm, self.act = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
        )
        self.deep, self.last = nn.Conv2d(4, 4, 3, padding=1), nn.LazyLinear(2)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())
        self.scale = nn.Parameter(torch.rand(1, 4, 1, 1) + 0.5)
        self.mix = nn.Parameter(torch.randn(8, 8))
        self.register_buffer("mask", (torch.rand(1, 1, 8, 8) > 0.3).float())

    def forward(self, images: Tensor) -> Tensor:
        read = self.step(self, self.act(self.norm(self.first(images))))
        return self.last(torch.flatten(self.act(self.deep(read)), 1))


def images() -> Tensor:
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()


def build(step: Step) -> Calling:
    network = Calling(lambda _net, read: read)
    network(images().float())  # sizes the linear layer; moves the statistics
    network = network.double().eval()
    network.step = step
    return network


def explain(network: nn.Module, *, epsilon: float, **options) -> tuple[Tensor, Tensor]:
    prepared = prepare(network, gates=("gate",))
    try:
        with prepared.record(epsilon=epsilon) as recording:
            logits = network(images())
    finally:
        prepared.restore()
    return recording.heatmaps(logits, **options), logits


PASSABLE: dict[str, Step] = {
    "added": lambda net, read: read + net.deep(read),
    "added in place": lambda net, read: net.deep(read).add_(read),
    "with a constant": lambda net, read: 1 - (read + 0.5),
    "subtracted": lambda net, read: read - net.deep(read),
    "negated": lambda net, read: -net.deep(read),
    "times a number": lambda net, read: read * 0.3,
    "a number times": lambda net, read: 2 * read,
    "by a number": lambda net, read: read / 3,
    "times a parameter": lambda net, read: read * net.scale,
    "by a parameter": lambda net, read: read / net.scale,
    "times a computed weight": lambda net, read: read * net.scale.softmax(dim=1),
    "times a buffer": lambda net, read: net.mask * read,
    "times a gate": lambda net, read: read * net.gate(read),
    "a gate times": lambda net, read: net.gate(read).expand_as(read) * read,
    "times a gate in place": lambda net, read: net.deep(read).mul_(net.gate(read)),
    "mixed by a matrix": lambda net, read: read @ net.mix,
    "mixed by einsum": lambda net, read: torch.einsum("bchw,wv->bchv", read, net.mix),
    "by a standardised kernel": lambda net, read: F.conv2d(
        read, (net.deep.weight - net.deep.weight.mean()) / net.deep.weight.std(), padding=1
    ),
    "by name": lambda net, read: F.conv2d(input=read, weight=net.deep.weight, padding=1),
    "by a kernel": lambda net, read: F.conv_transpose2d(read, net.deep.weight, padding=1),
    "shuffled": lambda net, read: F.channel_shuffle(read, 2),
    "taken apart": lambda net, read: torch.cat([part.flip(1) for part in read.chunk(2, 1)], 1),
    "stacked": lambda net, read: torch.stack([read, net.deep(read)]).sum(0),
    "turned": lambda net, read: read.permute(0, 1, 3, 2).transpose(2, 3).mT,
    "indexed": lambda net, read: read[:, [3, 2, 1, 0]],
    "reshaped": lambda net, read: read.reshape(read.size(0), -1).view(read.shape),
    "pooled and enlarged": lambda net, read: F.interpolate(F.avg_pool2d(read, 2), scale_factor=2),
    "maximum": lambda net, read: F.interpolate(F.max_pool2d(read, 2), scale_factor=2),
    "global": lambda net, read: read + read.amax((2, 3), True) + read.mean((2, 3), True),
    "padded": lambda net, read: F.pad(read, (1, 0, 0, 1))[:, :, 1:, :-1],
    "dropped out": lambda net, read: F.dropout(read, training=net.training),
    "cast": lambda net, read: read.to(torch.float64).contiguous().clone(),
    "zeros beside it": lambda net, read: read + torch.zeros_like(read),
}  # fmt: skip


@pytest.mark.parametrize("case", list(PASSABLE))
def test_what_is_passable_has_the_relevance_of_gradient_times_input(case):
    network, inputs = build(PASSABLE[case]), images().requires_grad_()
    network.gate.register_forward_hook(lambda _layer, _read, output: output.detach())
    outputs = network(inputs).sum(0)
    gradients = [torch.autograd.grad(z, inputs, retain_graph=True)[0] for z in outputs]
    network.gate._forward_hooks.clear()
    heatmaps, _ = explain(network, epsilon=0, first_rule="epsilon")
    expected = inputs.detach()[:, None] * torch.stack(gradients, dim=1)
    torch.testing.assert_close(heatmaps, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("factor", [0.3, -2.0])
def test_a_constant_factor_is_what_a_layer_with_that_weight_is(factor):
    """With a stabiliser, and through to the weights' gradients."""
    scaled, layered = (
        build(lambda _net, read: read * factor),
        build(lambda net, read: net.extra(read)),
    )
    layered.extra = nn.Conv2d(4, 4, 1, groups=4, bias=False).double()
    nn.init.constant_(layered.extra.weight, factor)
    (found, _), (expected, _) = (explain(net, epsilon=0.05) for net in (scaled, layered))
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        *(
            torch.autograd.grad(maps.abs().sum(), [net.first.weight, net.deep.weight])
            for maps, net in ((found, scaled), (expected, layered))
        ),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


REFUSED: dict[str, tuple[Step, str]] = {
    "product": (lambda net, read: read * net.deep(read), "mul, on two activations"),
    "square": (lambda net, read: read * read, "mul, on two activations"),
    "undeclared gate": (lambda net, read: read * net.deep(read).mean((2, 3), True), "mul, on two"),
    "in place": (lambda net, read: net.deep(read).mul_(read), "mul_, on two activations"),
    "matrix product": (lambda net, read: read @ read, "matmul, on two activations"),
    "einsum": (lambda net, read: torch.einsum("bchw,bchw->bchw", read, read), "einsum, on two"),
    "quotient": (lambda net, read: read / (read + 1), "div, on two activations"),
    "own kernel": (lambda net, read: F.conv2d(read, read[:, :, :1, :1].expand(-1, 4, 1, 1)),
                   "conv2d, on two activations"),
    "own kernel by name": (lambda net, read: F.linear(input=read, weight=read[0, 0]),
                           "linear, on two activations"),
    "reciprocal": (lambda net, read: 1 / (read + 1), "__rdiv__, which"),
    "clamp": (lambda net, read: torch.clamp(read, 0, 0.5), "clamp, which"),
    "clamp method": (lambda net, read: read.clamp_min(0.1), "clamp_min, which"),
    "clamp in place": (lambda net, read: net.deep(read).clamp_(0, 1), "clamp_, which"),
    "absolute": (lambda net, read: read.abs(), "abs, which"),
    "absolute function": (lambda net, read: torch.abs(net.deep(read)), "abs, which"),
    "builtin absolute": (lambda net, read: abs(net.deep(read)), "abs, which"),
    "power": (lambda net, read: read**2, "pow, which"),
    "root": (lambda net, read: (read + 1).sqrt(), "sqrt, which"),
    "maximum of two": (lambda net, read: torch.maximum(read, net.deep(read)), "maximum, which"),
    "where": (lambda net, read: torch.where(net.mask > 0, read, 0), "where, which"),
    "comparison": (lambda net, read: read * (net.deep(read) > 0), "gt, which"),
    "norm": (lambda net, read: read / read.norm(), "norm, which"),
    "normalised": (lambda net, read: F.normalize(read), "normalize, which"),
    "layer norm": (lambda net, read: F.layer_norm(read, (8,)), "layer_norm, which"),
    "gelu": (lambda net, read: F.gelu(read), "gelu, which"),
    "sigmoid": (lambda net, read: read * read.sigmoid(), "sigmoid, which"),
    "operator": (lambda net, read: torch.ops.aten.sigmoid(read), "sigmoid"),
    "attention": (lambda net, read: F.scaled_dot_product_attention(read, read, read),
                  "scaled_dot_product_attention, which"),
    "detached": (lambda net, read: read + net.deep(read).detach(), "detach, which"),
    "data": (lambda net, read: read + net.deep(read).data, "data, which"),
    "a value": (lambda net, read: read * read.sum().item(), "item, which"),
    "whole numbers": (lambda net, read: read * read.to(torch.long), "to, which"),
    "assigned": (lambda net, read: net.deep(read).index_fill_(1, torch.tensor([0]), 0.0),
                 "index_fill_, which"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_unknown_is_refused_by_name_and_place(case):
    step, message = REFUSED[case]
    with pytest.raises(ValueError, match=rf"layer '' \(test_passable.py:\d+\) calls {message}"):
        explain(build(step), epsilon=0.01)


def test_what_hides_from_the_graph_is_refused():
    def hidden(net: Calling, read: Tensor) -> Tensor:
        with torch.no_grad():
            mask = torch.relu(read)
        return read * mask

    with pytest.raises(ValueError, match=r"calls relu, without gradients"):
        explain(build(hidden), epsilon=0.01)


def test_an_own_function_of_autograd_is_refused_by_what_it_calls():
    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx, read: Tensor) -> Tensor:
            return read * torch.sigmoid(read)

        @staticmethod
        def backward(ctx, gradient: Tensor) -> Tensor:
            return gradient

    with pytest.raises(ValueError, match="calls sigmoid"):
        explain(build(lambda _net, read: Swish.apply(read)), epsilon=0.01)


class Squared(nn.Conv2d):
    """A convolution of the squared input."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.square())


class Leaking(nn.ReLU):
    """A ReLU that is none."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.maximum(inputs, 0.1 * inputs)


def test_a_layer_with_a_forward_pass_of_its_own_is_no_known_layer():
    network = build(lambda net, read: net.own(read))
    network.own = Squared(4, 4, 1).double()
    with pytest.raises(
        ValueError, match=r"layer 'own' \(test_passable.py:\d+\) calls square, which"
    ):
        explain(network, epsilon=0.01)
    network.own = Leaking()
    with pytest.raises(ValueError, match="layer 'own' is a Leaking, which relevance cannot pass"):
        prepare(network, gates=("gate",))


def test_a_layer_that_the_caller_vouches_for_may_call_anything():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), Vouched(), nn.Flatten(), nn.Linear(72, 2)).double()
    with pytest.raises(ValueError, match="layer '1' is a Vouched"):
        prepare(network)
    with prepare(network, also_linear=(Vouched,)).record() as recording:
        logits = network(images())
    assert recording.heatmaps(logits).isfinite().all()


class Vouched(nn.Module):
    """Reads every second channel with a function that is on no list."""

    def forward(self, read: Tensor) -> Tensor:
        return read.masked_fill(torch.tensor([True, False])[:, None, None], 0)
