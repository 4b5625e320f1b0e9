"""The model card of a classifier: what it is, what it learned from, its limits."""

from typing import Any

import pandas as pd

from isnet_cxr.classification.methods import attribution_of, needs_of
from isnet_cxr.classification.reading import read_classifier

TEMPLATE = """# Chest X-ray classifier ({method}, {network})

Research software, not a medical device. Not for diagnosis.

- Classes: {classes}
- Input: one frontal image, {size_px} x {size_px} px, grey in [0, 1], exposure "{exposure}"{masked}
- Heatmaps: {heatmaps}
- Seed: {seed}{bias}
- Calibration: {calibration}

## Trained on

{counts}

## Best epoch by validation loss

{metrics}

Images of hospitals that are not in the table may look different: test before you trust.
"""


def write_card(
    splits: dict[str, pd.DataFrame], config: dict[str, Any], metrics: dict[str, Any]
) -> str:
    """Return the card as Markdown; holds counts, never a patient or an image."""
    settings = config["settings"]
    read = read_classifier(settings, where="settings")
    lines = [
        f"- {split}, {row.dataset}, {row.label}: {row.images}"
        for split, rows in splits.items()
        for row in rows.groupby(["dataset", "label"]).size().reset_index(name="images").itertuples()
    ]
    return TEMPLATE.format(
        method=settings["method"],
        network=settings["network"],
        classes=", ".join(config["classes"]),
        size_px=settings["preprocessing"]["size_px"],
        exposure=settings["preprocessing"]["exposure"],
        masked=", and its lung mask" if needs_of(read).lung_masks_at_run_time else "; no lung mask",
        heatmaps=attribution_of(read).name,
        seed=config["seed"],
        bias=f"\n- Trained on images with a planted shortcut: bias test {settings['bias']}"
        if settings["bias"]
        else "",
        calibration=_describe_calibration(config.get("calibration")),
        counts="\n".join(lines),
        metrics="\n".join(f"- {name}: {value}" for name, value in metrics.items()),
    )


def _describe_calibration(calibration: dict[str, Any] | None) -> str:
    if calibration is None:
        return "none: too few validation images, or all of them right"
    return (
        f"temperature {calibration['temperature']:.3f}, from {calibration['images']} validation "
        "images; it holds for images like those"
    )
