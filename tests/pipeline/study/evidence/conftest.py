"""A study's predictions on disk, and the evidence gathered from them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.classification.temperature import apply_temperature
from isnet_cxr.pipeline.study.evidence import gather_evidence
from isnet_cxr.pipeline.study.summary import _plain
from isnet_cxr.pipeline.study.trainings import VALIDATION, Training

CLASSES = ["normal", "pneumonia", "covid"]
SKILL = {"good": 2.5, "poor": 0.5}
HEAT = 3.0


def make_manifest(
    name: str, *, images: int, sites: tuple[str, ...], classes=CLASSES
) -> pd.DataFrame:
    generator = np.random.default_rng(len(name))
    return pd.DataFrame(
        {
            "image_id": [f"{name}{row}" for row in range(images)],
            "patient_id": [f"{name}/{row // 2}" for row in range(images)],
            "dataset": name,
            "site": [sites[row // 2 % len(sites)] for row in range(images)],
            "label": np.array(classes)[generator.integers(len(classes), size=images)],
            "split": "test",
            "view": "PA",
            "sex": "",
            "age": np.nan,
            "height_px": 100,
            "width_px": 100,
            "mask_quality": np.where(np.arange(images) % 5, "good", "failed"),
        }
    )


def predict(images: pd.DataFrame, skill: float, seed: int) -> pd.DataFrame:
    """Predictions that are ``HEAT`` times as sure as they may be."""
    generator = np.random.default_rng(seed)
    truth = images["label"].map(CLASSES.index).to_numpy()
    logits = HEAT * (generator.normal(size=(len(images), 3)) + skill * np.eye(3)[truth])
    probabilities = apply_temperature(np.exp(logits - logits.max(axis=1, keepdims=True)), 1.0)
    frame = images[["image_id", "patient_id", "dataset", "label"]].assign(
        gate=np.where(np.arange(len(images)) % 10, "frontal chest", "refused"),
        strangeness=1.0,
        relevance_inside_lungs=0.5,
    )
    return frame.assign(**{f"p_{name}": probabilities[:, n] for n, name in enumerate(CLASSES)})


@pytest.fixture(scope="package")
def tests() -> dict[str, pd.DataFrame]:
    return {
        "internal": make_manifest("home", images=300, sites=("home",)),
        "away": make_manifest("away", images=240, sites=("north", "south"), classes=CLASSES[:2]),
    }


@pytest.fixture(scope="package")
def evidence(tests, tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder, trainings = tmp_path_factory.mktemp("evidence"), []
    validation = make_manifest("val", images=400, sites=("home",))
    for number, (name, skill) in enumerate(SKILL.items()):
        for seed in (0, 1):
            own = Path(folder) / name / str(seed)
            training = Training(name, ClassifierSettings(), seed, own, "", "")
            for place in (training.testing, training.validating):
                place.mkdir(parents=True)
            drawn = 10 * number + seed
            for test, images in tests.items():
                table = predict(images, skill, drawn)
                table.to_csv(training.testing / f"{test}.csv", index=False)
            table = predict(validation, skill, drawn)
            table.to_csv(training.validating / VALIDATION, index=False)
            trainings.append(training)
    gathered = gather_evidence(
        trainings, CLASSES, development=validation, tests=tests, compared=[["good", "poor"]]
    )
    return _plain(gathered)


@pytest.fixture(scope="package")
def manifest():
    """Makes the images of a test."""
    return make_manifest


@pytest.fixture(scope="package")
def predictions():
    """Makes the predictions of a test."""
    return predict
