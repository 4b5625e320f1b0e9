"""The training loop of both stages: Lightning's Trainer, quiet, resumable, unpickling nothing.

A training owns its folder: ``checkpoints/last.ckpt`` is where an interrupted one goes on, at the
last finished epoch; ``checkpoints/best.ckpt`` holds the epoch chosen by validation; and
``epochs.jsonl`` the metrics of every epoch. Randomness must derive from (seed, epoch, step), see
``data.learning.randomness``: then a resumed training is the uninterrupted one.

Of several processes (``data.learning.processes``) the first writes these files and tells epochs.
"""

import hashlib
import json
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning import processes

OnEpoch = Callable[[int, dict[str, float]], None]
CHECKPOINTS, EPOCHS = "checkpoints", "epochs.jsonl"


@dataclass(frozen=True)
class FittingSettings:
    """What the loop itself needs to know.

    Attributes:
        epochs: At most so many.
        monitor: The validation metric that chooses the epoch.
        mode: Whether it should become small or large.
        patience: Stop when it has not improved for so many epochs; 0 never stops early.
        precision: Lightning's name of the floating-point regime.
        clip: Largest norm of the gradient over all weights.
    """

    epochs: int
    monitor: str
    mode: Literal["min", "max"]
    patience: int = 0
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    clip: float = 1.0


def fit(
    learner: LightningModule,
    training: Any,
    validation: Any,
    settings: FittingSettings,
    out: Path,
    *,
    on_epoch: OnEpoch | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Train ``learner``, from the last checkpoint in ``out`` if there is one.

    Args:
        learner: Ends with the weights of the best epoch, on the CPU, in evaluation mode.
        training: Data loader; must serve the same batches for the same epoch.
        validation: Data loader.
        settings: Of the loop.
        out: Folder of this training, made if missing.
        on_epoch: Told every epoch's number (from 0) and metrics.
        progress: Show a progress bar.

    Returns:
        Number ("epoch") and metrics of the best epoch.
    """
    out.mkdir(parents=True, exist_ok=True)
    last = out / CHECKPOINTS / "last.ckpt"
    learner.train()  # Lightning keeps the mode it is given
    with _quiet_lightning():
        trainer = Trainer(
            accelerator="auto",
            **_placed(),
            max_epochs=settings.epochs,
            precision=settings.precision,
            gradient_clip_val=settings.clip,
            default_root_dir=out,
            logger=False,
            callbacks=_callbacks(settings, out, on_epoch, progress=progress),
            enable_progress_bar=progress and processes.is_first(),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            inference_mode=False,  # heatmaps of validation images need gradients
        )
        trainer.fit(
            learner,
            training,
            validation,
            ckpt_path=last if last.is_file() else None,
            weights_only=True,
        )
    processes.wait_for_all()  # the first has written the last epoch
    state = torch.load(out / CHECKPOINTS / "best.ckpt", map_location="cpu", weights_only=True)
    learner.cpu().eval()
    learner.load_state_dict(state["state_dict"])
    return _best_epoch(out / EPOCHS, settings)


def _placed() -> dict[str, Any]:
    """Return what the Trainer needs to know of the processes that train together."""
    if processes.count() == 1:
        return {"devices": 1}
    from lightning.pytorch.plugins.environments import TorchElasticEnvironment  # noqa: PLC0415
    from lightning.pytorch.strategies import DDPStrategy  # noqa: PLC0415

    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {
        "devices": here,
        "num_nodes": processes.count() // here,
        # Buffers are averaged after every step; parameters that a method leaves out may be.
        "strategy": DDPStrategy(
            cluster_environment=TorchElasticEnvironment(),
            find_unused_parameters=True,
            broadcast_buffers=False,
        ),
        "use_distributed_sampler": False,
    }


def read_epochs(out: Path) -> list[dict[str, float]]:
    """Return the metrics of every finished epoch of the training in ``out``."""
    path = out / EPOCHS
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _callbacks(
    settings: FittingSettings, out: Path, on_epoch: OnEpoch | None, *, progress: bool
) -> list[Callback]:
    saver = ModelCheckpoint(
        out / CHECKPOINTS,
        "best",
        monitor=settings.monitor,
        mode=settings.mode,
        save_last=True,
        enable_version_counter=False,
    )
    first = processes.is_first()
    callbacks: list[Callback] = [*([_EpochLog(out, on_epoch)] if first else []), saver]
    if settings.patience:
        callbacks.append(
            EarlyStopping(settings.monitor, 0.0, settings.patience, mode=settings.mode)
        )
    if progress and first:
        callbacks.append(RichProgressBar())
    return callbacks


class _EpochLog(Callback):  # type: ignore[misc]  # Lightning's types are not followed
    """Appends every epoch's metrics to a file of JSON lines and tells ``on_epoch``."""

    def __init__(self, out: Path, on_epoch: OnEpoch | None) -> None:
        self._out = out
        self._on_epoch = on_epoch
        self._started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget epochs logged after the checkpoint that training resumes from."""
        lines = read_epochs(self._out)[: trainer.current_epoch]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self._out / EPOCHS).write_text(text)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch, validation included."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        metrics["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        metrics["seconds"] = round(time.monotonic() - self._started, 3)
        with (self._out / EPOCHS).open("a") as log:
            log.write(json.dumps({"epoch": trainer.current_epoch, **metrics}) + "\n")
        if self._on_epoch is not None:
            self._on_epoch(trainer.current_epoch, metrics)


def _best_epoch(path: Path, settings: FittingSettings) -> dict[str, float]:
    """Return the line of the best epoch; the earliest of equals, as the saver does."""
    lines = read_epochs(path.parent)
    choose = max if settings.mode == "max" else min
    return choose(lines, key=lambda line: line[settings.monitor])


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence hardware lists, tips and hints about data loaders; errors still show."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def claim_folder(out: Path, description: dict[str, Any]) -> None:
    """Write what a training is into ``out``, or check that the one begun there is the same.

    Args:
        out: Folder of the training, made if missing.
        description: Plain YAML values; equal descriptions train equal networks.

    Raises:
        InputError: If ``out`` holds a training with another description; names what differs.
    """
    path = out / "training.yaml"
    if processes.is_first() and not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(description, sort_keys=False))
    processes.wait_for_all()
    present = yaml.safe_load(path.read_text())
    for key in {**present, **description}:
        if present.get(key) != description.get(key):
            raise InputError(
                f"{path}: {key} of the training begun there differ from this one's; "
                "choose another folder or remove it"
            )


def digest_rows(manifest: pd.DataFrame, columns: list[str]) -> str:
    """Return 16 hex digits that stand for the values of ``columns`` in every row, in order."""
    rows = manifest[columns].astype(str).agg(" ".join, axis=1)
    return hashlib.blake2b("\n".join(rows).encode(), digest_size=8).hexdigest()
