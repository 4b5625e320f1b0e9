"""A study whose predictions were made up: what its report is measured on. Nothing is trained."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.classification.classifier import KIND
from isnet_cxr.classification.networks import build_network
from isnet_cxr.classification.reading import plain_classifier
from isnet_cxr.classification.temperature import apply_temperature
from isnet_cxr.data.audit import tabulate
from isnet_cxr.data.audit.plain import plain_association
from isnet_cxr.data.learning.fitting import EPOCHS
from isnet_cxr.data.learning.package import Package, write_package
from isnet_cxr.pipeline.config import CONTROL, StudyConfig, parse_study
from isnet_cxr.pipeline.report import ReportMaterial
from isnet_cxr.pipeline.study.describe import describe_study
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.measures import ERASED, EXCHANGED
from isnet_cxr.pipeline.study.reliance import FOLDER as RELIANCE
from isnet_cxr.pipeline.study.reliance import SEAM
from isnet_cxr.pipeline.study.samples import Explained, choose_samples, write_explained
from isnet_cxr.pipeline.study.trainings import VALIDATION, Training, plan_trainings

CLASSES = ["normal", "pneumonia", "covid"]
SKILLS = {"baseline": 1.0, "exchange": 1.2, "isnet": 1.5, CONTROL: 0.4}
SITES = ("north", "south", "east")
SIZE_PX, SAMPLES, EPOCHS_MADE = 128, 2, 20
SHARES = {"train": 0.5, "val": 0.1, "internal": 0.2, "away": 0.4, "far": 0.4}
"""Images of each part, in parts of the tests'."""


