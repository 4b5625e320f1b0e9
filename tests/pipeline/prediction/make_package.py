"""Writes the tiny model package that stays in these tests, and what it says of two images.

Run by hand, once for every schema of packages, from the repository's root:

    python tests/pipeline/prediction/make_package.py tests/pipeline/prediction/packages/schema-2

Later versions must read it and predict the same. Both networks are trained, as small as they get,
on generated chest images; the gate keeps two directions of each model.
"""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

SIZE_PX = 32
PIXELS = (48, 40)


def shown_images() -> list[np.ndarray]:
    """Two images made by a formula, (1, H, W) in [0, 1]: darker lungs on a brighter body."""
    rows, columns = np.mgrid[: PIXELS[0], : PIXELS[1]].astype(np.float64)
    images = []
    for depth in (0.25, 0.45):
        image = 0.7 + 0.05 * np.sin(rows / 3) * np.cos(columns / 5)
        for centre in (11.0, 29.0):
            lung = ((rows - 24) / 16) ** 2 + ((columns - centre) / 7) ** 2 < 1
            image -= depth * lung
        images.append(image[np.newaxis].astype(np.float32))
    return images


def described(package: Path) -> dict[str, list[dict[str, object]]]:
    """Say what a package's networks and gate make of the two images."""
    from isnet_cxr.data.readers import Radiograph
    from isnet_cxr.pipeline.prediction.predictor import Predictor

    predictor = Predictor.load(package)
    images = shown_images()
    lungs = [predictor.segment(pixels) for pixels in images]
    rows = []
    for pixels, mask, one in zip(
        images, lungs, predictor.predict(images, lungs=lungs), strict=True
    ):
        calibrated = getattr(one, "calibrated", None)
        verdict = predictor.judge(Radiograph(pixels), mask)
        rows.append(
            {
                "classes": list(one.classes),
                "probabilities": [round(float(p), 7) for p in one.probabilities],
                "calibrated": None
                if calibrated is None
                else [round(float(p), 7) for p in calibrated],
                "inside": round(one.relevance_inside_lungs, 5),
                "lung_px": int(mask.mask.sum()),
                "gate": verdict.name,
            }
        )
    return {"images": rows}


def make(out: Path) -> None:
    """Train both networks in a temporary folder and leave the package in ``out``."""
    from isnet_cxr.classification.methods.vit import VitSettings
    from isnet_cxr.classification.settings import ClassifierSettings
    from isnet_cxr.classification.training import train_classifier
    from isnet_cxr.data.gate import appearance
    from isnet_cxr.data.learning.package import add_lungs
    from isnet_cxr.data.learning.preprocess import Preprocessing
    from isnet_cxr.data.manifests.manifest import concatenate
    from isnet_cxr.data.phantoms import DEVELOPMENT, LABELS, make_hospital
    from isnet_cxr.segmentation.network import NetworkSettings
    from isnet_cxr.segmentation.settings import SegmentationSettings
    from isnet_cxr.segmentation.training import train_segmenter

    for name in appearance.DIRECTIONS:
        appearance.DIRECTIONS[name] = 2
    preprocessing = Preprocessing(size_px=SIZE_PX)
    vit = ClassifierSettings(
        method="vit", preprocessing=preprocessing, epochs=6, batch_size=8, learning_rate=3e-3,
        method_settings=VitSettings(width=8, layers=1, heads=2),
    )  # fmt: skip
    shape = NetworkSettings(channels=(4, 8, 8), residual_units=1)
    unet = replace(
        SegmentationSettings(), network=shape, preprocessing=preprocessing, epochs=6, batch_size=8
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        frames = []
        for hospital in DEVELOPMENT:
            counts = dict.fromkeys(hospital.looks, 120 // len(hospital.looks))
            frames.append(make_hospital(hospital, folder / hospital.name, counts=counts, seed=0))
        images = concatenate(*frames)
        images["split"] = ["val" if n % 3 == 0 else "train" for n in range(len(images))]
        lungs = train_segmenter(images, unet, folder / "lungs", cache=None, seed=0, progress=False)
        package = train_classifier(
            images, vit, folder / "vit", classes=list(LABELS), seed=0, cache=None, progress=False
        )
        add_lungs(package, lungs)
        shutil.copytree(package, out)
    expected = json.dumps(described(out), indent=2) + "\n"
    out.with_name(f"{out.name}.json").write_text(expected)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
