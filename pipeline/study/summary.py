"""The figures of a study, ``summary.json``: the same seeds and images give the same file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.pipeline.config import CONTROL, StudyConfig
from isnet_cxr.pipeline.study.ceilings import Ceiling
from isnet_cxr.pipeline.study.evidence import gather_evidence, measure_exchanged, score_across
from isnet_cxr.pipeline.study.folds import Folds
from isnet_cxr.pipeline.study.groups import score_groups
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.pointing import score_pointing
from isnet_cxr.pipeline.study.reliance import score_reliance
from isnet_cxr.pipeline.study.sanity import score_sanity
from isnet_cxr.pipeline.study.scoring import compare_pairs, score_tests
from isnet_cxr.pipeline.study.steps import write_json
from isnet_cxr.pipeline.study.trainings import Training
from isnet_cxr.pipeline.study.verdict import verdict

SUMMARY = "summary.json"


def summarise_study(
    config: StudyConfig,
    trainings: Sequence[Training],
    *,
    images: StudyImages,
    segmentation: Mapping[str, Any],
    left_out: Sequence[Mapping[str, Any]],
    flagged: Sequence[Mapping[str, Any]],
    folds: Folds | None = None,
    ceilings: Sequence[Ceiling] = (),
) -> dict[str, Any]:
    """Score every classifier on every test.

    Args:
        config: The study.
        trainings: All of its trainings, finished.
        images: Its images, with masks.
        segmentation: Scores of the lung masks by dataset.
        left_out: Images the study did not use, counted.
        flagged: Images that it used and a person should look at, counted.
        folds: Its folds, where hospitals are held out.
        ceilings: Of external tests, finished.

    Returns:
        ``segmentation``, ``classification`` (classifier, test: means over seeds and ``seeds`` with
        each seed's own), ``evidence`` (what a reviewer asks), ``reliance`` on the background,
        ``pointing`` (test, class, classifier) where images have boxes, ``sanity`` of heatmaps,
        where there is a control ``conflict`` (test, group, classifier) and ``exchanged`` (what
        other backgrounds change in these groups), where they were asked for ``bias`` (bias test,
        classifier, test), ``across`` (hospitals held out) and ``comparisons``, and the ``verdict``.
    """
    tests = list(images.tests)
    plain = [training for training in trainings if training.is_whole]
    names = list(dict.fromkeys(training.classifier for training in plain))
    summary: dict[str, Any] = {
        "study": config.name,
        "classes": config.classes,
        "segmentation": dict(segmentation),
        "classification": score_tests(config.classes, names, plain, tests),
        "left_out": list(left_out),
        "flagged": list(flagged),
    }
    summary |= {"bias": _score_bias(config, trainings)} if config.bias_tests else {}
    if plain:
        summary["evidence"] = gather_evidence(
            plain, config.classes, development=images.development, tests=images.tests,
            compared=config.compared, ceilings=ceilings,
        )  # fmt: skip
        summary |= _score_reliance(config, plain, tests, bias=summary.get("bias", {}))
    if CONTROL in names:
        summary["conflict"] = score_groups(config.classes, plain, tests)
        summary["exchanged"] = measure_exchanged(config.classes, plain, tests, ceilings)
    if config.compared:
        summary["comparisons"] = compare_pairs(config.classes, config.compared, plain, tests)
    if folds is not None and folds.folds:
        summary["across"] = score_across(config, folds, trainings)
    plain_summary = {name: _plain(value) for name, value in summary.items()}
    return {**plain_summary, "verdict": verdict(plain_summary)}


def write_summary(summary: Mapping[str, Any], out: Path) -> Path:
    """Write ``summary.json`` into ``out``."""
    write_json(summary, out / SUMMARY)
    return out / SUMMARY


def _score_reliance(
    config: StudyConfig,
    trainings: Sequence[Training],
    tests: Sequence[str],
    *,
    bias: Mapping[str, Any],
) -> dict[str, Any]:
    checked = [training for training in trainings if training.checks]
    return {
        "reliance": score_reliance(config.classes, trainings, tests, bias=bias),
        "pointing": score_pointing(checked, tests),
        "sanity": score_sanity(checked),
    }


def _score_bias(config: StudyConfig, trainings: Sequence[Training]) -> dict[str, Any]:
    """Score the trainings of every bias test on its tests."""
    scores = {}
    for name, section in config.bias_tests.items():
        own = [training for training in trainings if training.bias == name]
        tests = BIAS_TESTS[name].tests
        scores[name] = score_tests(config.classes, section.classifiers, own, tests)
    return scores


def _plain(value: Any) -> Any:
    """Turn NaN into None, which JSON has, all the way down."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
