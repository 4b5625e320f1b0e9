"""Training on images without reference masks, too: a first segmenter's masks stand for them.

Reference masks come from few hospitals. Images of others are at hand without masks, and where a
first segmenter is sure of itself its masks are good. A second training goes on from it with both:
it sees those images made ill, with the mask that was found while they were not.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from isnet_cxr.data.learning.fitting import OnEpoch, read_epochs
from isnet_cxr.data.learning.package import WEIGHTS
from isnet_cxr.data.manifests.manifest import concatenate
from isnet_cxr.segmentation.settings import SegmentationSettings
from isnet_cxr.segmentation.training import train_segmenter

Find = Callable[[Path, Path], pd.DataFrame]
FIRST, MASKS = "first", "first-masks"
EPOCHS_SHARE = 0.2  # of the first training's, for the second
RATE_SHARE = 0.3


def train_with_unlabelled(
    reference: pd.DataFrame,
    find: Find,
    settings: SegmentationSettings,
    out: Path,
    *,
    cache: Path | None,
    seed: int,
    on_epoch: OnEpoch | None = None,
    progress: bool = True,
) -> Path:
    """Train on reference masks, then on them and on good ones that the first training finds.

    Args:
        reference: As ``train_segmenter``'s manifest.
        find: Segments the images without reference masks: given the first segmenter's package and
            a folder for masks, returns their manifest, as ``predict_masks`` does.
        settings: Of the first training. The second has a fifth of its epochs and three tenths of
            its learning rate.
        out: Folder for the package, its training, and the first segmenter with its masks.
        cache: Folder of prepared images; None prepares them anew.
        seed: Source of all randomness.
        on_epoch: Told every epoch's number (from 0, through both trainings) and metrics.
        progress: Show progress bars.

    Returns:
        The second segmenter's package. A finished training is not repeated, a begun one goes on.

    Raises:
        InputError: As ``train_segmenter``.
    """
    if (out / "package" / WEIGHTS).is_file():
        return out / "package"
    train = partial(train_segmenter, cache=cache, seed=seed, progress=progress)
    first = train(reference, settings, out / FIRST, on_epoch=on_epoch)
    masked = find(first, out / MASKS)
    sound = masked[masked["mask_quality"] == "good"].assign(split="train")

    def later(epoch: int, metrics: dict[str, float]) -> None:
        if on_epoch is not None:
            on_epoch(settings.epochs + epoch, metrics)

    second = replace(
        settings,
        epochs=second_epochs(settings),
        learning_rate=RATE_SHARE * settings.learning_rate,
    )
    both = concatenate(reference, sound)
    return train(both, second, out, on_epoch=later, start=first)


def second_epochs(settings: SegmentationSettings) -> int:
    """Return the epochs of the second training."""
    return max(1, round(EPOCHS_SHARE * settings.epochs))


def read_history(out: Path) -> list[dict[str, float]]:
    """Return the metrics of every epoch of the trainings in ``out``, numbered through both."""
    earlier = read_epochs(out / FIRST)
    later = [{**line, "epoch": len(earlier) + line["epoch"]} for line in read_epochs(out)]
    return earlier + later
