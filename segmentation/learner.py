"""What one step of training does: augment, segment, Dice + cross-entropy; as a Lightning module."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from monai.losses import DiceCELoss
from torch import Tensor

from isnet_cxr.data.learning.augment import augment
from isnet_cxr.data.learning.randomness import seeded_generator
from isnet_cxr.segmentation.frames import add_frames
from isnet_cxr.segmentation.metrics import dice_of_batch
from isnet_cxr.segmentation.network import build_network
from isnet_cxr.segmentation.settings import SegmentationSettings
from isnet_cxr.segmentation.sickness import make_ill


class LungLearner(LightningModule):  # type: ignore[misc]  # Lightning's types are not followed
    """Trains the lung network on batches of uint8 images and masks, (B, S, S) each."""

    def __init__(self, settings: SegmentationSettings, *, steps: int, seed: int) -> None:
        """Build the network.

        Args:
            settings: Of the training.
            steps: Optimizer steps of the whole training, for the schedule.
            seed: Of the whole training; each step's changes derive from (seed, epoch, step).
        """
        super().__init__()
        self.settings = settings
        self.steps = steps
        self.seed = seed
        self.network = build_network(settings.network, seed=seed)
        self.loss = DiceCELoss(sigmoid=True)

    def training_step(self, batch: list[Tensor], step: int) -> Tensor:
        """Return the loss on a batch, changed at random."""
        images, masks = _as_floats(batch)
        generator = seeded_generator(self.seed, self.current_epoch, step)
        images = make_ill(images, masks, settings=self.settings.sickness, generator=generator)
        images, masks = augment(
            images, masks, settings=self.settings.augmentation, generator=generator
        )
        images, masks = add_frames(
            images, masks, share=self.settings.framed_share, generator=generator
        )
        loss: Tensor = self.loss(self.network(images), masks)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(images))
        return loss

    def validation_step(self, batch: list[Tensor], _step: int) -> None:
        """Log loss and mean Dice at the network's resolution."""
        images, masks = _as_floats(batch)
        logits = self.network(images)
        dice = dice_of_batch(torch.sigmoid(logits) >= self.settings.threshold, masks).mean()
        self.log("val_loss", self.loss(logits, masks), batch_size=len(images))
        self.log("val_dice", dice, batch_size=len(images))

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW on a one-cycle schedule over all steps."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.settings.learning_rate, total_steps=self.steps, pct_start=0.1
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _as_floats(batch: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Turn stored images and masks, (B, S, S), into network inputs in [0, 1], (B, 1, S, S)."""
    images, masks = batch
    return images[:, None].float() / 255, masks[:, None].float()
