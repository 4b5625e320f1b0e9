"""Make a ReLU network explainable without changing what it computes.

>>> prepared = prepare(network)
>>> with prepared.record(epsilon=1e-2) as recording:
...     logits = network(films)
>>> heatmaps = recording.heatmaps(logits[:, 0])
>>> prepared.restore()
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from classification.lrp.switch import RelevanceSwitch
from classification.lrp.gradient_engine import Recording
from classification.lrp.interception import Interception
from classification.lrp.layers import ExplainableBatchNorm, ExplainableReLU, Recorder

LINEAR_LEAVES: tuple[type[nn.Module], ...] = (
    _ConvNd, nn.Linear, nn.Flatten, nn.Identity, _DropoutNd,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
"""Layers whose gradient already is what LRP-0 does with them, at fixed winners and masks."""


WATCHED = (_ConvNd, nn.Linear, ExplainableBatchNorm, ExplainableReLU)


@dataclass(frozen=True)
class Change:
    """One layer that ``prepare`` exchanged.

    Attributes:
        name: Its dotted name in the network.
        before: Class name of the layer that stood there.
        after: Class name of the layer that stands there now.
    """

    name: str
    before: str
    after: str


class PreparedNetwork:
    """A network whose forward passes can be recorded and explained.

    Attributes:
        network: The network itself; call it as ever.
        changes: What was exchanged, in the network's order.
    """

    def __init__(self, network: nn.Module) -> None:
        """Exchange the layers of ``network``; see ``prepare``."""
        self.network = network
        self.changes: list[Change] = []
        self._recorder = Recorder()
        self._originals: list[tuple[nn.Module, str, nn.Module]] = []
        for name, layer in list(network.named_modules(remove_duplicate=False)):
            self._exchange(name, layer)

    def _exchange(self, name: str, layer: nn.Module) -> None:
        stand_in = self._stand_in(layer)
        if stand_in is None:
            return
        parent_name, _, child = name.rpartition(".")
        parent = self.network.get_submodule(parent_name)
        setattr(parent, child, stand_in)
        self._originals.append((parent, child, layer))
        self.changes.append(Change(name, type(layer).__name__, type(stand_in).__name__))

    def _stand_in(self, layer: nn.Module) -> nn.Module | None:
        if isinstance(layer, nn.ReLU):
            return ExplainableReLU(self._recorder)
        if isinstance(layer, _BatchNorm):
            return ExplainableBatchNorm.standing_in_for(layer, self._recorder)
        return None

    def restore(self) -> nn.Module:
        """Put every original layer back and return the network."""
        for parent, child, layer in self._originals:
            layer.train(getattr(parent, child).training)
            setattr(parent, child, layer)
        self._originals.clear()
        return self.network

    @contextmanager
    def record(self, *, epsilon: float = 1e-2) -> Iterator[Recording]:
        """Record the forward passes of this thread inside the block, for explanation.

        Inside, batch norm in training mode normalises by the batch but leaves its running
        statistics alone: the explained part of a batch is too small to estimate them.

        Args:
            epsilon: Stabiliser of LRP-epsilon at the ReLUs; 0 makes it LRP-0, gradient x input.

        Yields:
            What makes heatmaps of the recorded outputs, during the block or after it.
        """
        if epsilon < 0:
            raise ValueError(f"epsilon must be at least 0, got {epsilon}")
        if self._recorder.switch is not None:
            raise RuntimeError("this network is being recorded in this thread already")
        recording = Recording(RelevanceSwitch(epsilon))
        watches = [
            layer.register_forward_hook(recording.watch)
            for layer in self.network.modules()
            if isinstance(layer, WATCHED)
        ]
        start = self.network.register_forward_pre_hook(recording.start)
        self._recorder.switch = recording.switch
        try:
            with Interception(recording.switch):
                yield recording
        finally:
            self._recorder.switch = None
            start.remove()
            for watch in watches:
                watch.remove()


def prepare(network: nn.Module) -> PreparedNetwork:
    """Exchange the ReLUs and batch norms of ``network`` for layers that can be recorded.

    Predictions, parameters, buffers and ``state_dict`` stay what they were.

    Args:
        network: A classifier made of convolutions, linear layers, batch norm, ReLU, pooling,
            dropout, sums and concatenations.

    Raises:
        ValueError: If a layer is not one of these; the message names it.
    """
    for name, layer in network.named_modules():
        if any(True for _ in layer.children()):
            continue
        if not isinstance(layer, (*LINEAR_LEAVES, nn.ReLU, _BatchNorm)):
            raise ValueError(
                f"layer {name!r} is a {type(layer).__name__}, which relevance cannot pass: "
                "expected convolutions, linear layers, batch norm, ReLU, pooling or dropout"
            )
    return PreparedNetwork(network)
