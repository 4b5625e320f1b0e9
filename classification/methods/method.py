"""What a training method is: its settings, what it needs, and what it minimises."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from isnet_cxr.classification.attribution import RELEVANCE, Attribution
from isnet_cxr.classification.batches import ImageRows
from isnet_cxr.classification.objective import Objective
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.registry import Registry

Own = TypeVar("Own")


@dataclass(frozen=True)
class Needs:
    """What a method cannot do without.

    Attributes:
        lung_masks_in_training: Lungs in the mask of every training and validation image.
        lung_masks_at_run_time: A mask for every image that is predicted.
        hospitals: Images of several hospitals in every class, told by their groups.
        own_network: The method brings its network; ``network`` of the settings has no use.
    """

    lung_masks_in_training: bool = False
    lung_masks_at_run_time: bool = False
    hospitals: bool = False
    own_network: bool = False


@dataclass(frozen=True)
class Setup(Generic[Own]):
    """What a method builds its objective from.

    Attributes:
        network: To be trained, with its first weights.
        class_weights: (C,), make rare classes count.
        own: The method's own settings.
        settings: Of the whole training.
        groups: Number of groups that ``Batch.groups`` counts.
        rows: The training images.
        seed: Of the training.
        folder: Of the training; what is measured before it is kept there, for a resumed one.
        train_first: Trains the network for some epochs by another objective, in a folder of its
            own that is removed afterwards: ``train_first(objective, epochs)``.
    """

    network: nn.Module
    class_weights: Tensor
    own: Own
    settings: ClassifierSettings
    groups: int
    rows: ImageRows
    seed: int
    folder: Path
    train_first: Callable[[Objective, int], None]


class Method(ABC, Generic[Own]):
    """One way to train a classifier; holds no state.

    Attributes:
        settings: Type of its own settings, a frozen dataclass whose defaults are complete.
    """

    settings: type[Any]

    def needs(self, own: Own) -> Needs:
        """Say what a training with the settings ``own`` needs."""
        return Needs()

    def build_network(self, own: Own, *, classes: int) -> nn.Module | None:
        """Return a network of the method's own; None takes the one of the settings."""
        return None

    def check(self, network: nn.Module, own: Own) -> None:
        """Refuse, before anything runs, what ``network`` and ``own`` cannot do together.

        Raises:
            InputError: Naming the key.
        """

    def needs_check(self, own: Own) -> bool:
        """Tell whether ``check`` looks at the network, which must then be built for it."""
        return False

    def as_seen(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return what the network sees of images (B, 1, H, W), in training and at run time."""
        return images

    def attribution(self, own: Own) -> Attribution:
        """Say how classifiers trained with the settings ``own`` are explained: by relevance."""
        return RELEVANCE

    @abstractmethod
    def build(self, setup: Setup[Own]) -> Objective:
        """Return what to minimise."""


METHODS: Registry[Method[Any]] = Registry("method")


def needs_of(settings: ClassifierSettings) -> Needs:
    """Say what the method of ``settings`` needs, as it is set there."""
    return METHODS[settings.method].needs(settings.method_settings)


def attribution_of(settings: ClassifierSettings) -> Attribution:
    """Say how a classifier of ``settings`` is explained."""
    return METHODS[settings.method].attribution(settings.method_settings)
