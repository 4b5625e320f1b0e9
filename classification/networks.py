"""Classifier networks by name, two-dimensional, one grey channel, all with ReLU.

MONAI's for GPUs. For CPUs a small DenseNet, a simple stack of convolutions and one that sees finely
and widely at once: the heatmap loss's gradient is far less noisy in a shallow network
(``docs/method.md``), and a few thousand images teach it in minutes.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isnet_cxr.classification.context_network import ContextNet
from isnet_cxr.classification.explanation import explain_images
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.registry import Registry

KERNELS = ((5, 2), (3, 1), (3, 1), (1, 1), (1, 1))  # size and stride, in the simple stack
HALVINGS = 2  # of its stages end with max pooling


NETWORKS: Registry[Callable[[int], nn.Module]] = Registry("network")
"""Builders by name; each is given the number of classes."""


def build_network(
    name: str, *, classes: int, seed: int, weights: str | None = None, trusted: bool = True
) -> nn.Module:
    """Build a classifier with seeded initial weights.

    Args:
        name: One of ``NETWORKS``, or ``package.module:callable``, which is called with ``classes``
            as a keyword.
        classes: Outputs (logits), at least two.
        seed: Same seed, same weights; the global generator is left as it was.
        weights: A safetensors file to take the weights from.
        trusted: Whether an import path comes from the user. One that a model package names is
            followed only into a module that the user has imported, as an extension.

    Returns:
        Maps images (B, 1, H, W) in [0, 1] to logits (B, classes).

    Raises:
        InputError: If there is no such network, or the weights do not fit.
    """
    builder = _imported(name, trusted=trusted) if ":" in name else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = NETWORKS[name](classes) if builder is None else builder(classes=classes)
    if weights is not None:
        _load_weights(network, Path(weights))
    return network


def check_network(name: str, *, classes: int, size_px: int, weights: str | None = None) -> None:
    """Find out before a training whether a network can be had.

    Networks of ours are only looked up; a user's own is built, shown an image, and its answer is
    explained, as every test will do after the training.

    Raises:
        InputError: If not; begins with the key.
    """
    try:
        if ":" not in name and weights is None:
            NETWORKS[name]
            return
        network = build_network(name, classes=classes, seed=0, weights=weights)
        if not isinstance(network, nn.Module):
            raise InputError(f"{name} gave a {type(network).__name__}, expected a torch module")
        with torch.no_grad():
            logits = network.eval()(torch.zeros(2, 1, size_px, size_px))
    except InputError as error:
        raise InputError(f"network: {error}") from None
    except Exception as error:  # the user's own code: whatever it raises is theirs to mend
        raise InputError(f"network: {name} does not take images: {_said(error)}") from None
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (2, classes):
        came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"network: {name} maps (2, 1, {size_px}, {size_px}) to {came}, expected (2, {classes})"
        )
    _check_explained(network, name, size_px)


def _check_explained(network: nn.Module, name: str, size_px: int) -> None:
    image = torch.rand(1, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))
    try:
        explain_images(network, image)
    except Exception as error:  # the user's own code, or what relevance cannot pass in it
        raise InputError(f"network: {name} cannot be explained: {_said(error)}") from None


def _said(error: Exception) -> str:
    """Say in one line what the user's code raised."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _imported(name: str, *, trusted: bool) -> Callable[..., nn.Module]:
    """Return the callable that ``package.module:callable`` names."""
    place, _, attribute = name.partition(":")
    if not trusted and place not in sys.modules:
        raise InputError(
            f"network {name!r} is not one of this package's: name its module as an extension"
        )
    try:
        module = importlib.import_module(place)
    except Exception as error:  # the user's own code
        raise InputError(f"network {name!r} cannot be imported: {_said(error)}") from None
    found = getattr(module, attribute, None)
    if not callable(found):
        raise InputError(f"network {name!r}: module {place!r} has no callable {attribute!r}")
    built: Callable[..., nn.Module] = found
    return built


def _load_weights(network: nn.Module, path: Path) -> None:
    from safetensors import SafetensorError  # noqa: PLC0415  not for every network
    from safetensors.torch import load_file  # noqa: PLC0415

    if not path.is_file():
        raise InputError(f"network_weights: {path}: no such file")
    try:
        network.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise InputError(f"network_weights: {path}: no safetensors file: {error}") from None
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise InputError(f"network_weights: {path} does not fit the network: {first}") from None


def _monai(name: str, **shape: Any) -> Callable[[int], nn.Module]:
    """Return a builder of one of MONAI's networks, imported when it is built."""

    def build(classes: int) -> nn.Module:
        from monai.networks import nets  # noqa: PLC0415  seconds to import

        network: nn.Module = getattr(nets, name)(
            spatial_dims=2,
            **({"in_channels": 1, "out_channels": classes} | shape
               if name.startswith("Dense")
               else {"n_input_channels": 1, "num_classes": classes} | shape),
        )  # fmt: skip
        return network

    return build


def _for_cpu(network: nn.Module) -> nn.Module:
    """Keep the weights as CPUs like them: a baseline step takes two thirds of the time."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _convnet(widths: Sequence[int], classes: int) -> nn.Sequential:
    """Stack convolutions, batch norm and ReLU; average what a third of the image gives away.

    The last layers are 1 x 1, so that every unit sees 35 px and no more. Relevance cannot show a
    mark that merely switches a unit off: an idle unit has none. A unit in the lungs that does not
    see the corners cannot be switched off from there.

    Args:
        widths: Channels after each convolution.
        classes: Outputs.
    """
    layers: list[nn.Module] = []
    before = 1
    for number, width in enumerate(widths):
        size, stride = KERNELS[number]
        layers += [
            nn.Conv2d(before, width, size, stride=stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        if number < HALVINGS:
            layers.append(nn.MaxPool2d(2))
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


NETWORKS.register(
    "convnet-small", lambda classes: _for_cpu(_convnet((32, 48, 64, 96, 128), classes))
)
NETWORKS.register("contextnet-small", lambda classes: _for_cpu(ContextNet(classes=classes)))
NETWORKS.register(
    "densenet-small",
    _monai("DenseNet", init_features=24, growth_rate=12, block_config=(3, 4, 6, 4), bn_size=4),
)
for _name in ("DenseNet121", "DenseNet169"):
    NETWORKS.register(_name.lower(), _monai(_name))
for _name in ("resnet18", "resnet50"):
    NETWORKS.register(_name, _monai(_name, conv1_t_stride=2, feed_forward=True))
