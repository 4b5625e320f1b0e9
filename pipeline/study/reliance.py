"""Reliance on the background, measured five ways on every test.

No way is enough by itself; ``MEASURES`` says of each how it can be fooled. What images must be
changed for is asked of the network once, beside its tests, and kept in ``testing/reliance``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.figures import macro_auc
from isnet_cxr.classification.reliance import measure_reliance
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.pipeline.study.measures import ERASED, EXCHANGED, MEASURES
from isnet_cxr.pipeline.study.seeds import average
from isnet_cxr.pipeline.study.trainings import Training

FOLDER, SEAM = "reliance", "seam"


def ask_changed(
    package: Path, images: Path, to: Path, *, cache: Path | None, device: str = "cpu"
) -> None:
    """Ask a classifier about the changed images of a manifest, and keep its answers.

    Args:
        package: The classifier's.
        images: A manifest; every label must be one of its classes.
        to: CSV file: image_id, exchanged_p_<class>..., erased_p_<class>..., seam
        cache: Folder of prepared images; None prepares them anew.
        device: Where the network runs.
    """
    classifier = Classifier.load(package, device)
    settings = classifier.settings.preprocessing
    prepared = load_images(read_manifest(images), settings, cache=cache, progress=False)
    answers = measure_reliance(classifier, prepared.images, prepared.masks)
    columns: dict[str, Any] = {"image_id": prepared.manifest["image_id"].to_numpy()}
    for changed, probabilities in ((EXCHANGED, answers.exchanged), (ERASED, answers.erased)):
        for number, name in enumerate(classifier.classes):
            columns[f"{changed}_p_{name}"] = probabilities[:, number]
    columns[SEAM] = answers.seam
    to.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(to, index=False)


def read_changed(training: Training, test: str) -> pd.DataFrame:
    """Read what ``ask_changed`` kept of a test: row by row the images of its predictions."""
    return pd.read_csv(training.testing / FOLDER / f"{test}.csv")


def score_reliance(
    classes: Sequence[str],
    trainings: Sequence[Training],
    tests: Sequence[str],
    *,
    bias: Mapping[str, Any],
) -> dict[str, Any]:
    """Measure every classifier's reliance on the background.

    Args:
        classes: Class names, in the order of the networks' outputs.
        trainings: On images as they are.
        tests: Names of the tests.
        bias: The summary's figures of bias tests, if there were any.

    Returns:
        By classifier and test: ``measures`` (mean over seeds, NaN where something could not be
        measured), ``caught``: names of those that speak against the classifier, ``rank``: share of
        the most relevant pixels inside the lungs, as many as the lungs have, ``seam``: share of
        its own background that an image keeps when it is exchanged, and ``seeds``, what each seed's
        network measures by itself, bias tests left out.
    """
    found: dict[str, Any] = {}
    for name in dict.fromkeys(training.classifier for training in trainings):
        own = [training for training in trainings if training.classifier == name]
        found[name] = {test: _measured(classes, own, test, bias) for test in tests}
    return found


def _measured(
    classes: Sequence[str], trainings: Sequence[Training], test: str, bias: Mapping[str, Any]
) -> dict[str, Any]:
    seeds = {str(own.seed): _by_predictions(classes, own, test) for own in trainings}
    values = average(list(seeds.values()))
    values["bias_test"] = _lost_by_deceiving(bias, trainings[0].classifier)
    measures = {name: values[name] for name in MEASURES}
    caught = [name for name, value in measures.items() if MEASURES[name].catches(value)]
    known = {"measures": measures, "caught": caught, "seeds": seeds}
    return known | {"rank": values["rank"], SEAM: values[SEAM]}


def _by_predictions(classes: Sequence[str], training: Training, test: str) -> dict[str, float]:
    """Measure one training, but for its bias tests."""
    said = training.predictions(test)
    changed = read_changed(training, test)
    both = pd.concat([said, changed.drop(columns="image_id")], axis=1)  # row by row the same images
    both = both[both[f"{ERASED}_p_{classes[0]}"].notna()]
    truth = both["label"].map({name: number for number, name in enumerate(classes)}).to_numpy(int)

    def auc(prefix: str) -> float:
        columns = [f"{prefix}p_{name}" for name in classes]
        return macro_auc(both[columns].to_numpy(dtype=float), truth)

    return {
        "relevance": float(said["relevance_inside_lungs"].mean()),
        "rank": float(said["relevance_rank_inside_lungs"].mean()),
        SEAM: float(changed[SEAM].mean()),
        "exchange": auc("") - auc(f"{EXCHANGED}_"),
        "erased": auc(f"{ERASED}_"),
        "accounted": accounted(both["log_odds"], both["relevance_net_inside_lungs"]),
    }


def accounted(log_odds: "pd.Series[float]", net: "pd.Series[float]") -> float:
    """Say how much of the log-odds the lungs' signed relevance accounts for.

    Args:
        log_odds: Of the explained class, one per image.
        net: Signed relevance inside the lungs, one per image.

    Returns:
        Median of 1 - |a - b| / (|a| + |b|): 1 where both are equal, 0 where their signs differ or
        one of them is nothing beside the other; NaN without images.
    """
    apart = (log_odds - net).abs() / (log_odds.abs() + net.abs()).clip(lower=1e-9)
    return float(1 - apart.median())


def _lost_by_deceiving(bias: Mapping[str, Any], classifier: str) -> float:
    """Return the largest loss of accuracy in a bias test; NaN where there was none."""
    lost = [
        tests[classifier][BIAS_TESTS[name].development]["accuracy"]
        - tests[classifier][BIAS_TESTS[name].tests[-1]]["accuracy"]
        for name, tests in bias.items()
        if classifier in tests
    ]
    return float(np.max(lost)) if lost else float("nan")
