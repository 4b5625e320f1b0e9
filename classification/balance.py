"""Two losses, one step: each loss's gradient is clipped by itself before they are weighed.

The heatmap loss's gradient is tens of times longer than the class loss's and mostly noise at
first; clipped together, the class is not learned for many epochs (``docs/method.md`` has the
measurement). Clipped one by one, P says what it seems to say: which share of the step is whose.

Two gradients cost two backward passes. Their norms change slowly, so that they can be measured at
some steps only and remembered in between, where one backward pass serves both losses.
"""

from collections.abc import MutableMapping, Sequence

import torch
from torch import Tensor, nn

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning import processes

CLIP = 1.0  # largest norm of the class loss's gradient
HEATMAP_CLIP = 4.0  # of the heatmap loss's: the force that brings relevance back


class GradientBalance(nn.Module):
    """Weighs class loss and heatmap loss by their gradients' norms, measured or remembered.

    The remembered norms are buffers: a checkpoint holds them, and a resumed training goes on alike.
    """

    class_norm: Tensor
    heatmap_norm: Tensor
    step: Tensor

    def __init__(self, *, every: int = 1) -> None:
        """Measure both gradients at every ``every``-th step, and at each of the first ``every``.

        With 1 every step's gradients are clipped exactly.

        Raises:
            InputError: If ``every`` is not positive.
        """
        super().__init__()
        if every < 1:
            raise InputError(f"every must be at least 1, got {every}")
        self._every = every
        self.register_buffer("class_norm", torch.tensor(float("nan")))
        self.register_buffer("heatmap_norm", torch.tensor(float("nan")))
        self.register_buffer("step", torch.tensor(0))

    def forward(
        self, terms: MutableMapping[str, Tensor], parameters: Sequence[nn.Parameter]
    ) -> Tensor:
        """Return what to differentiate, so that neither loss's gradient drowns the other's.

        Args:
            terms: "class_loss", "heatmap_loss" and "heatmap_weight" (P). "class_gradient" and
                "heatmap_gradient", the norms before clipping, are added where they are measured.
            parameters: Of the network.

        Returns:
            A scalar whose gradient is ``(1 - P) * class + P * heatmap``, each shortened to its
            limit: by its own norm at a step that measures, by the remembered one at others.
        """
        step = int(self.step)
        self.step += 1
        weight = terms["heatmap_weight"].item()
        if step >= self._every and step % self._every:
            to_class = _factor(self.class_norm, CLIP)
            to_heatmap = _factor(self.heatmap_norm, HEATMAP_CLIP)
            return (1 - weight) * to_class * terms["class_loss"] + (
                weight * to_heatmap * terms["heatmap_loss"]
            )
        return self._measured(terms, parameters, weight)

    def _measured(
        self,
        terms: MutableMapping[str, Tensor],
        parameters: Sequence[nn.Parameter],
        weight: float,
    ) -> Tensor:
        to_class, terms["class_gradient"] = clipped_gradient(
            terms["class_loss"], parameters, clip=CLIP, keep_graph=True
        )
        to_heatmap, terms["heatmap_gradient"] = clipped_gradient(
            terms["heatmap_loss"], parameters, clip=HEATMAP_CLIP
        )
        _remember(self.class_norm, terms["class_gradient"])
        _remember(self.heatmap_norm, terms["heatmap_gradient"])
        mixed = [
            (1 - weight) * one + weight * other
            for one, other in zip(to_class, to_heatmap, strict=True)
        ]
        return surrogate(parameters, mixed)


def _factor(norm: Tensor, clip: float) -> Tensor:
    return (clip / (norm + 1e-12)).clamp_max(1)


def _remember(memory: Tensor, norm: Tensor) -> None:
    """Move ``memory`` half of the way to ``norm``, in logarithms: norms vary by factors.

    A memory of 0 or none at all would stay what it is; the new norm then stands alone.
    """
    known = memory if torch.isfinite(memory) and memory > 0 else norm
    memory.copy_((known * norm).sqrt())


def clipped_gradient(
    loss: Tensor, parameters: Sequence[nn.Parameter], *, clip: float, keep_graph: bool = False
) -> tuple[list[Tensor], Tensor]:
    """Gradient of ``loss``, shortened to a norm of at most ``clip``.

    Where several processes train together, each on its share of a batch, it is the gradient of the
    mean of their losses: what one process finds for the whole batch.

    Args:
        loss: Scalar.
        parameters: Differentiated by; one that the loss does not depend on gets zeros.
        clip: Largest norm over all parameters.
        keep_graph: Whether another loss will be differentiated through the same graph.

    Returns:
        One gradient per parameter, and the norm before clipping (a scalar).
    """
    gradients = torch.autograd.grad(
        loss, list(parameters), retain_graph=keep_graph, allow_unused=True, materialize_grads=True
    )
    processes.average(gradients)
    norm = torch.nn.utils.get_total_norm(gradients)
    factor = _factor(norm, clip)
    return [gradient * factor for gradient in gradients], norm


def surrogate(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> Tensor:
    """Return a scalar whose gradient by each parameter is the given one."""
    return torch.stack(
        [
            (parameter * gradient).sum()
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
    ).sum()
