"""What a network calls by itself, outside of layers, while it is recorded.

Convolutions and concatenations are exchanged for equal ones that are cheaper to differentiate
twice. ReLUs that are called as functions are exchanged and reported. Functions that relevance
cannot pass are an error that says where they are called.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from isnet_cxr.classification.lrp.concatenation import RelevanceConcatenation
from isnet_cxr.classification.lrp.convolution import Geometry, RelevanceConvolution
from isnet_cxr.classification.lrp.functions import RelevanceReLU
from isnet_cxr.classification.lrp.switch import RelevanceSwitch

Function = Callable[..., Any]
CONVOLUTIONS: dict[Function, int] = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
RELUS = (F.relu, torch.relu, Tensor.relu)
RELUS_IN_PLACE = (F.relu_, torch.relu_, Tensor.relu_)
IMPASSABLE = (
    F.relu6, F.leaky_relu, F.prelu, F.rrelu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish,
    F.softplus, F.hardswish, F.hardsigmoid, F.hardtanh, F.sigmoid, F.tanh, F.logsigmoid,
    F.softmax, F.log_softmax, F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm,
    F.local_response_norm, F.normalize, F.scaled_dot_product_attention,
    torch.sigmoid, torch.tanh, torch.softmax, torch.exp,
    Tensor.sigmoid, Tensor.sigmoid_, Tensor.tanh, Tensor.softmax, Tensor.exp,
)  # fmt: skip
"""Functions that are neither ReLU nor linear at fixed winners; batch norm must be a layer."""


class Recorded(Protocol):
    """What an interception needs to know of a recording."""

    switch: RelevanceSwitch

    def is_pixels(self, tensor: Tensor) -> bool:
        """Whether a tensor is the images, or a view of their pixels."""

    def watch_relu(self, read: Tensor, output: Tensor) -> None:
        """Note a ReLU that read one tensor and returned another."""


class Interception(TorchFunctionMode):
    """Stands between a network and torch's functions, in one thread, during one recording."""

    def __init__(
        self,
        network: nn.Module,
        recording: Recorded,
        *,
        gates: Sequence[str],
        report: Callable[[str, str], None],
    ) -> None:
        """Intercept what layers of ``network`` call.

        Args:
            network: Recorded.
            recording: Its switch goes to the functions that stand in.
            gates: Names of layers in which every function may be called.
            report: Called with place and name of each ReLU called as a function.
        """
        super().__init__()
        self._names = {id(layer): name for name, layer in network.named_modules()}
        self._recording = recording
        self._gates = gates
        self._report = report

    def __torch_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` or what stands in for it."""
        options = kwargs or {}
        if func in IMPASSABLE:
            self._refuse(func)
        if func in CONVOLUTIONS:
            result = self._convolve(func, *args, **options)
        elif func is torch.cat:
            result = self._concatenate(*args, **options)
        elif func in RELUS or func in RELUS_IN_PLACE:
            result = self._rectify(func, *args, **options)
        else:
            result = func(*args, **options)
        if isinstance(result, Tensor) and any(map(self._is_pixels, args)):
            self._check_reader(func, result)
        return result

    def _is_pixels(self, argument: Any) -> bool:
        """Whether an argument is the images, or has them among others."""
        if isinstance(argument, list | tuple):
            return any(map(self._is_pixels, argument))
        return isinstance(argument, Tensor) and self._recording.is_pixels(argument)

    def _check_reader(self, func: Function, result: Tensor) -> None:
        """Raise if something else than a first layer computed ``result`` from the images."""
        layer = self._running()[0]
        if layer is None or isinstance(layer, _ConvNd | nn.Linear):
            return
        if not self._recording.is_pixels(result):  # a view is looked at when it is read
            raise ValueError(
                f"layer {self._place()} calls {func.__name__} on the images: only a convolution or "
                "linear layer reads the images directly, keep preprocessing outside the network"
            )

    def _convolve(
        self,
        func: Function,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Any:
        dims = CONVOLUTIONS[func]
        if isinstance(padding, str) or input.dim() != dims + 2:
            return func(input, weight, bias, stride, padding, dilation, groups)
        kind = input.device.type
        if torch.is_autocast_enabled(kind):  # custom functions are on autocast's no list
            dtype = torch.get_autocast_dtype(kind)
            input, weight = input.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        geometry = Geometry(
            _each(stride, dims), _each(padding, dims), _each(dilation, dims), groups
        )
        switch = self._recording.switch
        return RelevanceConvolution.apply(input, weight, bias, geometry, switch)  # type: ignore[no-untyped-call]

    def _concatenate(self, tensors: Sequence[Tensor], dim: int = 0) -> Any:
        if len({tensor.dtype for tensor in tensors}) > 1:
            return torch.cat(list(tensors), dim)
        return RelevanceConcatenation.apply(dim, self._recording.switch, *tensors)  # type: ignore[no-untyped-call]

    def _rectify(self, func: Function, input: Tensor, inplace: bool = False) -> Any:
        place = self._place()
        if place is None:  # called by the user, beside the network
            return func(input, inplace) if func is F.relu else func(input)
        self._report(place, func.__name__)
        in_place = inplace or func in RELUS_IN_PLACE
        output = RelevanceReLU.apply(input, self._recording.switch, in_place)  # type: ignore[no-untyped-call]
        self._recording.watch_relu(input, output)
        return output

    def _refuse(self, func: Function) -> None:
        """Raise if ``func`` is called by a layer of the network that is no gate."""
        place = self._place()
        if place is None or any(
            place.startswith((f"'{gate}'", f"'{gate}.")) for gate in self._gates
        ):
            return
        raise ValueError(
            f"layer {place} calls {func.__name__}, which relevance cannot pass: expected ReLU, "
            "batch norm as a layer, convolutions, linear layers, pooling, sums, concatenations"
        )

    def _place(self) -> str | None:
        """Return name, file and line of the innermost layer that is running."""
        layer, place = self._running()
        return None if layer is None else f"{self._names[id(layer)]!r} ({place})"

    def _running(self) -> tuple[nn.Module | None, str]:
        """Return the innermost layer that is running, with file and line."""
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            layer = frame.f_locals.get("self")
            if isinstance(layer, nn.Module) and id(layer) in self._names:
                file = frame.f_code.co_filename.rpartition("/")[2]
                return layer, f"{file}:{frame.f_lineno}"
        return None, ""


def _each(value: Any, dims: int) -> tuple[int, ...]:
    """Return one number per dimension; torch repeats a single one."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * dims if len(values) == 1 else values
