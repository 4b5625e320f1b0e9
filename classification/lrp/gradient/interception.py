"""What a network calls by itself, outside of layers, while it is recorded.

Convolutions and concatenations are exchanged for equal ones that are cheaper to differentiate
twice. ReLUs that are called as functions are exchanged and reported. Every function that is not
known to be passable (``passable``) is an error that says where it is called.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from isnet_cxr.classification.lrp.conventions import StandIn
from isnet_cxr.classification.lrp.gradient.concatenation import RelevanceConcatenation
from isnet_cxr.classification.lrp.gradient.convolution import Geometry, RelevanceConvolution
from isnet_cxr.classification.lrp.gradient.functions import RelevanceReLU
from isnet_cxr.classification.lrp.gradient.passable import (
    CASTS,
    LINEAR_IN_FIRST,
    LINEAR_LEAVES,
    PASSABLE,
    PRODUCTS,
    RELUS,
    RELUS_IN_PLACE,
    SHAPES,
    SIZES,
    Function,
    is_attribute,
    name_of,
)
from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch
from isnet_cxr.data.errors import InputError

CONVOLUTIONS: dict[Function, int] = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
CONCATENATIONS = {torch.cat, torch.concat, torch.concatenate}


class Recorded(Protocol):
    """What an interception needs to know of a recording."""

    switch: RelevanceSwitch

    def is_pixels(self, tensor: Tensor) -> bool:
        """Whether a tensor is the images, or a view of their pixels."""

    def depends_on_pixels(self, tensor: Tensor) -> bool:
        """Whether relevance of a tensor would go on to the images: it is an activation."""

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
        linear: tuple[type[nn.Module], ...],
        report: Callable[[str, str], None],
    ) -> None:
        """Intercept what layers of ``network`` call.

        Args:
            network: Recorded.
            recording: Its switch goes to the functions that stand in.
            gates: Names of layers in which every function may be called.
            linear: Layers in which every function may be called, as the caller vouches for them.
            report: Called with place and name of each ReLU called as a function.
        """
        super().__init__()
        self._names = {id(layer): name for name, layer in network.named_modules()}
        self._recording = recording
        self._gates, self._linear = gates, linear
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
        if func not in PASSABLE or not torch.is_grad_enabled():
            self._check_factors(func, args, options, at_most=0)
        elif func in LINEAR_IN_FIRST:
            others = {name: value for name, value in options.items() if name != "input"}
            self._check_factors(func, args[1:], others, at_most=0)
        elif func in PRODUCTS:
            self._check_factors(func, args, options, at_most=1)
        result = self._call(func, args, options)
        if func in CASTS and isinstance(result, Tensor) and not result.is_floating_point():
            self._check_factors(func, args, options, at_most=0)
        if self._is_pixels(args) or (options and self._is_pixels(list(options.values()))):
            self._check_reader(func, result)
        return result

    def _call(self, func: Function, args: Sequence[Any], options: dict[str, Any]) -> Any:
        if func in CONVOLUTIONS:
            return self._convolve(func, *args, **options)
        if func in CONCATENATIONS:
            return self._concatenate(*args, **options)
        if func in RELUS or func in RELUS_IN_PLACE:
            return self._rectify(func, *args, **options)
        return func(*args, **options)

    def _is_pixels(self, argument: Any) -> bool:
        """Whether an argument is the images, or has them among others."""
        if isinstance(argument, list | tuple):
            return any(map(self._is_pixels, argument))
        return isinstance(argument, Tensor) and self._recording.is_pixels(argument)

    def _check_reader(self, func: Function, result: Any) -> None:
        """Raise if something else than a first layer computed ``result`` from the images."""
        if func in SIZES or is_attribute(func):
            return
        if func in SHAPES and all(map(self._recording.is_pixels, _tensors_in(result))):
            return  # a view is looked at when it is read
        layer = self._running()[0]
        if layer is not None and not isinstance(layer, _ConvNd | nn.Linear):
            raise InputError(
                f"layer {self._place()} calls {name_of(func)} on the images: only a convolution or "
                "linear layer reads the images directly, keep preprocessing outside the network"
            )

    def _check_factors(
        self, func: Function, args: Sequence[Any], options: dict[str, Any], *, at_most: int
    ) -> None:
        """Raise if more than ``at_most`` of what ``func`` reads are activations.

        What has no graph is none: nothing that would take an activation's graph away is passable.
        """
        suspects = [tensor for tensor in _tensors_in(args) if tensor.grad_fn is not None]
        if options:
            suspects += [t for t in _tensors_in(options.values()) if t.grad_fn is not None]
        if len(suspects) <= at_most or is_attribute(func):
            return
        if self._is_trusted(self._running()[0]):
            return
        for tensor in reversed(suspects):  # gates and weights, which are soon known, come last
            at_most -= self._recording.depends_on_pixels(tensor)
            if at_most < 0:
                self._refuse(func)

    def _is_trusted(self, layer: nn.Module | None) -> bool:
        """Whether any function may be called here: beside the network, or in a known layer."""
        if layer is None or isinstance(layer, (StandIn, *self._linear)):
            return True
        if isinstance(layer, LINEAR_LEAVES) and type(layer).__module__.startswith("torch.nn."):
            return True
        name = self._names[id(layer)]
        return any(name == gate or name.startswith(f"{gate}.") for gate in self._gates)

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

    def _refuse(self, func: Function) -> NoReturn:
        """Raise, saying what kept ``func`` from being passable."""
        if not torch.is_grad_enabled() and func in PASSABLE:
            why = "without gradients, so that relevance cannot pass"
        elif func in PRODUCTS or func in LINEAR_IN_FIRST:
            why = "on two activations, which relevance cannot pass (name a gate in prepare(gates))"
        else:
            why = "which relevance cannot pass"
        raise InputError(
            f"layer {self._place()} calls {name_of(func)}, {why}: expected ReLU, batch norm as a "
            "layer, convolutions, linear layers, pooling, sums, concatenations, reshaping"
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


def _tensors_in(values: Any) -> Iterator[Tensor]:
    """Yield the tensors among ``values``, also those in lists of them."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Iterable) and not isinstance(values, str):
        for value in values:
            if isinstance(value, Tensor):
                yield value
            elif isinstance(value, list | tuple):
                yield from _tensors_in(value)


def _each(value: Any, dims: int) -> tuple[int, ...]:
    """Return one number per dimension; torch repeats a single one."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * dims if len(values) == 1 else values
