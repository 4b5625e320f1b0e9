"""Networks that only predict, made faster: the same function with less to do.

In evaluation mode, a batch norm is one more multiplication by constants: folded into the
convolution before it, it takes no time. Layers in a row are called as functions, since to call a
module costs about what a small layer does. On a CPU, convolutions go to oneDNN, with the ReLU
behind them: on one thread, torch passes those of 1 x 1 pixels to another library, which takes
longer. A heatmap needs the layers as they were trained, so that nothing that explains is hastened.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Step = tuple[Callable[..., Tensor], tuple[Any, ...]]
NOTHING_TO_DO = (nn.Identity, nn.Dropout, nn.Dropout2d)
KNOWN = ("isnet_cxr.", "monai.")
ONE_DNN = "_convolution_pointwise"
"""What torch calls in the code that it compiles for CPUs; where it is missing, torch chooses."""
PLAIN = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, *NOTHING_TO_DO)


def hasten(network: nn.Module) -> int:
    """Make a network faster, in place.

    Only what stands in a plain ``nn.Sequential`` is touched: there each layer is known to see all
    that the one before it returns, and nothing else to see any of it. Layers that stand in more
    than one place, that have hooks, or that are of a class of their own stay as they are.

    Args:
        network: On its device, in evaluation mode from now on: the same function up to rounding,
            not to be trained, moved or explained any more.

    Returns:
        How many norms were folded.
    """
    network.eval()
    places = Counter(id(module) for _, module in network.named_modules(remove_duplicate=False))
    rows = [
        (block, name, row)
        for block in network.modules()
        for name, row in block.named_children()
        if type(row) is nn.Sequential and not _is_heard(row)
    ]
    folded = 0
    for block, name, row in rows:
        known = {id(layer) for layer in row if places[id(layer)] == 1 and _is_plain(layer)}
        folded += _fold_norms(row, known)
        if len(row) and len(known) == len(row):
            setattr(block, name, _Straight(list(row)))
    return folded


def calls_rows_whole(network: nn.Module) -> bool:
    """Whether a network is one of ours or MONAI's, which take nothing out of a row's middle.

    Somebody else's may go through a row layer by layer, and see what folding changes.
    """
    return type(network).__module__.startswith(KNOWN)


def _fold_norms(row: nn.Sequential, known: set[int]) -> int:
    """Fold norms into the convolutions before them, and return how many."""
    folded = 0
    for (here, convolution), (after, norm) in itertools.pairwise(list(row.named_children())):
        if not {id(convolution), id(norm)} <= known:
            continue
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(row, here, fuse_conv_bn_eval(convolution, norm))
            setattr(row, after, nn.Identity())
            folded += 1
    return folded


def _is_heard(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _is_plain(layer: nn.Module) -> bool:
    """Whether a layer is torch's own, nobody listens to it, and it does not measure its input."""
    measures = isinstance(layer, nn.BatchNorm2d) and layer.running_mean is None
    pads = isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros"
    return type(layer) in PLAIN and not (measures or pads or _is_heard(layer))


class _Straight(nn.Module):
    """Plain layers in a row, called as functions."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self._steps = _steps([layer for layer in layers if not isinstance(layer, NOTHING_TO_DO)])

    def forward(self, features: Tensor) -> Tensor:
        for function, arguments in self._steps:
            features = function(features, *arguments)
        return features


def _steps(layers: Sequence[nn.Module]) -> list[Step]:
    """Return what to call; a ReLU that its convolution does as well is no step of its own."""
    steps: list[Step] = []
    left = list(layers)
    while left:
        layer = left.pop(0)
        if not (isinstance(layer, nn.Conv2d) and _is_for_one_dnn(layer)):
            steps.append(_step(layer))
            continue
        rectified = bool(left) and isinstance(left[0], nn.ReLU)
        steps.append(_one_dnn(layer, "relu" if rectified else "none"))
        left = left[rectified:]
    return steps


def _is_for_one_dnn(layer: nn.Conv2d) -> bool:
    return (
        layer.weight.device.type == "cpu"
        and layer.weight.dtype == torch.float32
        and not isinstance(layer.padding, str)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, ONE_DNN)
    )


def _one_dnn(layer: nn.Conv2d, then: str) -> Step:
    """Return the call of a convolution by oneDNN, with "relu" or "none" behind it."""
    how = [list(one) for one in (layer.padding, layer.stride, layer.dilation)]
    arguments = (layer.weight, layer.bias, *how, layer.groups, then, [], "")
    return getattr(torch.ops.mkldnn, ONE_DNN), arguments


def _step(layer: nn.Module) -> Step:
    if isinstance(layer, nn.Conv2d):
        how = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return torch.conv2d, (layer.weight, layer.bias, *how)
    if isinstance(layer, nn.BatchNorm2d):
        constants = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        quick = torch.backends.cudnn.enabled
        return torch.batch_norm, (*constants, False, 0.0, layer.eps, quick)
    inplace = isinstance(layer, nn.ReLU) and layer.inplace
    return torch.relu_ if inplace else torch.relu, ()
