"""Which of a study's trained classifiers is the champion: by validation, if its tests allow it.

The rule. Classifiers are ranked by the macro AUC on the validation images of the development set,
the mean over their seeds. The first one that passes is the champion, with its best seed. To pass, a
classifier must, in every bias test of the study, lose at most 0.10 macro F1 from the images it was
trained like to any other of the test; and at most 0.20 from the internal to any external test, with
the 95 % interval of its AUC above chance. One that was left out of a bias test does not pass it.
Where nothing can be looked at, nobody passes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from isnet_cxr.classification.figures import AREAS
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.learning.package import METRICS
from isnet_cxr.pipeline.config import CONTROL

BIAS_LOSS, EXTERNAL_LOSS = 0.10, 0.20
"""How much macro F1 may be lost in a bias test, and at an external test."""

CHANCE = 0.5
"""What the 95 % interval of an external test's AUC must lie above."""

INTERNAL, VALIDATION = "internal", "best_val_macro_auc"


@dataclass(frozen=True)
class Champion:
    """The classifier that a study puts forward.

    Attributes:
        classifier: Its name in the study.
        seed: Of its best training.
        package: That training's model package.
        validation: Its macro AUC on the validation images, the mean over seeds.
        failed: Why it is no champion: the first by validation where nobody passed; else empty.
        looked_at: Tests that it passed.
    """

    classifier: str
    seed: str
    package: Path
    validation: float
    failed: str
    looked_at: tuple[str, ...]

    @property
    def run(self) -> str:
        """Name of its training, as its MLflow run has it."""
        return f"{self.classifier} seed {self.seed}"

    @property
    def description(self) -> str:
        """Say in Markdown why it was chosen."""
        chosen = (
            f"Classifier {self.classifier}, seed {self.seed}. Macro AUC on validation images "
            f"{self.validation:.3f} (mean over seeds)."
        )
        if self.failed:
            return f"{chosen} Not the champion: {self.failed}. Research use only."
        return (
            f"{chosen} The best of those that passed: {', '.join(self.looked_at)}. The choice "
            "looked at these tests: they are no unseen data for it. Research use only."
        )


def choose_champion(summary: Mapping[str, Any], out: Path) -> Champion | None:
    """Choose by the rule above.

    Args:
        summary: Of the study.
        out: Its folder.

    Returns:
        None where no package of a classifier is there.
    """
    ranked = sorted(_candidates(summary, out), key=lambda one: -one.validation)
    passed = (one for one in ranked if not one.failed)
    return next(passed, ranked[0] if ranked else None)


def _candidates(summary: Mapping[str, Any], out: Path) -> Iterator[Champion]:
    for name, tests in summary["classification"].items():
        if name == CONTROL:
            continue
        figures = {}
        for seed in tests[INTERNAL]["seeds"]:
            package = out / "classifiers" / name / f"seed-{seed}" / "learning" / "package"
            if (package / METRICS).is_file():
                metrics = json.loads((package / METRICS).read_text(encoding="utf-8"))
                figures[seed] = (float(metrics.get(VALIDATION) or 0.0), package)
        if figures:
            best = max(figures, key=lambda seed: figures[seed][0])
            failed, looked_at = _judge(name, summary)
            mean = fmean(figure for figure, _ in figures.values())
            yield Champion(name, best, figures[best][1], mean, failed, looked_at)


def _judge(name: str, summary: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Say why a classifier does not pass, or which tests it passed."""
    passed = []
    for what, first, others, most in _comparisons(name, summary):
        if first is None:
            return f"it was left out of {what}", ()
        if others and first - min(others) > most:
            return f"{what}: macro F1 {min(others):.2f}, {first:.2f} before", ()
        passed.append(what)
    for test, low in _lowest_areas(summary["classification"][name]):
        if low <= CHANCE:
            return f"external test {test}: its AUC may be chance, 95 % interval from {low:.2f}", ()
    if not passed:
        return "the study has no bias test and no external test to pass", ()
    return "", tuple(passed)


def _comparisons(
    name: str, summary: Mapping[str, Any]
) -> Iterator[tuple[str, float | None, list[float], float]]:
    """Yield what is compared: its name, the figure to start from, the others, the most to lose."""
    for bias, by_classifier in summary.get("bias", {}).items():
        figures = _macro_f1(by_classifier.get(name, {}))
        first = figures.pop(BIAS_TESTS[bias].development, None)
        yield f"bias test {bias}", first, list(figures.values()), BIAS_LOSS
    figures = _macro_f1(summary["classification"][name])
    first = figures.pop(INTERNAL, None)
    for test, figure in figures.items():
        yield f"external test {test}", first, [figure], EXTERNAL_LOSS


def _lowest_areas(tests: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each external test that has an AUC, and the lower end of its interval."""
    for test, figures in tests.items():
        known = [figures["ci95"][key][0] for key in AREAS if key in figures["ci95"]]
        if test != INTERNAL and known and known[0] is not None:
            yield test, float(known[0])


def _macro_f1(tests: Mapping[str, Any]) -> dict[str, float]:
    known = {test: figures.get("macro_f1") for test, figures in tests.items()}
    return {test: float(figure) for test, figure in known.items() if figure is not None}
