"""Is it the background that divides a test? Its groups once backgrounds are exchanged.

A classifier is good where the background helps and poor where it misleads. That may be its fault,
or the lungs of the second group are harder to read. Two answers, from what a study has predicted
anyway: its classifiers were asked again about images with other images' backgrounds, and a ceiling,
trained on the test itself, shows what can be told of each group at all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.classification.conflict import GROUPS
from isnet_cxr.classification.evidence.gap import Sampled, sample, sample_folds
from isnet_cxr.classification.figures import AREAS, FIGURES
from isnet_cxr.classification.resampling import draw_resamples
from isnet_cxr.classification.statistics import as_scored
from isnet_cxr.pipeline.study.ceilings import Ceiling
from isnet_cxr.pipeline.study.evidence.gaps import RESAMPLES, describe, out_of_fold
from isnet_cxr.pipeline.study.evidence.tested import by_classifier
from isnet_cxr.pipeline.study.groups import conflict_images
from isnet_cxr.pipeline.study.measures import EXCHANGED
from isnet_cxr.pipeline.study.reliance import read_changed
from isnet_cxr.pipeline.study.trainings import Training

Rows = NDArray[np.bool_]

Answers = Sequence[tuple[pd.DataFrame, pd.DataFrame]]
"""Of each seed, what was said of the images as they are and of those with other backgrounds."""


def measure_exchanged(
    classes: Sequence[str],
    trainings: Sequence[Training],
    tests: Sequence[str],
    ceilings: Sequence[Ceiling],
) -> dict[str, Any]:
    """Score every classifier on each test's groups, with own and with other backgrounds.

    Args:
        classes: Class names, in the order of the networks' outputs.
        trainings: On images as they are, the control's among them; all have the same seeds.
        tests: Names of the tests.
        ceilings: Of tests, finished.

    Returns:
        By test and group ``figure`` (its key), ``images``: those of the group that have lungs,
        ``classifiers`` (by name ``own``, ``exchanged`` and ``gained``, their difference), and
        ``ceiling`` where the test has one. Each a ``value`` and its ``ci95`` over patients and
        seeds, drawn together. A group that has no such figure is left out.
    """
    found: dict[str, Any] = {}
    for test in tests:
        conflict = conflict_images(classes, trainings, test).to_numpy()
        if not conflict.any():
            continue
        asked = {
            name: [_ask(one, classes, test) for one in own]
            for name, own in by_classifier(trainings).items()
        }
        known = _have_lungs(asked, classes)
        ceiling = next((one for one in ceilings if one.test == test), None)
        found[test] = {}
        for group, wrong in zip(GROUPS, (False, True), strict=True):
            rows = known & (conflict == wrong)
            if figure := _figure(asked, rows, classes):
                found[test][group] = _measure(asked, rows, classes, figure, ceiling)
    return found


def _ask(
    training: Training, classes: Sequence[str], test: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    said, changed = training.predictions(test), read_changed(training, test)
    other = {f"p_{name}": changed[f"{EXCHANGED}_p_{name}"] for name in classes}
    return said, said.assign(**other)  # row by row the same images


def _have_lungs(asked: Mapping[str, Answers], classes: Sequence[str]) -> Rows:
    """Tell of which images the background could be exchanged, for every training."""
    column = f"p_{classes[0]}"
    answers = [exchanged[column] for seeds in asked.values() for _, exchanged in seeds]
    return np.asarray(pd.concat(answers, axis=1).notna().all(axis=1))


def _figure(asked: Mapping[str, Answers], rows: Rows, classes: Sequence[str]) -> str:
    """Return the key of what can be measured on these images; nothing where nothing can."""
    said = next(iter(asked.values()))[0][0][rows]
    if said.empty:
        return ""
    scored = as_scored(said, classes)
    return next((key for key in AREAS if not np.isnan(FIGURES[key].measure(scored))), "")


def _measure(
    asked: Mapping[str, Answers],
    rows: Rows,
    classes: Sequence[str],
    figure: str,
    ceiling: Ceiling | None,
) -> dict[str, Any]:
    seeds = next(iter(asked.values()))
    images = seeds[0][0][rows]
    samples = draw_resamples(images["patient_id"], seeds=len(seeds), resamples=RESAMPLES, seed=0)

    def on(frames: Sequence[pd.DataFrame]) -> Sampled:
        scored = [as_scored(frame[rows], classes) for frame in frames]
        return sample(FIGURES[figure], scored, samples)

    found: dict[str, Any] = {"figure": figure, "images": len(images), "classifiers": {}}
    for name, answers in asked.items():
        own, exchanged = (on(frames) for frames in zip(*answers, strict=True))
        found["classifiers"][name] = {
            "own": describe(own),
            "exchanged": describe(exchanged),
            "gained": describe(exchanged - own),
        }
    if ceiling is not None:
        highest = sample_folds(FIGURES[figure], *out_of_fold(ceiling, images["image_id"]), samples)
        found["ceiling"] = describe(highest)
    return found
