"""One classifier's training steps, as a Lightning module; what it minimises is its objective's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from classification.backgrounds import mix_backgrounds
from classification.balance import GradientBalance
from classification.batches import as_batch
from classification.normalization import recompute_statistics
from classification.objectives import Batch, Objective, Terms
from classification.settings import ClassifierSettings
from classification.statistics import macro_auc, macro_f1
from data.augment import augment
from data.fitting import seeded_generator

Stored = tuple[Tensor, Tensor, Tensor]


class ClassifierLearner(LightningModule):  # type: ignore[misc]  # Lightning's types are not followed
    """Trains a network on stored films: augments, scores, optimises, validates."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        settings: ClassifierSettings,
        *,
        steps: int,
        seed: int,
        statistics_films: Callable[[], list[Stored]],
    ) -> None:
        """Wire the training together.

        Args:
            network: To be trained.
            objective: Scores batches with ``network``.
            settings: Of the training.
            steps: Optimizer steps of the whole training, for the schedules.
            seed: Each step's randomness derives from (seed, epoch, step).
            statistics_films: Gives the training films that batch-norm statistics are taken from.
        """
        super().__init__()
        self.network = network
        self._objective = objective
        self._settings = settings
        self._steps = steps
        self._seed = seed
        self._statistics_films = statistics_films
        self.balance = GradientBalance(every=settings.isnet.gradients_every)
        self._validated: list[tuple[Tensor, Tensor]] = []

    def training_step(self, stored: Stored, step: int) -> Tensor:
        """Return the loss on a batch, changed at random."""
        batch = as_batch(stored)
        generator = seeded_generator(self._seed, self.current_epoch, step)
        films, masks = augment(
            batch.films, batch.masks, settings=self._settings.augmentation, generator=generator
        )
        progress = self.global_step / self._steps
        batch = self._as_seen(Batch(films, masks, batch.labels))
        if self._settings.method in {"isnet", "mixed"}:
            share = self._settings.isnet.mixed_share
            mixed = mix_backgrounds(batch.films, masks, share=share, generator=generator)
            batch = replace(batch, films=mixed)
        terms = self._objective.training_terms(batch, progress=progress, generator=generator)
        loss = self._balanced(terms)
        self._log_terms("train", terms, len(films))
        return loss

    def on_validation_start(self) -> None:
        """Give batch norm the statistics of the weights as they are."""
        batches = (self._as_seen(as_batch(self._to(films))) for films in self._statistics_films())
        recompute_statistics(self.network, (batch.films for batch in batches))
        self._validated.clear()

    def validation_step(self, stored: Stored, _step: int) -> None:
        """Score a validation batch."""
        batch = self._as_seen(as_batch(stored))
        terms = self._objective.validation_terms(batch)
        self._log_terms("val", terms, len(batch.films))
        self._validated.append((terms["logits"].float().cpu(), batch.labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Log macro F1 and macro AUC over all validation films."""
        logits = torch.cat([logits for logits, _ in self._validated])
        labels = torch.cat([labels for _, labels in self._validated]).numpy()
        probabilities = logits.softmax(dim=1).numpy()
        self.log("val_macro_f1", macro_f1(probabilities.argmax(axis=1), labels))
        self.log("val_macro_auc", macro_auc(probabilities, labels))

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW on a one-cycle schedule over all steps."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=self._settings.learning_rate,
            weight_decay=self._settings.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self._settings.learning_rate, total_steps=self._steps
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _balanced(self, terms: Terms) -> Tensor:
        """Return what to differentiate; adds the gradients' norms to ``terms`` when measured."""
        if "heatmap_loss" not in terms:
            return terms["loss"]
        loss: Tensor = self.balance(terms, list(self.network.parameters()))
        return loss

    def _as_seen(self, batch: Batch) -> Batch:
        """Return the batch as the network sees it: the lungs alone when trained on masked films."""
        if self._settings.method != "masked":
            return batch
        return Batch(batch.films * batch.masks, batch.masks, batch.labels)

    def _to(self, stored: Stored) -> Stored:
        films, masks, labels = (tensor.to(self.device) for tensor in stored)
        return films, masks, labels

    def _log_terms(self, prefix: str, terms: Terms, films: int) -> None:
        scalars = {f"{prefix}_{name}": value for name, value in terms.items() if value.dim() == 0}
        self.log_dict(scalars, on_step=False, on_epoch=True, batch_size=films)
