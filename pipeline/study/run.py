"""Run a study from its configuration to its report, going on where an earlier run stopped."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.cluster import run_on_cluster
from isnet_cxr.pipeline.config import CONTROL, StudyConfig
from isnet_cxr.pipeline.report import CHECKS, MODEL_CARD, ReportMaterial, draw_pictures
from isnet_cxr.pipeline.study.audit import AUDIT, audit_study
from isnet_cxr.pipeline.study.ceilings import (
    CEILINGS,
    divide_tests,
    plan_ceilings,
    plan_fold_jobs,
)
from isnet_cxr.pipeline.study.describe import describe_study, without_places, write_description
from isnet_cxr.pipeline.study.evidence import across_metrics
from isnet_cxr.pipeline.study.folds import Folds, describe_folds, plan_folds
from isnet_cxr.pipeline.study.images import (
    StudyImages,
    assign_roles,
    describe_copies,
    without_unusable_masks,
)
from isnet_cxr.pipeline.study.jobs import Job, plan_jobs, prepare_images, work
from isnet_cxr.pipeline.study.journal import LOGGED, Journal, Say, epoch_line
from isnet_cxr.pipeline.study.logged import study_figures
from isnet_cxr.pipeline.study.lungs import Lungs, LungsPlan, apply_lungs, plan_lungs, train_lungs
from isnet_cxr.pipeline.study.parallel import run_jobs
from isnet_cxr.pipeline.study.registering import register_champion
from isnet_cxr.pipeline.study.reporting import REPORT, report_study
from isnet_cxr.pipeline.study.sources import LeftOut
from isnet_cxr.pipeline.study.steps import digest_manifest
from isnet_cxr.pipeline.study.tables import check_tables
from isnet_cxr.pipeline.study.trainings import Training, can_have_control, plan_trainings
from isnet_cxr.pipeline.tracking import Tracker

DESCRIPTION, LOCK = "study.yaml", ".study.lock"


@dataclass(frozen=True)
class Finished:
    """What a study leaves behind.

    Attributes:
        summary: As in ``summary.json``.
        report: The report's file.
        tracking_uri: Where its MLflow runs are.
        left_out: Images that were not used.
        undelivered: Why MLflow's store stopped answering; empty where it has everything.
    """

    summary: dict[str, Any]
    report: Path
    tracking_uri: str
    left_out: tuple[LeftOut, ...]
    undelivered: str = ""


def run_study(
    config: StudyConfig, out: Path, *, say: Say, progress: bool = True, ray: str | None = None
) -> Finished:
    """Do everything of a study that is not done yet.

    Args:
        config: The study.
        out: Its folder, made if missing. Finished steps in it are kept, an interrupted training
            goes on, and what was made from other settings or images is made anew.
        say: Gets a line about whatever happens.
        progress: Show progress bars.
        ray: Address of a Ray cluster that trains the classifiers; None trains them here.

    Raises:
        InputError: If the data or settings are wrong, or another process works in ``out``.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        tracker = Tracker(out, config.name)
        if tracker.was_restored:
            say("the MLflow experiment had been deleted: it is restored, with its earlier runs")
        parent = tracker.run(
            "study", name=config.name, digest=config.name, description=_describe(config),
            tags={"role": "study", "study": config.name, "dataset": ", ".join(config.development)},
        )  # fmt: skip
        with parent.ending():
            description = describe_study(config)
            write_description(description, out / DESCRIPTION)
            parent.log_file(write_description(without_places(description), out / "resolved.yaml"))
            parent.log_params(without_places(description))
            journal = Journal(tracker, parent, config, say)
            summary, left_out = _do(config, description, out, journal, progress=progress, ray=ray)
            logged = ("segmentation", "classification", "conflict", "bias", "reliance")
            parent.log_figures({key: summary[key] for key in logged if key in summary})
            parent.log_figures(study_figures(summary))
            parent.log_figures({CEILINGS: summary.get("evidence", {}).get(CEILINGS, {})})
            if "across" in summary:
                parent.log_figures({"across": across_metrics(summary["across"])})
            for result in (REPORT, MODEL_CARD, CHECKS, "summary.json", f"audit/{AUDIT}"):
                parent.log_file(out / result)
        registered = register_champion(tracker, summary, out)
        if registered is not None:
            say(f"registered in MLflow: {registered.uri}")
        return Finished(summary, out / REPORT, tracker.uri, left_out, tracker.lost)


def _do(
    config: StudyConfig,
    description: dict[str, Any],
    out: Path,
    journal: Journal,
    *,
    progress: bool,
    ray: str | None,
) -> tuple[dict[str, Any], tuple[LeftOut, ...]]:
    """Data, lungs, classifiers, figures, report: in this order."""
    check_tables(config)
    images = assign_roles(config, out, progress=progress)
    audit = audit_study(images, out, progress=progress)
    for line in (*_describe_images(images), *_describe_audit(audit)):
        journal.say(line)
    splits = divide_tests(config, images, out, progress=progress)
    images, lungs = _mask(config, images, out, journal, progress=progress)
    folds = plan_folds(
        images.development, config.classes, config.across_hospitals, copies=images.copies
    )
    for line in describe_folds(folds):
        journal.say(line)
    digest, package = (lungs.digest, lungs.package) if lungs else ("", None)
    trainings = plan_trainings(config, images, out, lungs=digest, folds=folds.folds)
    ceilings = plan_ceilings(config, images, splits, out)
    jobs = plan_jobs(config, images, trainings, out, lungs=package, folds=folds.folds)
    jobs += plan_fold_jobs(config, ceilings, out)
    of = len(trainings) + sum(len(ceiling.folds) for ceiling in ceilings)
    _train(config, jobs, journal, of=of, progress=progress, ray=ray)
    journal.say("figures and report")
    material = ReportMaterial(config, description, images, audit, lungs, trainings)
    summary = report_study(material, out, folds=folds, ceilings=ceilings)
    _log(material, folds, summary, journal)
    journal.log_ceilings(ceilings, summary)
    return summary, images.left_out


