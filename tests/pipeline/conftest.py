"""Small images, manifests and untrained packages, made on the spot.

Lets tests import ``clusters`` from this folder.
"""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)

Command = Callable[..., tuple[int, str, str]]
CLASSES = ("normal", "covid")


@pytest.fixture(scope="session")
def classifier_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that was never trained, for images of 32 px."""
    from isnet_cxr.classification.classifier import KIND
    from isnet_cxr.classification.networks import build_network
    from isnet_cxr.classification.reading import plain_classifier
    from isnet_cxr.classification.settings import ClassifierSettings
    from isnet_cxr.data.learning.package import Package, write_package
    from isnet_cxr.data.learning.preprocess import Preprocessing

    settings = ClassifierSettings(method="baseline", preprocessing=Preprocessing(size_px=32))
    network = build_network(settings.network, classes=len(CLASSES), seed=0)
    config = {"kind": KIND, "classes": list(CLASSES), "settings": plain_classifier(settings)}
    package = Package(weights=network.state_dict(), config=config, metrics={}, card="")
    return write_package(package, tmp_path_factory.mktemp("classifier") / "package")


def write_image(path: Path, *, seed: int, height: int = 40, width: int = 32) -> Path:
    from isnet_cxr.data.writers import write_png

    generator = np.random.default_rng(seed)
    write_png(generator.integers(0, 256, (height, width), dtype=np.uint8), path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with three readable images."""
    for number in range(3):
        write_image(tmp_path / "images" / f"image-{number}.png", seed=number)
    return tmp_path / "images"


@pytest.fixture
def write_images(tmp_path: Path) -> Callable[..., Path]:
    """Write images with labels, splits and, if asked for, lung masks; return their manifest."""
    from isnet_cxr.data.manifests.manifest import write_manifest
    from isnet_cxr.data.manifests.records import image_id, patient_key
    from isnet_cxr.data.readers import read_image
    from isnet_cxr.data.writers import write_mask

    def write(
        name: str,
        *,
        label: Callable[[int], str] = lambda number: CLASSES[number % 2],
        lungs: np.ndarray | None = None,
        count: int = 8,
    ) -> Path:
        folder = tmp_path / name
        rows = []
        for number in range(count):
            path = write_image(folder / f"{number}.png", seed=len(name) * 100 + number)
            mask = folder / f"mask-{number}.png"
            if lungs is not None:
                write_mask(lungs, mask)
            rows.append(
                {
                    "image_id": image_id(read_image(path).pixels),
                    "path": str(path),
                    "dataset": name,
                    "patient_id": patient_key(name, str(number)),
                    "label": label(number),
                    "height_px": 40,
                    "width_px": 32,
                    "split": ("train", "train", "val", "val")[number % 4],
                    "lung_mask": str(mask) if lungs is not None else "",
                    "mask_source": "reference" if lungs is not None else "",
                }
            )
        write_manifest(pd.DataFrame(rows), folder / "manifest.csv")
        return folder / "manifest.csv"

    return write


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process; return exit code, output and errors."""

    from isnet_cxr.pipeline import cli

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["isnet-cxr", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        gc.unfreeze()  # what a command keeps from the collector, hypothesis asks it for
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
