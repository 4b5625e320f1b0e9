"""Group DRO: the group with the greatest loss counts most. A group is a class at a hospital.

Sagawa, Koh, Hashimoto, Liang, *Distributionally Robust Neural Networks for Group Shifts*, ICLR
2020, arXiv 1911.08731. With l_g the mean cross-entropy of the images of group g in the batch,
``q_g <- q_g exp(step * l_g)``, divided by its sum, and the loss is ``sum_g q_g l_g``, q constant.

Reductions: the mean over a group's images in the batch, then the sum over groups, weighted by q.
Differences from the published code. A group without an image in the batch is passed over, where
there its loss is 0 and its q shrinks. Balanced sampling over groups is part of the published
method; batches here hold every image once per epoch, so a group's loss and its step of q are
divided instead by the chance that a batch holds the group, which gives every group the same part in
an epoch. Classes are not weighted beside that: a group has one class only. Published trainings use
strong weight decay or stop early, and choose the epoch by the worst group; validation here takes
the mean over groups, each image weighted by how rare its group is in training, since a validation
batch by itself has no worst group.

Where each class comes from one hospital, or every image bears its class's mark, no minority group
exists and the method cannot help: then it is refused.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from numpy.typing import NDArray
from torch import Tensor, nn

from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require

FEWEST_HOSPITALS = 2  # of every class


@dataclass(frozen=True)
class GroupDroSettings:
    """How fast the groups' weights move.

    Attributes:
        step: Of the groups' weights (eta, the published ``robust_step_size``); search 0.001, 0.003,
            0.01, 0.03 and 0.1.
        adjustment: K of the group adjustment: K / sqrt(images of the group) is added to a group's
            loss. 0 adds nothing.
    """

    step: float = 0.01
    adjustment: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is negative.
        """
        require("step", self.step, at_least=0)
        require("adjustment", self.adjustment, at_least=0)


class GroupWeights(nn.Module):
    """The groups' weights q, a buffer: a checkpoint holds them, and a resumed training goes on.

    Attributes:
        q: (G,), at least 0, their sum is 1; 0 for groups without training images.
        counts: Training images of each group, (G,).
    """

    q: Tensor
    counts: Tensor

    def __init__(self, counts: Tensor, *, step: float) -> None:
        """Start with equal weights for the groups that have training images."""
        super().__init__()
        self._step = step
        there = (counts > 0).float()
        self.register_buffer("q", there / there.sum())
        self.register_buffer("counts", counts.float(), persistent=False)

    @torch.no_grad()
    def move(self, losses: Tensor, there: Tensor) -> None:
        """Raise the weights of the groups whose loss is great.

        Args:
            losses: Of each group, (G,).
            there: Which groups the batch holds, (G,); the others keep their share but for the
                division by the sum.
        """
        moved = self.q * torch.where(there, self._step * losses, 0).exp()
        self.q.copy_(moved / moved.sum())


def chance_in_batch(counts: Tensor, *, batch_size: int) -> Tensor:
    """Chance that a batch of ``batch_size`` of all images holds a group, (G,); counts (G,)."""
    share = counts / counts.sum()
    return 1 - (1 - share) ** batch_size


def group_means(losses: Tensor, groups: Tensor, *, count: int) -> tuple[Tensor, Tensor]:
    """Mean of ``losses`` (B,) in each of ``count`` groups, and which groups there are, (G,)."""
    members = F.one_hot(groups, count).to(losses)
    sizes = members.sum(dim=0)
    return (losses @ members) / sizes.clamp_min(1), sizes > 0


class GroupDroObjective(Objective):
    """Cross-entropy, weighted by group; the weights move to the worst."""

    state: GroupWeights

    def __init__(
        self, network: nn.Module, counts: Tensor, own: GroupDroSettings, *, batch_size: int
    ) -> None:
        """Score ``network``.

        Args:
            network: To be trained.
            counts: Training images of each group, (G,).
            own: The method's settings.
            batch_size: Images of a training batch.
        """
        super().__init__(state=GroupWeights(counts, step=own.step))
        self._network = network
        self._adjustment = own.adjustment
        self._batch_size = batch_size

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Move the groups' weights, and return the loss weighted by them."""
        logits, losses, groups = self._score(batch)
        counts = self.state.counts
        means, there = group_means(losses, groups, count=len(counts))
        adjusted = means + self._adjustment / counts.clamp_min(1).sqrt()
        chance = chance_in_batch(counts, batch_size=self._batch_size).clamp_min(1e-6)
        balanced = torch.where(there & (counts > 0), adjusted / chance, 0)
        self.state.move(balanced.detach(), there)
        loss = (self.state.q.clone() * balanced).sum()
        worst = torch.where(there, means, 0).max()
        return {
            "loss": loss,
            "class_loss": losses.mean(),
            "worst_group_loss": worst.detach(),
            "logits": logits,
        }

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the mean over groups, which does not depend on the weights of the moment."""
        logits, losses, groups = self._score(batch)
        counts = self.state.counts
        rarity = counts.sum() / ((counts > 0).sum() * counts.clamp_min(1))
        weights = torch.where(counts > 0, rarity, 0)[groups]
        return {
            "loss": (losses * weights).mean(),
            "class_loss": losses.mean(),
            "logits": logits,
        }

    def _score(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (B, C), losses (B,) and groups (B,)."""
        if batch.groups is None:
            raise InputError("group_dro needs the group of every image: the batch has none")
        logits = self._network(batch.images)
        losses = F.cross_entropy(logits.float(), batch.labels, reduction="none")
        return logits, losses, batch.groups


def require_minorities(counts: NDArray[np.int64], *, classes: int) -> None:
    """Refuse training images of a class that all come from one hospital.

    Args:
        counts: Images of each group; groups are counted class by class, (classes * hospitals,).
        classes: Number of classes.

    Raises:
        InputError: If there is such a class: its number, from 0, is named.
    """
    hospitals = (counts.reshape(classes, -1) > 0).sum(axis=1)
    if hospitals.min() < FEWEST_HOSPITALS:
        raise InputError(
            "group_dro needs images of several hospitals in every class: training has "
            f"{hospitals.min()} in class number {int(hospitals.argmin())}, so that no other group "
            "of it can count more"
        )


class GroupDro(Method[GroupDroSettings]):
    """Train by the class loss of the worst groups."""

    settings = GroupDroSettings

    def needs(self, own: GroupDroSettings) -> Needs:
        """Need several hospitals, and no masks."""
        return Needs(hospitals=True)

    def build(self, setup: Setup[GroupDroSettings]) -> Objective:
        """Return the weighted loss.

        Raises:
            InputError: If the training images of a class come from one hospital.
        """
        counts = np.bincount(setup.rows.groups, minlength=setup.groups)
        require_minorities(counts, classes=len(setup.class_weights))
        return GroupDroObjective(
            setup.network, torch.from_numpy(counts), setup.own,
            batch_size=min(setup.settings.batch_size, len(setup.rows)),
        )  # fmt: skip


METHODS.register("group_dro", GroupDro())
