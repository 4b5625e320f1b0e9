"""One training by two processes: each image once, the network of one process, killed, refused."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file

from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.fitting import read_epochs
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.manifests.manifest import COLUMNS, validate, write_manifest
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.writers import write_mask, write_png
from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study.learning import Learning, learn
from isnet_cxr.pipeline.study.run import run_study

pytestmark = pytest.mark.slow  # processes are spawned

CLASSES = ("normal", "covid")
SETTINGS = ClassifierSettings(
    method="baseline",
    network="tests_networks:without_batch_norm",  # beside this file, see conftest
    preprocessing=Preprocessing(size_px=32, exposure="none"),
    epochs=2,
    batch_size=8,
)
ISNET = replace(
    SETTINGS,
    method="isnet",
    method_settings=IsnetSettings(
        fraction=1.0, exchange_share=0.0, target_class="all", calibration_epochs=1
    ),
)
METHODS = {"baseline": SETTINGS, "isnet": ISNET}
"""No chance in them, and every image explained: what one image gives does not depend on others."""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> pd.DataFrame:
    """Images of two discs, the lungs; one class has bright lungs. 9 are for validation."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    mask = (np.hypot(rows - 16, columns - 9) < 6) | (np.hypot(rows - 16, columns - 23) < 6)
    write_mask(mask.astype(np.uint8), folder / "mask.png")
    listed = []
    for number in range(41):
        image = 0.6 + 0.1 * generator.random((32, 32))
        image[mask] -= 0.3 if number % 2 else 0.1
        write_png(np.rint(255 * image).astype(np.uint8), folder / f"{number}.png")
        listed.append({
            "image_id": image_id(image[None].astype(np.float32)),
            "path": str(folder / f"{number}.png"), "lung_mask": str(folder / "mask.png"),
            "dataset": "made", "site": "made", "patient_id": f"made/{number:012x}",
            "label": CLASSES[number % 2], "height_px": 32, "width_px": 32,
            "split": "train" if number < 32 else "val",
        })  # fmt: skip
    frame = pd.DataFrame(listed)
    for name, column in COLUMNS.items():
        if name not in frame:
            frame[name] = column.default
    return validate(frame)


@pytest.fixture(scope="module")
def learning(images, tmp_path_factory):
    """What to train in a folder of the given name."""
    folder = tmp_path_factory.mktemp("learning")

    def of(name: str, settings: ClassifierSettings) -> Learning:
        return Learning(
            images, settings, folder / name, CLASSES, seed=3, cache=folder / "cache",
            threads=1, progress=False,
        )  # fmt: skip

    return of


def train(learning: Learning, *, processes: int):
    """Train; return the package and what was told."""
    told: list[tuple[int, dict[str, float]]] = []
    package = learn(learning, lambda _, content: told.append(content), processes=processes)
    return package, told


@pytest.fixture(scope="module")
def together(learning):
    """The trainings by two processes, each done once."""
    return cache(lambda name: train(learning(f"two {name}", METHODS[name]), processes=2))


def weights(package: Path) -> dict[str, torch.Tensor]:
    return load_file(package / "weights.safetensors")


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_train_what_one_trains(learning, together, name):
    alone, epochs = train(learning(f"one {name}", METHODS[name]), processes=1)
    package, told = together(name)
    for weight, value in weights(alone).items():
        torch.testing.assert_close(weights(package)[weight], value, rtol=1e-3, atol=1e-5)
    assert [number for number, _ in told] == [0, 1]  # one process tells
    for (_, ours), (_, theirs) in zip(told, epochs, strict=True):
        assert ours.keys() == theirs.keys()
        for figure in ours.keys() - {"seconds"}:
            assert ours[figure] == pytest.approx(theirs[figure], rel=1e-2, abs=1e-4), figure


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(learning):
    class Stopped(Exception):  # noqa: N818
        pass

    long = replace(SETTINGS, epochs=30)  # they are short: some pass before the processes are ended
    stopped = learning("stopped", long)
    kept = stopped.out / "checkpoints" / "last.ckpt"

    def stop(_kind: str, _content: tuple[int, dict[str, float]]) -> None:
        if kept.is_file():  # an epoch is told before it is kept
            raise Stopped

    with pytest.raises(Stopped):
        learn(stopped, stop, processes=2)
    package, told = train(stopped, processes=2)
    first = told[0][0]
    assert first > 0
    assert [number for number, _ in told] == list(range(first, long.epochs))
    assert [line["epoch"] for line in read_epochs(package.parent)] == list(range(long.epochs))
    whole, _ = train(learning("whole", long), processes=2)
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(package)[name], value, rtol=0, atol=0)
    with pytest.raises(InputError, match="processes of the training begun there differ"):
        train(stopped, processes=1)


def test_a_study_has_one_mlflow_run_for_a_training_by_two_processes(images, tmp_path):
    write_manifest(images.assign(split=""), tmp_path / "manifest.csv")
    values = {
        "name": "together", "classes": list(CLASSES),
        "datasets": {"made": {"manifest": "manifest.csv"}}, "development": ["made"],
        "exclude_duplicates": False, "background_control": False, "samples_per_class": 0,
        "classifiers": {"baseline": {"method": "baseline"}},
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 1, "batch_size": 8},
        "processes_per_training": 2,
    }  # fmt: skip
    config = parse_study(values, folder=tmp_path)
    finished = run_study(config, tmp_path / "out", say=lambda _: None, progress=False)
    client = MlflowClient(finished.tracking_uri)
    experiment = client.get_experiment_by_name("together")
    runs = client.search_runs([experiment.experiment_id])
    names = [run.info.run_name for run in runs]
    assert [name for name in names if "seed" in name] == ["baseline seed 0"]
    values["defaults"]["batch_size"] = 9
    with pytest.raises(
        InputError, match=r"classifiers.baseline.batch_size: expected a multiple of 2"
    ):
        parse_study(values, folder=tmp_path)
