"""A network as a graph of layers, each with its kind: what the layer-wise engine walks.

The graph is traced symbolically (torch.fx), once. So it has every use of a re-used layer, the
functional ReLUs, and sums and concatenations, which are no layers at all; and nothing in it works
in place, whatever the network does.
"""

import operator
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from isnet_cxr.classification.lrp.conventions import StandIn
from isnet_cxr.data.errors import InputError


class Kind(Enum):
    """How relevance passes a step of the forward pass."""

    IMAGES = auto()
    OUTPUT = auto()
    SHAPE = auto()  # arithmetic on sizes; no relevance
    PASS = auto()  # reshaping, dropout
    WEIGHTS = auto()  # convolution, linear layer
    AVERAGE = auto()  # whatever has no weights of its own, and none that is negative
    MAXIMUM = auto()
    NORM = auto()
    RELU = auto()
    SUM = auto()
    CONCATENATION = auto()


LAYERS: tuple[tuple[Kind, tuple[type[nn.Module], ...]], ...] = (
    (Kind.WEIGHTS, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)),
    (Kind.NORM, (_BatchNorm,)),
    (Kind.RELU, (nn.ReLU,)),
    (Kind.PASS, (nn.Flatten, _DropoutNd)),
    (Kind.AVERAGE, (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d,
                    nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.Upsample)),
    (Kind.MAXIMUM, (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool1d,
                    nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)),
)  # fmt: skip

FUNCTIONS: dict[Any, Kind] = {
    **dict.fromkeys([F.relu, torch.relu, "relu", "relu_"], Kind.RELU),
    **dict.fromkeys([operator.add, operator.iadd, torch.add, "add", "add_"], Kind.SUM),
    **dict.fromkeys([torch.cat, torch.concat], Kind.CONCATENATION),
    **dict.fromkeys([torch.flatten, "flatten", "view", "reshape", "contiguous"], Kind.PASS),
    **dict.fromkeys([F.avg_pool1d, F.avg_pool2d, F.avg_pool3d], Kind.AVERAGE),
    **dict.fromkeys([F.adaptive_avg_pool1d, F.adaptive_avg_pool2d], Kind.AVERAGE),
    **dict.fromkeys([F.max_pool1d, F.max_pool2d, F.max_pool3d], Kind.MAXIMUM),
}
"""Functions and, by name, methods of tensors."""

SIZES = {"size", "dim", "shape", "ndim"}
"""Methods and attributes of tensors that give sizes."""

SIZE_ARITHMETIC = {operator.getitem, operator.add, operator.sub, operator.mul, operator.floordiv}


