"""The demonstration: a study on generated images of made-up hospitals, and what it must show.

Letters and borders are far from the lungs, and an exchange of backgrounds reaches them. The pads
and aprons lie so close beside the lungs that it does not: what is background in both of two images
is exchanged, and a pad mostly lies where the other image has its lungs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from isnet_cxr.data.phantoms import DEVELOPMENT, EXTERNAL, LUNG_TEST, LUNG_TRAINING, PADDED
from isnet_cxr.pipeline.config import StudyConfig, parse_study

CLASSES = ("normal", "pneumonia", "covid")
PHANTOM_SEED = 7

# Everything that decides how long the demonstration takes and what it shows stands here.
IMAGES_PER_CLASS = {"development": 150, "external": 50, "lung training": 40, "lung test": 15}
SEGMENTATION = {
    "preprocessing": {"size_px": 96, "exposure": "centre"},
    "epochs": 12,
    "batch_size": 4,
}
DEFAULTS = {
    "network": "convnet-small",
    "preprocessing": {"size_px": 96, "exposure": "centre"},
    "epochs": 14,
    "batch_size": 16,
}
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "baseline": {"method": "baseline"},
    "exchange": {
        "method": "exchange",
        "epochs": 40,
        "learning_rate": 4e-3,
        "exchange": {"share": 1.0},
    },
    "isnet": {
        "method": "isnet",
        "epochs": 80,
        "learning_rate": 4e-3,
        "isnet": {
            "exchange_share": 1.0,
            "exchange_partners": 4,
            "consistency": 1.0,
            "weight_start": 0.7,
            "weight_end": 0.55,
            "calibration_epochs": 2,
        },
    },
}
JOBS = 2
DECEIVING = "southbank"
"""The external hospital where letters, borders and pads are those of another class."""


@dataclass(frozen=True)
class Check:
    """One figure that the demonstration promises.

    Attributes:
        what: Which figure.
        value: What it came to.
        limit: What it must reach.
        at_least: Whether the limit is the least or the most.
    """

    what: str
    value: float
    limit: float
    at_least: bool = True

    @property
    def held(self) -> bool:
        """Whether the promise was kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def line(self) -> str:
        """Say so."""
        bound = "at least" if self.at_least else "at most"
        verdict = "held  " if self.held else "MISSED"
        return f"{verdict}  {self.what}: {self.value:.3f} ({bound} {self.limit:.2f})"


def describe_demo(out: Path, *, seeds: int) -> StudyConfig:
    """Describe the demonstration's study, as a YAML file would.

    Args:
        out: The study's folder.
        seeds: Trainings of each classifier.
    """
    roles = [(hospital, "development") for hospital in DEVELOPMENT]
    roles += [(hospital, "external") for hospital in EXTERNAL]
    roles += [(LUNG_TRAINING, "lung training"), (LUNG_TEST, "lung test")]
    datasets = {
        hospital.name: {
            "phantoms": {
                "hospital": PADDED[hospital.name].name,
                "images_per_class": IMAGES_PER_CLASS[role],
                "seed": PHANTOM_SEED,
            }
        }
        for hospital, role in roles
    }
    return parse_study(_describe(datasets, seeds), folder=out)


def check_figures(summary: Mapping[str, Any]) -> list[Check]:
    """Compare a demonstration's figures with what is promised.

    External figures are means over the external hospitals.
    """
    figures = summary["classification"]
    own = {name: tests["internal"]["macro_f1"] for name, tests in figures.items()}
    far = {name: _external(tests) for name, tests in figures.items()}
    deceived = {name: tests[DECEIVING]["macro_f1"] for name, tests in figures.items()}
    dice = summary["segmentation"][LUNG_TEST.name]["dice"]
    lungs = min(tests["relevance_inside_lungs"] or 0.0 for tests in figures["isnet"].values())
    return [
        Check("lung Dice at another hospital", dice, 0.95),
        Check("baseline, internal test, macro F1", own["baseline"], 0.95),
        *(
            Check(f"{name}, internal minus external macro F1", own[name] - far[name], 0.30)
            for name in ("baseline", "exchange")
        ),
        Check(
            "ISNet, internal minus external macro F1",
            own["isnet"] - far["isnet"],
            0.15,
            at_least=False,
        ),
        *(
            Check(
                f"ISNet minus {name}, macro F1 where the background deceives",
                deceived["isnet"] - deceived[name],
                0.20,
            )
            for name in ("baseline", "exchange")
        ),
        Check("ISNet, relevance inside the lungs, least of all tests", lungs, 0.90),
    ]


def _external(tests: Mapping[str, Any]) -> float:
    return fmean(tests[hospital.name]["macro_f1"] for hospital in EXTERNAL)


def _describe(datasets: Mapping[str, Any], seeds: int) -> dict[str, Any]:
    return {
        "name": "demo on generated images",
        "classes": list(CLASSES),
        "datasets": dict(datasets),
        "segmentation": {
            "train": [LUNG_TRAINING.name],
            "test": [LUNG_TEST.name],
            "settings": SEGMENTATION,
        },
        "development": [hospital.name for hospital in DEVELOPMENT],
        "external": {hospital.name: [hospital.name] for hospital in EXTERNAL},
        "exclude_duplicates": False,  # images are generated, none twice
        "defaults": DEFAULTS,
        "classifiers": CLASSIFIERS,
        "seeds": list(range(seeds)),
        "jobs": JOBS,
        "threads_per_training": 1,
        "compare": [["isnet", "baseline"], ["isnet", "exchange"]],
    }
