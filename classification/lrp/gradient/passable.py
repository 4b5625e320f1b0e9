"""What relevance can pass: the only layers and functions that a network may be made of.

All are linear in the activations, or linear as long as winners and masks stay the same: there the
gradient is what LRP-0 does. ReLU and batch norm, which are not, have functions of their own.
Whatever is not listed is refused by name, so that torch's next function is refused as well.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.padding import _ConstantPadNd

Function = Callable[..., Any]

LINEAR_LEAVES: tuple[type[nn.Module], ...] = (
    _ConvNd, nn.Linear, nn.Flatten, nn.Identity, nn.Upsample, _DropoutNd, _ConstantPadNd,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
"""Layers whose gradient already is what LRP-0 does with them, at fixed winners and masks."""


def _named(names: str) -> frozenset[Function]:
    """Find the functions of these names wherever torch has one, tensors' methods among them."""
    places: Iterable[Any] = (torch, Tensor, F)
    found = (getattr(place, name, None) for name in names.split() for place in places)
    return frozenset(function for function in found if callable(function))


SIZES = _named(
    "size dim ndimension numel stride storage_offset untyped_storage data_ptr element_size "
    "get_device is_contiguous is_floating_point is_complex __len__ __repr__ __format__ __hash__"
)
"""Functions that return no values of activations."""

SHAPES = _named(
    "view view_as reshape reshape_as flatten unflatten permute transpose t movedim moveaxis "
    "swapaxes swapdims squeeze unsqueeze expand expand_as broadcast_to contiguous chunk split "
    "tensor_split unbind narrow select __getitem__ index_select roll flip repeat tile "
    "repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle clone to type type_as float "
    "double half bfloat16 cpu cuda"
)
"""Functions that move activations; indices are not computed from activations, as none can be."""

SUMS = _named(
    "add add_ sub sub_ subtract __rsub__ neg negative sum mean stack cat concat concatenate"
)
CONSTANTS = _named(
    "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty "
    "new_full"
)
"""Functions that take nothing but shape, dtype and device from an activation."""

WINDOWS = _named(
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
    "max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amax "
    "interpolate upsample pad dropout dropout1d dropout2d dropout3d alpha_dropout "
    "feature_alpha_dropout"
)
RELUS = _named("relu") | {F.relu}
RELUS_IN_PLACE = _named("relu_")

LINEAR_IN_FIRST = _named(
    "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d div div_ "
    "divide true_divide"
)
"""Functions that are linear in their first argument as long as the others are no activations."""

PRODUCTS = _named("mul mul_ multiply matmul mm bmm einsum")
"""Functions that are linear as long as at most one argument is an activation."""

PASSABLE = SIZES | SHAPES | SUMS | CONSTANTS | WINDOWS | LINEAR_IN_FIRST | PRODUCTS
PASSABLE |= RELUS | RELUS_IN_PLACE

CASTS = _named("to type type_as view")
"""Passable functions that take the graph away where they turn activations into whole numbers."""

VALUES = frozenset({"data", "grad", "real", "imag", "H", "mH"})
"""Attributes of tensors that have values of an activation, and are not passable."""


def is_attribute(func: Function) -> bool:
    """Whether ``func`` reads an attribute of a tensor that is not its values: shape, device, ..."""
    return func.__name__ == "__get__" and name_of(func) not in VALUES


def name_of(func: Function) -> str:
    """Name a function, method or attribute as its callers write it."""
    name: str = func.__name__
    owner = getattr(func, "__self__", None)
    return str(getattr(owner, "__name__", name)) if name in {"__get__", "__set__"} else name