class LayerGraph:
    """The steps of a network's forward pass and what each reads.

    Attributes:
        network: The network; its layers are looked up in it at every use.
        images: The step that stands for the network's input.
        logits: The step whose value the network returns.
        steps: All steps, in the order of the forward pass.
    """

    def __init__(self, network: nn.Module) -> None:
        """Trace ``network``; see ``LayerwiseEngine`` for the errors."""
        self.network = network
        tracer = _Tracer()
        try:
            graph = tracer.trace(network)
        except (fx.proxy.TraceError, TypeError, RuntimeError) as error:
            raise InputError(
                f"{type(network).__name__} cannot be traced, expected a forward pass without "
                f"branches that depend on values: {error}"
            ) from error
        self._outputs = tracer.outputs
        self._overwritten: dict[fx.Node, fx.Node] = {}
        self._remove_identities(graph)
        self.steps: list[fx.Node] = list(graph.nodes)
        self._kinds: dict[fx.Node, Kind] = {}
        for step in self.steps:
            self._kinds[step] = self._find_kind(step)
        self._redirect_in_place()
        self.images = self._only(Kind.IMAGES)
        (self.logits,) = self.read(self._only(Kind.OUTPUT))
        for step in self.steps:
            if self.reads_pixels(step) and self.kind(step) not in {Kind.WEIGHTS, Kind.PASS}:
                raise InputError(
                    f"{self.name(step)} reads the images: only a convolution or linear layer may, "
                    "keep preprocessing outside the network"
                )

    def kind(self, step: fx.Node) -> Kind:
        """Say how relevance passes ``step``."""
        return self._kinds[step]

    def read(self, step: fx.Node) -> list[fx.Node]:
        """Steps whose values ``step`` reads, sizes apart; twice what it reads twice."""
        read: list[fx.Node] = []
        fx.node.map_arg((step.args, step.kwargs), read.append)
        return [source for source in read if self.kind(source) is not Kind.SHAPE]

    def readers(self, step: fx.Node) -> list[fx.Node]:
        """Steps that read the value of ``step``, not only its size."""
        return [user for user in step.users if self.kind(user) is not Kind.SHAPE]

    def layer(self, step: fx.Node) -> nn.Module:
        """Look up the layer that ``step`` uses."""
        return self.network.get_submodule(str(step.target))

    def batch_norm(self, step: fx.Node) -> _BatchNorm:
        """Look up the batch norm that ``step`` uses."""
        norm = self.layer(step)
        if not isinstance(norm, _BatchNorm):
            raise TypeError(f"{self.name(step)} is no batch norm")
        return norm

    def name(self, step: fx.Node) -> str:
        """Name ``step`` for messages: a layer by its place, a function by itself."""
        if step.op == "call_module":
            return f"layer {step.target!r} ({type(self.layer(step)).__name__})"
        return f"{getattr(step.target, '__name__', step.target)!r} (step {step.name!r})"

    def output_of(self, name: str) -> fx.Node:
        """Find the step that made the output of the layer, or group of layers, ``name``.

        Where that is overwritten in place, it is the step that overwrote it.

        Raises:
            InputError: If there is no such layer, or it runs twice in a forward pass.
        """
        outputs = self._outputs.get(name, [])
        if len(outputs) != 1:
            found = "runs twice in a forward pass" if outputs else "is none of the network"
            raise InputError(f"layer {name!r} {found}: expected a layer that runs once")
        (step,) = outputs
        while step in self._overwritten:
            step = self._overwritten[step]
        return step

    def is_pixels(self, step: fx.Node) -> bool:
        """Whether the value of ``step`` is the images, perhaps reshaped."""
        while self.kind(step) is Kind.PASS:
            step = self.read(step)[0]
        return self.kind(step) is Kind.IMAGES

    def reads_pixels(self, step: fx.Node) -> bool:
        """Whether ``step`` reads the images, perhaps reshaped."""
        if self.kind(step) is Kind.SHAPE:
            return False
        return any(self.is_pixels(source) for source in self.read(step))

    def fused_with(self, step: fx.Node) -> fx.Node | None:
        """Find the layer that the batch norm ``step`` may form one map with, if any.

        Whether it does depends on the dimensions: behind a linear layer on more than two of them a
        batch norm does not scale the layer's rows.
        """
        (before,) = self.read(step)
        is_linear = self.kind(before) in {Kind.WEIGHTS, Kind.AVERAGE}
        return before if is_linear and len(self.readers(before)) == 1 else None

    def is_first_relu(self, step: fx.Node, fused: Mapping[fx.Node, fx.Node]) -> bool:
        """Whether the ReLU ``step`` stands right behind the first layer, or its batch norm.

        Args:
            step: A ReLU.
            fused: The layer that each batch norm forms one map with.
        """
        (before,) = self.read(step)
        if len(self.readers(before)) > 1:
            return False
        before = fused.get(before, before)
        return self.kind(before) is Kind.WEIGHTS and self.reads_pixels(before)

    def _only(self, kind: Kind) -> fx.Node:
        found = [step for step in self.steps if self.kind(step) is kind]
        if len(found) != 1 or (kind is Kind.OUTPUT and len(self.read(found[0])) != 1):
            raise InputError(f"{type(self.network).__name__} must map one tensor to one tensor")
        return found[0]

    def _find_kind(self, step: fx.Node) -> Kind:
        """Find the kind of ``step`` when those of the steps before it are known."""
        if step.op in {"placeholder", "output"}:
            return Kind.IMAGES if step.op == "placeholder" else Kind.OUTPUT
        if self._is_about_sizes(step):
            return Kind.SHAPE
        kind = self._find_layer_kind(step) if step.op == "call_module" else None
        if step.op in {"call_function", "call_method"}:
            kind = FUNCTIONS.get(step.target)
        is_shifted = kind is Kind.SUM and (len(self.read(step)) != 2 or step.kwargs)  # noqa: PLR2004
        if kind is None or is_shifted:
            raise InputError(
                f"{self.name(step)} is nothing that relevance can pass: expected convolutions, "
                "linear layers, batch norm, ReLU, pooling, dropout, sums of two activations, "
                "concatenations or reshaping"
            )
        return kind

    def _find_layer_kind(self, step: fx.Node) -> Kind | None:
        layer = self.layer(step)
        if isinstance(layer, nn.Upsample) and layer.mode == "bicubic":
            return None  # its weights are of both signs
        return next((kind for kind, layers in LAYERS if isinstance(layer, layers)), None)

    def _is_about_sizes(self, step: fx.Node) -> bool:
        """Whether ``step`` takes a tensor's size, or computes with such sizes only."""
        if step.target in SIZES or (step.target is getattr and step.args[1] in SIZES):
            return True
        return step.target in SIZE_ARITHMETIC and not self.read(step)

    def _remove_identities(self, graph: fx.Graph) -> None:
        """Take ``nn.Identity`` out: it must not stand between a layer and its norm."""
        for step in graph.nodes:
            if step.op == "call_module" and isinstance(self.layer(step), nn.Identity):
                read = step.all_input_nodes[0]
                step.replace_all_uses_with(read)
                self._outputs = {
                    name: [read if output is step else output for output in outputs]
                    for name, outputs in self._outputs.items()
                }
                graph.erase_node(step)

    def _redirect_in_place(self) -> None:
        """Let what reads the input of an in-place step after it read its result, as it would."""
        place = {step: number for number, step in enumerate(self.steps)}
        for step in filter(self._works_in_place, self.steps):

            def reads_later(user: fx.Node, now: int = place[step]) -> bool:
                return place[user] > now

            read = self.read(step)[0]
            self._overwritten[read] = step
            read.replace_all_uses_with(step, delete_user_cb=reads_later)

    def _works_in_place(self, step: fx.Node) -> bool:
        if step.op == "call_module":
            return bool(getattr(self.layer(step), "inplace", False))
        return step.target in {operator.iadd, "add_", "relu_"} or bool(step.kwargs.get("inplace"))


class _Tracer(fx.Tracer):
    """Takes torch's layers, and their stand-ins in a prepared network, as they are.

    Attributes:
        outputs: What left each layer or group of layers, once per use.
    """

    def __init__(self) -> None:
        """Start without outputs."""
        super().__init__()
        self.outputs: dict[str, list[fx.Node]] = {}

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Note what left ``m``."""
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy):
            self.outputs.setdefault(self.path_of_module(m), []).append(output.node)
        return output

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Decide whether to look inside ``m``."""
        if isinstance(m, StandIn):
            return True
        return super().is_leaf_module(m, module_qualified_name)
