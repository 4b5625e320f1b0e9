"""Five measures: a network that looks at nothing but lungs by its heatmaps is caught by others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.reliance import measure_reliance
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.bias.corners import stamp_corners
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Predictor
from isnet_cxr.pipeline.study.doubts import doubt_measures
from isnet_cxr.pipeline.study.measures import MEASURES
from isnet_cxr.pipeline.study.reliance import accounted, score_reliance

SIDE, COUNT, CLASSES = 48, 80, ["first", "second"]
LUNGS = np.zeros((SIDE, SIDE), np.uint8)
LUNGS[14:36, 8:20] = LUNGS[14:36, 28:40] = 1


@dataclass(frozen=True)
class Asked:
    """What ``score_reliance`` reads of a training."""

    testing: Path
    classifier: str = "network"
    seed: int = 0

    def predictions(self, test: str) -> pd.DataFrame:
        return pd.read_csv(self.testing / f"{test}.csv")


def inhibited() -> nn.Module:
    """Each class's unit sees the lungs and is switched off by the other class's mark.

    What is on has all of its relevance in the lungs; what decides is off and has none.
    """
    black = np.zeros((1, SIDE, SIDE), np.uint8)
    marks = [
        stamp_corners(black, black, np.array([number]), test="biased", count=2)[0] > 0
        for number in range(2)
    ]
    sees = nn.Conv2d(1, 3, SIDE)
    decides = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        parts = [torch.from_numpy(part).float() for part in (LUNGS > 0, *marks)]
        sees.weight[:, 0] = torch.stack([2 * part / part.sum() for part in parts])
        sees.bias.copy_(torch.tensor([0.0, -1.0, -1.0]))
        decides.weight[:, :, 0, 0] = torch.tensor([[1.0, 0.0, -9.0], [1.0, -9.0, 0.0]])
        decides.bias.zero_()
    return nn.Sequential(sees, nn.ReLU(), decides, nn.ReLU(), nn.Flatten())


def honest() -> nn.Module:
    """The first class's lungs are brighter on the left, the second's on the right."""
    sees = nn.Conv2d(1, 2, SIDE)
    left = torch.from_numpy(LUNGS).float()
    left[:, SIDE // 2 :] = 0
    sides = torch.stack([left, torch.from_numpy(LUNGS) - left])
    with torch.no_grad():
        sees.weight[:, 0] = 20 * (sides - sides.flip(0)) / LUNGS.sum()
        sees.bias.zero_()
    return nn.Sequential(sees, nn.ReLU(), nn.Flatten())


def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    truth = generator.integers(0, 2, COUNT)
    images = generator.integers(20, 60, (COUNT, SIDE, SIDE)).astype(np.uint8)
    images[:, LUNGS > 0] = 150
    for number, label in enumerate(truth):
        half = slice(0, SIDE // 2) if label == 0 else slice(SIDE // 2, SIDE)
        images[number, :, half] += (40 * LUNGS[:, half]).astype(np.uint8)
    return images, np.repeat(LUNGS[None], COUNT, axis=0), truth


def measure(network: nn.Module, folder: Path) -> dict:
    images, masks, truth = made()
    classifier = Classifier(network, classes=CLASSES, settings=ClassifierSettings())

    def stamped(test: str) -> np.ndarray:
        return stamp_corners(images, masks, truth, test=test, count=2)

    biased, ids = stamped("biased"), [f"{number:016x}" for number in range(COUNT)]
    predictions = Predictor(classifier).predict_prepared(biased, masks, ids)
    rows = [
        {name: v for out in OUTPUTS.values() for name, v in out.columns(one).items()}
        for one in predictions
    ]
    frame = pd.DataFrame(rows).assign(image_id=ids, label=[CLASSES[i] for i in truth])
    frame.to_csv(folder / "internal.csv", index=False)
    found = measure_reliance(classifier, biased, masks)
    (folder / "reliance").mkdir()
    answers = {f"exchanged_p_{n}": found.exchanged[:, i] for i, n in enumerate(CLASSES)}
    answers |= {f"erased_p_{n}": found.erased[:, i] for i, n in enumerate(CLASSES)}
    pd.DataFrame({"image_id": ids, "seam": found.seam, **answers}).to_csv(
        folder / "reliance" / "internal.csv", index=False
    )
    accuracy = {
        test: {"accuracy": float((classifier.predict(stamped(test)).argmax(1) == truth).mean())}
        for test in ("biased", "unbiased", "deceiving")
    }
    bias = {"corners": {"network": accuracy}}
    return score_reliance(CLASSES, [Asked(folder)], ["internal"], bias=bias)["network"]["internal"]


def test_inhibition_has_perfect_heatmaps_and_is_caught_by_two_measures(tmp_path):
    found = measure(inhibited(), tmp_path)
    assert found["measures"]["relevance"] > 0.999
    assert found["rank"] > 0.999
    assert {"bias_test", "exchange"} <= set(found["caught"])
    (doubt,) = doubt_measures({"network": {"internal": found}}, {})["relevance"]
    assert doubt.startswith("May have been fooled by network"), "and the report says so"


def test_an_image_that_stands_twice_is_measured_twice(tmp_path):
    measure(honest(), tmp_path)
    for path in (tmp_path / "internal.csv", tmp_path / "reliance" / "internal.csv"):
        rows = pd.read_csv(path)
        pd.concat([rows, rows.head(1)]).to_csv(path, index=False)
    found = score_reliance(CLASSES, [Asked(tmp_path)], ["internal"], bias={})
    assert found["network"]["internal"]["caught"] == []


def test_who_reads_the_lungs_is_caught_by_none(tmp_path):
    found = measure(honest(), tmp_path)
    assert found["caught"] == []
    assert set(found["measures"]) == set(MEASURES)
    assert not any(np.isnan(value) for value in found["measures"].values())


@pytest.mark.parametrize(
    ("log_odds", "net", "expected"),
    [([2.0], [2.0], 1.0), ([2.0], [-2.0], 0.0), ([3.0], [1.0], 0.5), ([1.0], [0.0], 0.0)],
)
def test_log_odds_are_accounted_for_by_equal_sums_alone(log_odds, net, expected):
    assert accounted(pd.Series(log_odds), pd.Series(net)) == pytest.approx(expected)
