"""Figures on the images whose background misleads, and on those where it helps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.classification.conflict import GROUPS, in_conflict
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.study.seeds import score_seeds
from isnet_cxr.pipeline.study.trainings import Training


def score_groups(
    classes: Sequence[str], trainings: Sequence[Training], tests: Sequence[str]
) -> dict[str, Any]:
    """Score every classifier on the conflict group and on the aligned group of each test.

    Args:
        classes: Class names, in the order of the networks' outputs.
        trainings: On images as they are; the background control is one of the classifiers.
        tests: Names of the tests; those of a single class have no groups.

    Returns:
        Figures by test, group and classifier, as ``score_seeds`` returns them. A group without
        images is left out.
    """
    scores: dict[str, Any] = {}
    for test in tests:
        conflict = conflict_images(classes, trainings, test)
        if not conflict.any():
            continue
        scores[test] = {
            group: _score(classes, trainings, test, conflict.index[conflict == wrong])
            for group, wrong in zip(GROUPS, (False, True), strict=True)
            if (conflict == wrong).any()
        }
    return scores


def conflict_images(
    classes: Sequence[str], trainings: Sequence[Training], test: str
) -> "pd.Series[bool]":
    """Tell by image id whether the background misleads, as the control's seeds together see it."""
    frames = [own.predictions(test) for own in trainings if own.classifier == CONTROL]
    columns = [f"p_{name}" for name in classes]
    logs = [np.log(frame[columns].to_numpy(dtype=float).clip(min=1e-12)) for frame in frames]
    index = {name: number for number, name in enumerate(classes)}
    truth = frames[0]["label"].map(index).to_numpy(dtype=int)
    conflict = in_conflict(np.exp(np.mean(logs, axis=0)), truth)
    return pd.Series(conflict, index=frames[0]["image_id"])


def _score(
    classes: Sequence[str], trainings: Sequence[Training], test: str, images: "pd.Index[str]"
) -> dict[str, Any]:
    frames: dict[str, dict[int, pd.DataFrame]] = {}
    for training in trainings:
        rows = training.predictions(test)
        chosen = rows[rows["image_id"].isin(images)].reset_index(drop=True)
        frames.setdefault(training.classifier, {})[training.seed] = chosen
    return {name: score_seeds(by_seed, classes) for name, by_seed in frames.items()}
