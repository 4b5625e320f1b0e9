"""One classifier's training, by this process or by several of this machine together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.registry import load_extensions
from isnet_cxr.pipeline.study.parallel import Tell
from isnet_cxr.pipeline.study.together import run_together


@dataclass(frozen=True)
class Learning:
    """What to train, and where.

    Attributes:
        images: Manifest with the splits train and val.
        settings: Of the classifier.
        out: Folder of the training.
        classes: Class names.
        seed: Source of all randomness.
        cache: Folder of prepared images.
        threads: CPU threads of each process.
        extensions: Modules that every process imports.
        progress: Show progress bars.
    """

    images: pd.DataFrame
    settings: ClassifierSettings
    out: Path
    classes: Sequence[str]
    seed: int
    cache: Path
    threads: int
    extensions: tuple[str, ...] = ()
    progress: bool = True


def learn(learning: Learning, tell: Tell, *, processes: int = 1) -> Path:
    """Train a classifier; return its package.

    Args:
        learning: What to train.
        tell: Told "epoch" with number and metrics.
        processes: How many share every batch; see ``classification.training``.
    """
    if processes == 1:
        train(learning, tell)
    else:
        run_together(train, learning, processes=processes, tell=tell)
    return learning.out / "package"


def train(learning: Learning, tell: Tell) -> None:
    """Train as one of the processes that have joined, or alone."""
    import torch

    from isnet_cxr.classification.training import train_classifier

    torch.set_num_threads(learning.threads)
    load_extensions(learning.extensions)
    train_classifier(
        learning.images,
        learning.settings,
        learning.out,
        classes=learning.classes,
        seed=learning.seed,
        cache=learning.cache,
        on_epoch=lambda epoch, metrics: tell("epoch", (epoch, metrics)),
        progress=learning.progress,
    )