@dataclass(frozen=True)
class Size:
    """How large a made study is.

    Attributes:
        runs: Trainings: of four classifiers, the control among them.
        images: Images of all tests together.
    """

    runs: int = 20
    images: int = 5000

    @property
    def seeds(self) -> list[int]:
        """Seeds of each classifier."""
        return list(range(max(1, self.runs // len(SKILLS))))


def make_study(out: Path, size: Size, *, write: bool = True) -> ReportMaterial:
    """Write what the trainings of a study leave behind, and return what its report is made from.

    Two images of each patient; every external test has three sites; classifiers differ in skill.

    Args:
        out: The study's folder.
        size: Its size.
        write: Whether to write; otherwise it has been written.
    """
    config = _configure(size, out)
    parts = {name: _images(name, round(share * size.images)) for name, share in SHARES.items()}
    development = [parts[part].assign(split=split) for part, split in
                   (("train", "train"), ("val", "val"), ("internal", "test"))]  # fmt: skip
    whole = pd.concat(development, ignore_index=True)
    external = {name: parts[name] for name in config.external}
    images = StudyImages({"home": whole, **external}, whole, external)
    trainings = plan_trainings(config, images, out, lungs="")
    for number, training in enumerate(trainings if write else ()):
        _leave_behind(training, images, number)
    associations = [plain_association(one) for one in tabulate(whole)]
    audit = {"roles": {}, "leaks": [], "associations": associations, "shortcuts": []}
    return ReportMaterial(config, describe_study(config), images, audit, None, trainings)


def _configure(size: Size, out: Path) -> StudyConfig:
    phantoms = {"phantoms": {"hospital": "elmwood", "images_per_class": 1}}  # named, never made
    settings = {"preprocessing": {"size_px": SIZE_PX}, "network": "convnet-small"}
    values = {
        "name": "made up",
        "classes": CLASSES,
        "datasets": dict.fromkeys(("home", "away", "far"), phantoms),
        "development": ["home"],
        "external": {"away": ["away"], "far": ["far"]},
        "defaults": settings,
        "classifiers": {name: {"method": name} for name in SKILLS if name != CONTROL},
        "seeds": size.seeds,
        "compare": [["isnet", "baseline"], ["isnet", "exchange"]],
        "samples_per_class": SAMPLES,
    }
    return parse_study(values, folder=out)


def _images(name: str, count: int) -> pd.DataFrame:
    generator = np.random.default_rng(sum(map(ord, name)))
    dataset = name if name in ("away", "far") else "home"
    rows = np.arange(count)
    sites = SITES if dataset != "home" else ("",)
    frame = pd.DataFrame({
        "image_id": [f"{name}{row}" for row in rows],
        "path": "", "dataset": dataset,
        "site": [sites[row // 2 % len(sites)] for row in rows],
        "patient_id": [f"{dataset}/{name}{row // 2}" for row in rows],
        "label": np.array(CLASSES)[generator.integers(len(CLASSES), size=count)],
        "view": "PA", "age": generator.integers(20, 90, count).astype(float), "sex": "",
        "height_px": 2000, "width_px": 1800, "spacing_row_mm": 0.2, "spacing_col_mm": 0.2,
        "split": "test", "lung_mask": "made", "mask_source": "predicted",
        "mask_quality": np.where(rows % 9, "good", "doubtful"),
        "reading": "", "review_flag": "", "boxes": "",
    })  # fmt: skip
    return frame


def _leave_behind(training: Training, images: StudyImages, number: int) -> None:
    generator = np.random.default_rng(number)
    skill = SKILLS[training.classifier]
    for folder in (training.testing / RELIANCE, training.validating, training.learning):
        folder.mkdir(parents=True, exist_ok=True)
    validation = images.development[images.development["split"] == "val"]
    _predict(validation, skill, generator).to_csv(training.validating / VALIDATION, index=False)
    for test, rows in images.tests.items():
        _predict(rows, skill, generator).to_csv(training.testing / f"{test}.csv", index=False)
        changed = _changed(rows, skill, generator)
        changed.to_csv(training.testing / RELIANCE / f"{test}.csv", index=False)
        if training.seed == 0:
            samples = choose_samples(rows, CLASSES, per_class=SAMPLES)
            write_explained(_explain(samples, generator), training.testing / f"{test}.npz")
    _learn(training)


def _learn(training: Training) -> None:
    """Write the epochs and an untrained network."""
    rate = np.linspace(1, 0, EPOCHS_MADE)
    epochs = [
        {"epoch": number, "train_loss": 0.2 + value, "val_loss": 0.3 + value,
         "val_macro_f1": 0.9 - value / 2, "val_macro_auc": 0.95 - value / 3, "seconds": 1.0}
        for number, value in enumerate(rate.tolist())
    ]  # fmt: skip
    lines = "".join(f"{json.dumps(epoch)}\n" for epoch in epochs)
    (training.learning / EPOCHS).write_text(lines)
    network = build_network(training.settings.network, classes=len(CLASSES), seed=training.seed)
    config = {"kind": KIND, "classes": CLASSES, "settings": plain_classifier(training.settings)}
    write_package(Package(network.state_dict(), config, {}, ""), training.package)


def _predict(images: pd.DataFrame, skill: float, generator: np.random.Generator) -> pd.DataFrame:
    probabilities = _probabilities(images["label"], skill, generator)
    count = len(images)
    inside = generator.beta(5, 3, count)
    odds = generator.normal(2, 1, count)
    frame = images[["image_id", "patient_id", "dataset", "label"]].assign(
        predicted=np.array(CLASSES)[probabilities.argmax(axis=1)]
    )
    for number, name in enumerate(CLASSES):
        frame[f"p_{name}"] = probabilities[:, number]
        frame[f"calibrated_p_{name}"] = probabilities[:, number]
    return frame.assign(
        relevance_inside_lungs=inside,
        relevance_rank_inside_lungs=inside,
        log_odds=odds,
        relevance_net_inside_lungs=odds * inside,
        relevance_gross=2 * odds,
        gate=np.where(np.arange(count) % 20, "frontal chest", "doubtful"),
        strangeness=generator.exponential(size=count),
    )


def _changed(images: pd.DataFrame, skill: float, generator: np.random.Generator) -> pd.DataFrame:
    frame = images[["image_id"]].copy()
    for changed, left in ((EXCHANGED, skill), (ERASED, 0.2)):
        probabilities = _probabilities(images["label"], left, generator)
        for number, name in enumerate(CLASSES):
            frame[f"{changed}_p_{name}"] = probabilities[:, number]
    return frame.assign(**{SEAM: 0.07})


def _probabilities(
    labels: "pd.Series[str]", skill: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    truth = np.array([CLASSES.index(label) for label in labels])
    logits = generator.normal(size=(len(truth), len(CLASSES))) + skill * np.eye(len(CLASSES))[truth]
    return apply_temperature(np.exp(logits - logits.max(axis=1, keepdims=True)), 1.0)


def _explain(samples: pd.DataFrame, generator: np.random.Generator) -> Explained:
    count, shape = len(samples), (len(samples), SIZE_PX, SIZE_PX)
    probabilities = _probabilities(samples["label"], 1.0, generator)
    return Explained(
        image_ids=samples["image_id"].to_numpy(dtype=str),
        labels=samples["label"].to_numpy(dtype=str),
        predicted=np.array(CLASSES)[probabilities.argmax(axis=1)],
        probabilities=probabilities.astype(np.float32),
        images=generator.integers(0, 256, shape, dtype=np.uint8),
        masks=np.ones(shape, dtype=np.uint8),
        heatmaps=generator.normal(size=shape).astype(np.float32),
        share_inside_lungs=np.full(count, 0.8, dtype=np.float32),
    )
