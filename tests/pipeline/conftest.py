"""Small films, manifests and untrained packages, made on the spot."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Command = Callable[..., tuple[int, str, str]]
CLASSES = ("normal", "covid")


@pytest.fixture(scope="session")
def classifier_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that was never trained, for films of 32 px."""
    from classification.classifier import KIND
    from classification.networks import build_network
    from classification.settings import ClassifierSettings
    from data.fitting import as_plain
    from data.package import Package, write_package
    from data.preprocess import Preprocessing

    settings = ClassifierSettings(method="plain", preprocessing=Preprocessing(size_px=32))
    network = build_network(settings.network, classes=len(CLASSES), seed=0)
    config = {"kind": KIND, "classes": list(CLASSES), "settings": as_plain(settings)}
    package = Package(weights=network.state_dict(), config=config, metrics={}, card="")
    return write_package(package, tmp_path_factory.mktemp("classifier") / "package")


def write_film(path: Path, *, seed: int, height: int = 40, width: int = 32) -> Path:
    from data.readers import write_png

    generator = np.random.default_rng(seed)
    write_png(generator.integers(0, 256, (height, width), dtype=np.uint8), path)
    return path


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with three readable films."""
    for number in range(3):
        write_film(tmp_path / "films" / f"film-{number}.png", seed=number)
    return tmp_path / "films"


@pytest.fixture
def write_films(tmp_path: Path) -> Callable[..., Path]:
    """Write films with labels, splits and, if asked for, lung masks; return their manifest."""
    from data.manifest import write_manifest
    from data.readers import read_image, write_mask
    from data.records import image_id, patient_key

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
            path = write_film(folder / f"{number}.png", seed=len(name) * 100 + number)
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

    from pipeline import cli

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["isnet-cxr", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