def _log(material: ReportMaterial, folds: Folds, summary: dict[str, Any], journal: Journal) -> None:
    """Give MLflow the figures and pictures of trainings that it does not have."""
    images = {"": material.images} | {fold.name: fold.of(material.images) for fold in folds.folds}
    classes = {fold.name: fold.classes for fold in folds.folds}
    for training in material.trainings:
        if not journal.has_logged(training):
            figures = _figures_of(summary, training)
            known = classes.get(training.fold, material.config.classes)
            pictures = draw_pictures(training, figures, known)
            journal.log_training(training, images[training.fold], figures, pictures)
        journal.log_evidence(training, summary)


def _mask(
    config: StudyConfig, images: StudyImages, out: Path, journal: Journal, *, progress: bool
) -> tuple[StudyImages, Lungs | None]:
    """Give the images their lung masks, and leave out those that cannot be trained on."""
    lungs = None
    if config.segmentation is not None:
        lungs = _do_lungs(config, images, out, journal, progress=progress)
        images = lungs.images
    images = without_unusable_masks(images, config.classes)
    if config.has_control and not can_have_control(images):
        journal.say(f"no {CONTROL!r} control: some images have no lung mask to be erased by")
    return images, lungs


def _do_lungs(
    config: StudyConfig, images: StudyImages, out: Path, journal: Journal, *, progress: bool
) -> Lungs:
    plan = plan_lungs(config, images, out)
    if plan.folder is None:
        return apply_lungs(config, images, plan, out, progress=progress)
    trained_on = config.segmentation.train if config.segmentation is not None else []
    run = journal.run_of_lungs(plan.digest, datasets=trained_on)
    with run.ending():
        run.log_params(plan.params)

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            run.log_metrics(metrics, step=epoch)
            journal.say(epoch_line("lungs", epoch, plan.epochs, metrics))

        train_lungs(plan, out, on_epoch=on_epoch)
        lungs = apply_lungs(config, images, plan, out, progress=progress)
        if not run.has_tag(LOGGED, plan.digest):
            run.log_history(lungs.epochs)
            run.log_figures(lungs.scores)
            _log_lung_images(run, plan, lungs)
            run.log_folder(plan.package, folder="package")
            run.tag(**{LOGGED: plan.digest})
    return lungs


def _log_lung_images(run: Any, plan: LungsPlan, lungs: Lungs) -> None:
    assert plan.training is not None, "a trained segmenter has images"
    digest = digest_manifest(plan.training)
    run.log_images(plan.training, name="lungs", digest=digest, role="training")
    for name, rows in lungs.reference.items():
        run.log_images(rows, name=name, digest=digest_manifest(rows), role="testing")


def _train(
    config: StudyConfig,
    jobs: Sequence[Job],
    journal: Journal,
    *,
    of: int,
    progress: bool,
    ray: str | None,
) -> None:
    journal.say(f"{of} trainings, {of - len(jobs)} of them finished before")
    prepare_images(jobs, progress=progress)
    try:
        if ray is None:
            run_jobs(work, jobs, at_once=config.jobs, on_message=journal.hear)
        else:
            gpus = config.processes_per_training
            run_on_cluster(
                work, jobs, address=ray, cpus=config.threads_per_training * gpus, gpus=gpus,
                on_message=journal.hear,
            )  # fmt: skip
    except KeyboardInterrupt:
        journal.close("KILLED")
        raise
    except BaseException:
        journal.close("FAILED")
        raise


def _figures_of(summary: dict[str, Any], training: Training) -> dict[str, Any]:
    """Return this training's own figures by test."""
    scores = summary["bias"][training.bias] if training.bias else summary["classification"]
    if training.fold:
        folds = {fold["name"]: fold["scores"] for fold in summary["across"]["folds"]}
        scores = folds[training.fold]
    tests = scores[training.classifier]
    return {test: figures["seeds"][str(training.seed)] for test, figures in tests.items()}


def _describe(config: StudyConfig) -> str:
    """Say in Markdown what a study is."""
    tests = ", ".join(config.external) or "none"
    return (
        f"Chest X-ray classifiers {', '.join(config.unbiased)} trained on "
        f"{', '.join(config.development)}; external tests: {tests}. Research use only. The report "
        "is among the artifacts."
    )


def _describe_images(images: StudyImages) -> list[str]:
    tests = ", ".join(f"{name} {len(rows)}" for name, rows in images.tests.items())
    development = f"{len(images.development)} images in the development set"
    copies = [] if images.copies is None else [describe_copies(images)]
    return [f"{development}; images to test on: {tests}", *copies]


def _describe_audit(audit: dict[str, Any]) -> list[str]:
    lines = [f"leak, allowed: {leak['count']} {leak['name']}" for leak in audit["leaks"]]
    guesses = [f"{own['evidence']} {own['macro_auc']:.2f}" for own in audit["shortcuts"]]
    if guesses:
        lines.append(f"class guessed without the lungs, macro AUC: {', '.join(guesses)}")
    return lines


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep a second process out of the study's folder."""
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{out}: another process is working on this study") from None
        yield
