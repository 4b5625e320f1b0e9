"""What flows inside a network, looked at from outside: features and the last maps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from isnet_cxr.data.errors import InputError

MISSING = {
    nn.Linear: "nn.Linear: expected one that makes the logits of the pooled features",
    nn.ReLU: "nn.ReLU on maps (B, F, h, w): expected one behind the last convolution",
}
"""What a network lacks that has no layer of a kind."""


@dataclass
class Kept:
    """What the last forward pass left behind; the later passes of a block replace the earlier."""

    kind: type[nn.Module]
    found: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """What was kept.

        Raises:
            InputError: If the network has no such layer.
        """
        if self.found is None:
            raise InputError(f"the network has no {MISSING[self.kind]}")
        return self.found


def require_layer(network: nn.Module, kind: type[nn.Module]) -> None:
    """Refuse a network without a layer of ``kind``, ``nn.Linear`` or ``nn.ReLU``.

    Functions that a network calls instead (``torch.relu``) cannot be looked at from outside.

    Raises:
        InputError: If there is none.
    """
    if not any(isinstance(layer, kind) for layer in network.modules()):
        raise InputError(f"network: the network has no {MISSING[kind]}")


@contextmanager
def input_of_last_linear(network: nn.Module) -> Iterator[Kept]:
    """Keep, in the block, what the last ``nn.Linear`` to run gets: the features, (B, F)."""
    kept = Kept(nn.Linear)

    def keep(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        kept.found = given[0]

    with _hooked(network, nn.Linear, lambda layer: layer.register_forward_pre_hook(keep)):
        yield kept


@contextmanager
def last_maps(network: nn.Module) -> Iterator[Kept]:
    """Keep, in the block, what the last ``nn.ReLU`` on maps gives: (B, F, h, w)."""
    kept = Kept(nn.ReLU)

    def keep(_layer: nn.Module, _given: tuple[Tensor, ...], output: Tensor) -> None:
        if output.dim() == 4:  # noqa: PLR2004  (B, F, h, w)
            kept.found = output

    with _hooked(network, nn.ReLU, lambda layer: layer.register_forward_hook(keep)):
        yield kept


@contextmanager
def before_relus(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collect, in the block, what every ``nn.ReLU`` of ``network`` gets, in order."""
    seen: list[Tensor] = []

    def keep(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append(given[0].clone() if getattr(layer, "inplace", False) else given[0])

    with _hooked(network, nn.ReLU, lambda layer: layer.register_forward_pre_hook(keep)):
        yield seen


@contextmanager
def _hooked(
    network: nn.Module, kind: type[nn.Module], register: Callable[[nn.Module], RemovableHandle]
) -> Iterator[None]:
    """Hook, in the block, every layer of ``kind``."""
    hooks = [register(layer) for layer in network.modules() if isinstance(layer, kind)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
