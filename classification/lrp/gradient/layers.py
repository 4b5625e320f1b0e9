"""Drop-in layers of a prepared network: ordinary until a forward pass is recorded.

They hold the same parameters and buffers under the same names as the layers they stand in for,
so a prepared network's ``state_dict`` is the network's own.
"""

import threading

import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from isnet_cxr.classification.lrp.conventions import StandIn
from isnet_cxr.classification.lrp.gradient.functions import RelevanceBatchNorm, RelevanceReLU
from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch


class Recorder(threading.local):
    """The recording of the current thread, shared by all layers of one prepared network."""

    switch: RelevanceSwitch | None = None


class ExplainableReLU(StandIn, nn.ReLU):
    """A ReLU that may be used several times in one forward pass, in place or not."""

    def __init__(self, recorder: Recorder, *, in_place: bool) -> None:
        """Listen to ``recorder``; overwrite what is read if the original did."""
        super().__init__(inplace=in_place)
        self.recorder = recorder

    def forward(self, inputs: Tensor) -> Tensor:
        """Clamp ``inputs`` at zero; same shape."""
        switch = self.recorder.switch
        if switch is None:
            return F.relu(inputs, inplace=self.inplace)
        output: Tensor = RelevanceReLU.apply(inputs, switch, self.inplace)  # type: ignore[no-untyped-call]
        return output


class ExplainableBatchNorm(StandIn, _BatchNorm):
    """Batch norm of any dimension; running statistics move in unrecorded passes only."""

    recorder: Recorder

    @classmethod
    def standing_in_for(cls, original: _BatchNorm, recorder: Recorder) -> "ExplainableBatchNorm":
        """Make a layer that shares ``original``'s parameter and buffer tables, not copies."""
        layer = cls.__new__(cls)
        layer.__dict__.update(original.__dict__)
        layer.recorder = recorder
        return layer

    def _check_input_dim(self, inputs: Tensor) -> None:
        """Accept every dimension: the original's place in the network fixes it."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise each channel of ``inputs`` (B, C, ...)."""
        switch = self.recorder.switch
        if switch is None:
            return super().forward(inputs)
        use_batch = self.training or self.running_mean is None
        output: Tensor = RelevanceBatchNorm.apply(  # type: ignore[no-untyped-call]
            inputs, self.weight, self.bias, self.running_mean, self.running_var, use_batch,
            self.eps, switch,
        )  # fmt: skip
        return output
