"""The baseline: cross-entropy and nothing else."""

from dataclasses import dataclass

from torch import Tensor, nn

from isnet_cxr.classification.methods.method import METHODS, Method, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss


@dataclass(frozen=True)
class BaselineSettings:
    """The baseline has no settings of its own."""


class ClassObjective(Objective):
    """Cross-entropy, weighted by class."""

    def __init__(self, network: nn.Module, class_weights: Tensor) -> None:
        """Score ``network``; ``class_weights`` (C,) make rare classes count."""
        super().__init__()
        self._network = network
        self._class_weights = class_weights

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the class loss."""
        logits = self._network(batch.images)
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {"loss": loss, "class_loss": loss, "logits": logits}


class Baseline(Method[BaselineSettings]):
    """Train by the class loss alone."""

    settings = BaselineSettings

    def build(self, setup: Setup[BaselineSettings]) -> Objective:
        """Return the class loss."""
        return ClassObjective(setup.network, setup.class_weights)


METHODS.register("baseline", Baseline())
