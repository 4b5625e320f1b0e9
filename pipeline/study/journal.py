"""What happens in a study, told to the user and to MLflow."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isnet_cxr.classification.reading import plain_classifier
from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.study.ceilings import CEILINGS, Ceiling, CeilingFold
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.jobs import Job
from isnet_cxr.pipeline.study.logged import evidence_figures, evidence_of
from isnet_cxr.pipeline.study.steps import digest_manifest, write_json
from isnet_cxr.pipeline.study.trainings import Training
from isnet_cxr.pipeline.tracking import Run, Status, Tracker

Say = Callable[[str], None]
LOGGED = "isnet_cxr.logged"
EVIDENCE = "evidence.json"
_SHOWN = (
    "train_loss",
    "val_loss",
    "val_macro_f1",
    "val_macro_auc",
    "val_dice",
    "val_relevance_inside_lungs",
)


class Journal:
    """Keeps a study's MLflow runs: one for the study, one below it for every training."""

    def __init__(self, tracker: Tracker, parent: Run, study: StudyConfig, say: Say) -> None:
        """Write into ``parent`` and runs below it; ``say`` gets one line at a time."""
        self._tracker = tracker
        self._study = study
        self._parent = parent
        self._open: dict[str, Run] = {}
        self.say = say

    def hear(self, job: Job, kind: str, content: Any) -> None:
        """Take what a training's process tells."""
        training = job.training
        if training.name not in self._open:
            self._open[training.name] = self._start(training, job.classes)
        if kind == "epoch":
            epoch, metrics = content
            self._open[training.name].log_metrics(metrics, step=epoch)
            self.say(epoch_line(training.name, epoch, training.settings.epochs, metrics))
        elif kind == "stage":
            self.say(f"{training.name}: {content}")
        elif kind == "done":
            self._open.pop(training.name).end()

    def close(self, status: Status) -> None:
        """End the runs of trainings that were stopped."""
        for run in self._open.values():
            run.end(status)
        self._open.clear()

    def run_of_lungs(self, digest: str, *, datasets: Sequence[str]) -> Run:
        """Return the run of the lung segmenter, trained on ``datasets``."""
        tags = {"role": "lungs", "study": self._study.name, "dataset": ", ".join(datasets)}
        return self._tracker.run(
            "lungs", name="lungs", digest=digest, parent=self._parent, tags=tags,
            description="The lung segmenter, stage 1.",
        )  # fmt: skip

    def has_logged(self, training: Training) -> bool:
        """Whether ``log_training`` was done for this very training and its tests."""
        run = self._tracker.known_run(training.name, digest=training.learn)
        return run is not None and run.has_tag(LOGGED, training.test)

    def log_training(
        self, training: Training, images: StudyImages, figures: Mapping[str, Any], pictures: Path
    ) -> None:
        """Log a finished training's figures, images, pictures and package."""
        with self._start(training, ()).ending() as run:
            run.log_history(training.epochs())
            run.log_figures(figures)
            trained = images.development[images.development["split"].isin(["train", "val"])]
            run.log_images(
                trained, name="development", digest=digest_manifest(trained), role="training"
            )
            tests = ["internal"] if training.bias else list(images.tests)
            for test in tests:
                rows = images.tests[test]
                run.log_images(rows, name=test, digest=digest_manifest(rows), role="testing")
            run.log_folder(training.package, folder="package")
            run.log_folder(pictures, folder="figures")
            run.tag(**{LOGGED: training.test})

    def log_evidence(self, training: Training, summary: Mapping[str, Any]) -> None:
        """Log what a study found of a training's classifier, which more seeds or tests may change.

        Of trainings on images as they are; those of bias tests have nothing but their figures.
        """
        run = self._tracker.known_run(training.name, digest=training.learn)
        if run is None or not training.is_whole:
            return
        run.log_figures(evidence_figures(summary, training))
        path = training.folder / EVIDENCE
        write_json(evidence_of(summary, training.classifier), path)
        run.log_file(path)

    def log_ceilings(self, ceilings: Sequence[Ceiling], summary: Mapping[str, Any]) -> None:
        """Log figures and images of those folds that were not; their networks are for no use.

        Args:
            ceilings: Finished.
            summary: Of the study, with its evidence.
        """
        for ceiling in ceilings:
            measured = summary["evidence"][CEILINGS][ceiling.test]
            for fold in ceiling.folds:
                if not self.has_logged(fold):
                    value = measured["folds"][str(fold.number)][str(fold.seed)]
                    self._log_fold(fold, ceiling, {measured["figure"]: value})

    def _log_fold(self, fold: CeilingFold, ceiling: Ceiling, figures: Mapping[str, float]) -> None:
        with self._start(fold, ()).ending() as run:
            run.log_history(fold.epochs())
            run.log_figures(figures)
            for role, splits in (("training", ("train", "val")), ("testing", ("test",))):
                rows = ceiling.part(fold, *splits)
                run.log_images(rows, name=ceiling.test, digest=digest_manifest(rows), role=role)
            run.tag(**{LOGGED: fold.test})

    def _start(self, training: Training, classes: tuple[str, ...]) -> Run:
        tags = {
            "study": self._study.name,
            "dataset": ", ".join(self._study.development),
            "classifier": training.classifier,
            "method": training.settings.method,
            "seed": str(training.seed),
            **training.tags,
        }
        run = self._tracker.run(
            training.name, name=training.name, digest=training.learn, parent=self._parent,
            tags=tags, description=f"Classifier {training.name}, stage 2.",
        )  # fmt: skip
        params = {"classifier": training.classifier, "seed": training.seed}
        run.log_params({**params, **plain_classifier(training.settings)})
        if classes:
            run.log_params({"classes": ", ".join(classes)})
        return run


def epoch_line(name: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> str:
    """Say in one line what came of an epoch."""
    shown = [f"{key} {metrics[key]:.3f}" for key in _SHOWN if key in metrics]
    return f"{name}: epoch {epoch + 1}/{epochs}  {'  '.join(shown)}"
