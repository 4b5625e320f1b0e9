"""The model card of a lung segmenter."""

from typing import Any

import pandas as pd

from isnet_cxr.segmentation.settings import SegmentationSettings

_CARD = """# Lung segmenter

**Research use only. Not a medical device; not for diagnosis or treatment.**

Segments both lungs on frontal chest X-rays, as one mask. The heart is left out; what the training
masks leave out, such as lung behind the diaphragm or the heart, is left out too.

## Network

MONAI U-Net, channels {channels}, {norm} norm, {residual_units} residual units per block. Images are
letterboxed to {size_px} x {size_px} px, exposure {exposure!r}. Trained with Dice + binary
cross-entropy for {epochs} epochs, seed {seed}; the epoch of the best validation Dice is kept.

## Training data

{data}

## Figures

On the validation images, which also chose the epoch, at the network's resolution before
post-processing:

{figures}

Expect lower figures on images of external hospitals, on children, with one lung opaque, and
with devices that cover the lungs. Every predicted mask comes with a verdict; look at the doubtful.
"""


def write_card(
    splits: dict[str, pd.DataFrame],
    settings: SegmentationSettings,
    metrics: dict[str, Any],
    *,
    seed: int,
) -> str:
    """Describe a trained segmenter in Markdown: counts only, nothing about a patient.

    Args:
        splits: Rows of each split.
        settings: Of the training.
        metrics: Of the epoch that was kept.
        seed: Of the training.
    """
    return _CARD.format(
        channels=", ".join(str(channels) for channels in settings.network.channels),
        norm=settings.network.norm,
        residual_units=settings.network.residual_units,
        size_px=settings.preprocessing.size_px,
        exposure=settings.preprocessing.exposure,
        epochs=settings.epochs,
        seed=seed,
        data=_count(splits),
        figures="\n".join(f"- {name}: {value:.4g}" for name, value in metrics.items()),
    )


def _count(splits: dict[str, pd.DataFrame]) -> str:
    lines = ["| split | dataset | images | patients |", "|---|---|---|---|"]
    for split, rows in splits.items():
        for dataset, group in rows.groupby("dataset"):
            patients = group["patient_id"].nunique()
            lines.append(f"| {split} | {dataset} | {len(group)} | {patients} |")
    return "\n".join(lines)
