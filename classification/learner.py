"""One classifier's training steps, as a Lightning module; what it minimises is its objective's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from isnet_cxr.classification.batches import Stored, as_batch, share_of
from isnet_cxr.classification.figures import macro_auc, macro_f1
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.normalization import recompute_statistics
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.learning import processes
from isnet_cxr.data.learning.augment import augment
from isnet_cxr.data.learning.randomness import seeded_generator


class ClassifierLearner(LightningModule):  # type: ignore[misc]  # Lightning's types are not followed
    """Trains a network on stored images: augments, scores, optimises, validates.

    Where several processes train together, every one changes the whole batch, as a single process
    would, and scores its share. Batch norm sees a process's own share in training; for validation
    and in the package all have the statistics of the same training images.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        settings: ClassifierSettings,
        *,
        steps: int,
        seed: int,
        statistics_images: Callable[[], list[Stored]],
    ) -> None:
        """Wire the training together.

        Args:
            network: To be trained.
            objective: Scores batches with ``network``.
            settings: Of the training.
            steps: Optimizer steps of the whole training, for the schedules.
            seed: Each step's randomness derives from (seed, epoch, step).
            statistics_images: Gives the training images that batch-norm statistics are taken from.
        """
        super().__init__()
        self.network = network
        self._objective = objective
        self._settings = settings
        self._steps = steps
        self._seed = seed
        self._statistics_images = statistics_images
        self._method = METHODS[settings.method]
        self.state = objective.state  # so that checkpoints hold it
        self._validated: list[tuple[Tensor, Tensor]] = []
        self._means = processes.Means() if processes.count() > 1 else None

    def training_step(self, stored: Stored, step: int) -> Tensor:
        """Return the loss on a batch, changed at random."""
        batch = as_batch(stored)
        generator = seeded_generator(self._seed, self.current_epoch, step)
        images, masks = augment(
            batch.images, batch.masks, settings=self._settings.augmentation, generator=generator
        )
        progress = self.global_step / self._steps
        batch = self._as_seen(replace(batch, images=images, masks=masks))
        if processes.count() > 1:
            batch = share_of(batch)
            own = (self._seed, self.current_epoch, step, processes.number())
            generator = seeded_generator(*own)
        terms = self._objective.training_terms(batch, progress=progress, generator=generator)
        loss = self._objective.loss_to_differentiate(terms, list(self.network.parameters()))
        self._log_terms("train", terms, len(batch.images))
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Give all processes the same buffers; they have the same weights."""
        processes.average(self.buffers())

    def on_validation_start(self) -> None:
        """Give batch norm the statistics of the weights as they are."""
        batches = (
            self._as_seen(as_batch(self._to(images))) for images in self._statistics_images()
        )
        recompute_statistics(self.network, (batch.images for batch in batches))
        self._validated.clear()

    def validation_step(self, stored: Stored, _step: int) -> None:
        """Score a validation batch."""
        batch = self._as_seen(as_batch(stored))
        terms = self._objective.validation_terms(batch)
        self._log_terms("val", terms, len(batch.images))
        self._validated.append((terms["logits"].float().cpu(), batch.labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Log macro F1 and macro AUC over all validation images."""
        logits = processes.rows_of_all(torch.cat([logits for logits, _ in self._validated]))
        labels = processes.rows_of_all(torch.cat([of for _, of in self._validated])).numpy()
        probabilities = logits.softmax(dim=1).numpy()
        self.log("val_macro_f1", macro_f1(probabilities.argmax(axis=1), labels))
        self.log("val_macro_auc", macro_auc(probabilities, labels))
        if self._means is not None:
            self.log_dict(self._means.take())

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

    def _as_seen(self, batch: Batch) -> Batch:
        """Return the batch as the network sees it."""
        return replace(batch, images=self._method.as_seen(batch.images, batch.masks))

    def _to(self, stored: Stored) -> Stored:
        images, masks, labels, groups = (tensor.to(self.device) for tensor in stored)
        return images, masks, labels, groups

    def _log_terms(self, prefix: str, terms: Terms, images: int) -> None:
        scalars = {f"{prefix}_{name}": value for name, value in terms.items() if value.dim() == 0}
        if self._means is None:
            self.log_dict(scalars, on_step=False, on_epoch=True, batch_size=images)
        else:
            self._means.add(scalars, images)
