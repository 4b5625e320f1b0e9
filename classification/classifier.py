"""A trained classifier, loaded from its package: probabilities and heatmaps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor, nn

from classification.lrp.explained import choose_classes, explained_quantity
from classification.lrp.prepare import PreparedNetwork, prepare
from classification.networks import build_network
from classification.objectives import share_in_lungs
from classification.settings import ClassifierSettings
from data.package import read_package

KIND = "classifier"


@dataclass(frozen=True)
class Explanation:
    """What a classifier says of N films, and where it looked.

    Attributes:
        probabilities: Softmax, (N, C).
        explained: Index of the class explained, (N,).
        heatmaps: Signed relevance for that class's logit, (N, S, S).
        share_in_lungs: Share of |relevance| inside the lungs, (N,); NaN without a lung mask.
    """

    probabilities: NDArray[np.float32]
    explained: NDArray[np.int64]
    heatmaps: NDArray[np.float32]
    share_in_lungs: NDArray[np.float32]


class Classifier:
    """A network in evaluation mode and what is needed to feed it.

    Attributes:
        classes: Names, in the order of the outputs.
        settings: Of its training; ``settings.preprocessing`` is how films must be prepared.
        network: The plain network.
    """

    def __init__(
        self, network: nn.Module, *, classes: list[str], settings: ClassifierSettings
    ) -> None:
        """Wrap ``network``, which is switched to evaluation mode."""
        self.network = network.eval()
        self.classes = classes
        self.settings = settings

    @classmethod
    def load(cls, package: Path, device: str | torch.device = "cpu") -> "Classifier":
        """Load a package.

        Raises:
            FileNotFoundError: If a file of it is missing.
            ValueError: If it is no classifier's.
        """
        stored = read_package(package, kind=KIND)
        settings = TypeAdapter(ClassifierSettings).validate_python(stored.config["settings"])
        classes = list(stored.config["classes"])
        network = build_network(settings.network, classes=len(classes), seed=0)
        network.load_state_dict(stored.weights)
        return cls(network.to(device), classes=classes, settings=settings)

    @property
    def needs_masks(self) -> bool:
        """Whether predictions need lung masks: only networks trained on masked films do."""
        return self.settings.method == "masked"

    @torch.no_grad()
    def predict(
        self, films: NDArray[np.uint8], masks: NDArray[np.uint8] | None = None
    ) -> NDArray[np.float32]:
        """Return class probabilities, (N, C).

        Args:
            films: Prepared films, (N, S, S).
            masks: 1 in the lungs, (N, S, S); needed if ``needs_masks``.

        Raises:
            ValueError: If masks are needed and missing.
        """
        inputs = self._inputs(films, masks)
        parts = [self.network(part).float().softmax(dim=1) for part in _parts(inputs)]
        return np.asarray(torch.cat(parts).cpu().numpy())

    def explain(
        self,
        films: NDArray[np.uint8],
        masks: NDArray[np.uint8] | None = None,
        *,
        explained: str = "predicted",
    ) -> Explanation:
        """Predict, and map the relevance of every pixel for one class.

        Args:
            films: Prepared films, (N, S, S).
            masks: 1 in the lungs, (N, S, S), for the share of relevance inside them.
            explained: A class name, or "predicted": each film's own most probable class.

        Raises:
            ValueError: If the class is unknown, or masks are needed and missing.
        """
        if explained != "predicted" and explained not in self.classes:
            raise ValueError(f"unknown class {explained!r}: expected one of {self.classes}")
        label = None if explained == "predicted" else self.classes.index(explained)
        inputs = self._inputs(films, masks)
        lungs = torch.from_numpy(np.zeros_like(films) if masks is None else masks)[:, None]
        parts = []
        with self._prepared() as prepared:
            for part, part_lungs in zip(_parts(inputs), _parts(lungs), strict=True):
                parts.append(self._explain(prepared, part, part_lungs.to(part.device), label))
        return Explanation(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS)
        )

    def _explain(
        self, prepared: PreparedNetwork, inputs: Tensor, lungs: Tensor, label: int | None
    ) -> Explanation:
        with prepared.record(epsilon=self.settings.isnet.epsilon) as recording:
            logits = self.network(inputs)
        if label is None:
            chosen = choose_classes(logits.detach(), strategy="top")
        else:
            chosen = torch.full((len(inputs), 1), label, device=inputs.device)
        quantity = explained_quantity(logits, chosen, quantity="log_odds")
        heatmaps = recording.heatmaps(quantity, differentiable=False)
        shares = share_in_lungs(heatmaps, lungs.float())[:, 0]
        shares[lungs.flatten(1).sum(dim=1) == 0] = torch.nan
        return Explanation(
            probabilities=logits.detach().float().softmax(dim=1).cpu().numpy(),
            explained=chosen[:, 0].cpu().numpy(),
            heatmaps=heatmaps[:, 0, 0].cpu().numpy(),
            share_in_lungs=shares.cpu().numpy(),
        )

    @contextmanager
    def _prepared(self) -> Iterator[PreparedNetwork]:
        prepared = prepare(self.network)
        try:
            yield prepared
        finally:
            prepared.restore()

    def _inputs(self, films: NDArray[np.uint8], masks: NDArray[np.uint8] | None) -> Tensor:
        """Return network inputs (N, 1, S, S) in [0, 1], on the network's device."""
        if self.needs_masks:
            if masks is None:
                raise ValueError("this classifier was trained on masked films: give lung masks")
            films = films * masks
        device = next(self.network.parameters()).device
        return torch.from_numpy(np.ascontiguousarray(films))[:, None].to(device).float() / 255


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    return torch.split(tensor, FILMS_AT_ONCE)


FILMS_AT_ONCE = 32
FIELDS = ("probabilities", "explained", "heatmaps", "share_in_lungs")
