"""Make a ReLU network explainable without changing what it computes.

>>> prepared = prepare(network)
>>> with prepared.record(epsilon=1e-2) as recording:
...     logits = network(images)
>>> heatmaps = recording.heatmaps(logits[:, 0])
>>> prepared.restore()
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from isnet_cxr.classification.lrp.conventions import StandIn
from isnet_cxr.classification.lrp.gradient.functions import RelevanceReLU
from isnet_cxr.classification.lrp.gradient.gates import RelevanceGate
from isnet_cxr.classification.lrp.gradient.interception import Interception
from isnet_cxr.classification.lrp.gradient.layers import (
    ExplainableBatchNorm,
    ExplainableReLU,
    Recorder,
)
from isnet_cxr.classification.lrp.gradient.passable import LINEAR_LEAVES
from isnet_cxr.classification.lrp.gradient.recording import Recording
from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch
from isnet_cxr.data.errors import InputError

WATCHED = (_ConvNd, nn.Linear, ExplainableBatchNorm, ExplainableReLU)


@dataclass(frozen=True)
class Change:
    """One layer or function that was exchanged.

    Attributes:
        name: Its dotted name in the network; for a function, the calling layer, file and line.
        before: Name of the layer's class or of the function that stood there.
        after: Name of what stands there now.
    """

    name: str
    before: str
    after: str


class PreparedNetwork:
    """A network whose forward passes can be recorded and explained.

    Attributes:
        network: The network itself; call it as ever.
        changes: What was exchanged, in the network's order. ReLUs that the network calls as
            functions are found, exchanged and added when it is first recorded.
        gates: Names of the layers that relevance passes as constants.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        gates: Sequence[str] = (),
        also_linear: tuple[type[nn.Module], ...] = (),
    ) -> None:
        """Exchange the layers of ``network``; see ``prepare``."""
        self.network = network
        self.gates = tuple(gates)
        self._also_linear = also_linear
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
            return ExplainableReLU(self._recorder, in_place=layer.inplace)
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

    def _report(self, place: str, function: str) -> None:
        """Note a ReLU that a layer calls as a function, once."""
        change = Change(place, function, RelevanceReLU.__name__)
        if change not in self.changes:
            self.changes.append(change)

    def _intercept(self, recording: Recording) -> Interception:
        return Interception(
            self.network,
            recording,
            gates=self.gates,
            linear=self._also_linear,
            report=self._report,
        )

    @contextmanager
    def record(self, *, epsilon: float = 1e-2, layers: Sequence[str] = ()) -> Iterator[Recording]:
        """Record the forward passes of this thread inside the block, for explanation.

        Inside, batch norm in training mode normalises by the batch but leaves its running
        statistics alone: the explained part of a batch is too small to estimate them.

        Args:
            epsilon: Stabiliser of LRP-epsilon at the ReLUs; 0 makes it LRP-0, gradient x input.
            layers: Dotted names of hidden layers, or of groups of them, whose outputs get heatmaps
                of their own (``Recording.layer_heatmaps``).

        Yields:
            What makes heatmaps of the recorded outputs, during the block or after it.
        """
        if epsilon < 0:
            raise InputError(f"epsilon must be at least 0, got {epsilon}")
        unknown = [name for name in layers if name not in dict(self.network.named_modules())]
        if unknown:
            raise InputError(f"the network has no layer {unknown[0]!r} to be explained")
        if self._recorder.switch is not None:
            raise RuntimeError("this network is being recorded in this thread already")
        recording = Recording(RelevanceSwitch(epsilon))
        watches = [
            layer.register_forward_hook(recording.watch)
            for layer in self.network.modules()
            if isinstance(layer, WATCHED)
        ]
        watches += [
            self.network.get_submodule(gate).register_forward_hook(_gate(recording.switch))
            for gate in self.gates
        ]
        watches += [
            self.network.get_submodule(name).register_forward_hook(recording.watch_hidden(name))
            for name in layers
        ]
        start = self.network.register_forward_pre_hook(recording.start)
        self._recorder.switch = recording.switch
        try:
            with self._intercept(recording):
                yield recording
        finally:
            self._recorder.switch = None
            start.remove()
            for watch in watches:
                watch.remove()


def _gate(switch: RelevanceSwitch) -> Callable[[nn.Module, Any, Tensor], Any]:
    """Return a forward hook that makes a layer's output a constant in the relevance pass."""

    def hook(_layer: nn.Module, _arguments: Any, output: Tensor) -> Any:
        return RelevanceGate.apply(output, switch)  # type: ignore[no-untyped-call]

    return hook


def prepare(
    network: nn.Module,
    *,
    gates: Sequence[str] = (),
    also_linear: tuple[type[nn.Module], ...] = (),
) -> PreparedNetwork:
    """Exchange the ReLUs and batch norms of ``network`` for layers that can be recorded.

    Predictions, parameters, buffers and ``state_dict`` stay what they were.

    Args:
        network: A classifier made of convolutions, linear layers, batch norm, ReLU, pooling,
            dropout, sums and concatenations.
        gates: Dotted names of layers whose output multiplies a signal (an attention's sigmoid);
            relevance passes them as constants, whatever they are made of. What they read is not in
            the heatmap, so background can still act through them.
        also_linear: Own layers without parts of their own that the caller vouches for: linear, or
            linear at fixed winners.

    Raises:
        InputError: If a layer is not one of these, or is prepared already; the message names it.
    """
    for gate in gates:
        if gate not in dict(network.named_modules()):
            raise InputError(f"the network has no layer {gate!r} to be a gate")
    for name, layer in network.named_modules():
        if isinstance(layer, StandIn):
            raise InputError(f"layer {name!r} is prepared already: expected a restored network")
        if any(True for _ in layer.children()) or _is_in(name, gates):
            continue
        if not (isinstance(layer, (*LINEAR_LEAVES, *also_linear)) or _can_be_exchanged(layer)):
            raise InputError(
                f"layer {name!r} is a {type(layer).__name__}, which relevance cannot pass: "
                "expected convolutions, linear layers, batch norm, ReLU, pooling or dropout"
            )
    return PreparedNetwork(network, gates=gates, also_linear=also_linear)


def _can_be_exchanged(layer: nn.Module) -> bool:
    """Whether ``layer`` is a ReLU or batch norm of torch's, and computes what torch's does."""
    forward = type(layer).forward
    if isinstance(layer, nn.ReLU):
        return forward is nn.ReLU.forward
    known = (_BatchNorm.forward, nn.SyncBatchNorm.forward)
    return isinstance(layer, _BatchNorm) and forward in known


def _is_in(name: str, gates: Sequence[str]) -> bool:
    """Whether a layer is a gate or a part of one."""
    return any(name == gate or name.startswith(f"{gate}.") for gate in gates)
