"""What a training's process is given and does: train one classifier, test it, explain samples."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.learning.package import add_lungs
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest
from isnet_cxr.data.registry import load_extensions
from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.study.folds import Fold
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.learning import Learning, learn
from isnet_cxr.pipeline.study.machine import automatic_device, number_of_workers
from isnet_cxr.pipeline.study.parallel import Tell
from isnet_cxr.pipeline.study.pointing import choose_boxed
from isnet_cxr.pipeline.study.samples import choose_samples
from isnet_cxr.pipeline.study.steps import once
from isnet_cxr.pipeline.study.trainings import FOLDS, VALIDATION, Training


@dataclass(frozen=True)
class Job:
    """What a training's process is given; everything else it reads from disk.

    Attributes:
        training: What to train.
        development: Manifest of the development set, with splits and masks.
        tests: Manifest of each test by name.
        samples: Manifest of the images of each test that are explained for the report; a test that
            is not among them is predicted, and nothing more is asked about it.
        classes: Class names.
        lungs: Package of the lung segmenter, if there is one.
        cache: Folder of prepared images, shared by all trainings.
        threads: CPU threads that each of its processes may use.
        processes: How many train together.
        extensions: Of the study; every process imports them.
        boxed: Manifest of the images of each test that heatmaps are held against boxes on.
        sanity: Manifest of the images that heatmaps are checked for sanity on, if any.
    """

    training: Training
    development: Path
    tests: Mapping[str, Path]
    samples: Mapping[str, Path]
    classes: tuple[str, ...]
    lungs: Path | None
    cache: Path
    threads: int
    processes: int = 1
    extensions: tuple[str, ...] = ()
    boxed: Mapping[str, Path] = field(default_factory=dict)
    sanity: Path | None = None


def plan_jobs(
    config: StudyConfig,
    images: StudyImages,
    trainings: list[Training],
    out: Path,
    *,
    lungs: Path | None,
    folds: Sequence[Fold] = (),
) -> list[Job]:
    """Write the manifests and list the jobs for the trainings that are not finished.

    Args:
        config: The study.
        images: Its images, with masks.
        trainings: All of its trainings.
        out: The study's folder.
        lungs: The lung segmenter's package, which every classifier's package carries.
        folds: Parts of the development set that some of the trainings are on.
    """
    wholes = {"": _write_images(images, out / "images")} | {
        fold.name: _write_images(fold.of(images), out / "images" / FOLDS / fold.name)
        for fold in folds
    }
    classes = {"": tuple(config.classes)} | {fold.name: fold.classes for fold in folds}
    samples = {
        name: _written(
            choose_samples(rows, config.classes, per_class=config.samples_per_class),
            out / "images" / "samples" / f"{name}.parquet",
        )
        for name, rows in images.tests.items()
    }
    jobs = []
    for training in trainings:
        development, tests = wholes[training.fold]
        job = Job(
            training=training,
            development=development,
            tests={"internal": tests["internal"]} if training.bias else tests,
            samples=samples if training.is_whole else {},
            classes=classes[training.fold],
            lungs=lungs,
            cache=out / "cache",
            threads=config.threads_per_training,
            processes=config.processes_per_training,
            extensions=tuple(config.extensions),
        )
        jobs += [] if training.is_finished else [job]
    return _with_checks(config, images, jobs, out / "images")


def _with_checks(config: StudyConfig, images: StudyImages, jobs: list[Job], out: Path) -> list[Job]:
    """Give the jobs whose heatmaps are checked the images to do so on."""
    boxed = {}
    for name, rows in images.tests.items():
        chosen = choose_boxed(rows, config.classes, per_class=config.pointing_per_class)
        if len(chosen):
            boxed[name] = _written(chosen, out / "boxed" / f"{name}.parquet")
    internal = images.tests["internal"]
    few = choose_samples(internal, config.classes, per_class=config.sanity_per_class)
    sanity = _written(few, out / "sanity.parquet") if len(few) else None
    return [
        replace(job, boxed=boxed, sanity=sanity) if job.training.checks else job for job in jobs
    ]


def _write_images(images: StudyImages, folder: Path) -> tuple[Path, dict[str, Path]]:
    """Write the manifests of the development set and of each test."""
    tests = {
        name: _written(rows, folder / "tests" / f"{name}.parquet")
        for name, rows in images.tests.items()
    }
    return _written(images.development, folder / "development.parquet"), tests


def prepare_images(jobs: Sequence[Job], *, progress: bool) -> None:
    """Fill the cache with what the jobs will read, several processes reading at a time.

    A training reads them one by one.
    """
    for settings, manifests in _wanted(jobs).items():
        for images in manifests:
            if len(images):
                load_images(
                    images,
                    settings,
                    cache=jobs[0].cache,
                    workers=number_of_workers(),
                    progress=progress,
                )


def work(job: Job, tell: Tell) -> None:
    """Train and test one classifier; what is finished is not repeated.

    Runs in a process of its own. Tells "epoch" with number and metrics, and "stage" with what it
    does next.
    """
    import torch

    torch.set_num_threads(job.threads)
    os.environ["OMP_NUM_THREADS"] = str(job.threads)  # for what it may start itself
    load_extensions(job.extensions)
    training = job.training
    tell("stage", "training")
    once(training.learning, {"digest": training.learn}, lambda folder: _learn(job, tell, folder))
    if training.has_thresholds:
        once(training.validating, {"digest": training.learn}, lambda folder: _validate(job, folder))
    once(training.testing, {"digest": training.test}, lambda folder: _test(job, tell, folder))
    if training.checks:
        digest = {"digest": training.checks}
        once(training.checking, digest, lambda folder: _check(job, tell, folder))
    tell("done")


def _learn(job: Job, tell: Tell, folder: Path) -> None:
    learning = Learning(
        read_manifest(job.development), job.training.settings, folder,
        classes=list(job.classes), seed=job.training.seed, cache=job.cache,
        threads=job.threads, extensions=job.extensions, progress=False,
    )  # fmt: skip
    learn(learning, tell, processes=job.processes)
    if job.lungs is not None:
        add_lungs(job.training.package, job.lungs)


def _validate(job: Job, folder: Path) -> None:
    """Predict the images that thresholds and temperatures are fixed on; no test is looked at."""
    development = read_manifest(job.development)
    _predict(job, development[development["split"] == "val"], folder / VALIDATION, bias=None)


def _test(job: Job, tell: Tell, folder: Path) -> None:
    from isnet_cxr.pipeline.study.reliance import FOLDER as RELIANCE
    from isnet_cxr.pipeline.study.reliance import ask_changed
    from isnet_cxr.pipeline.study.samples import explain_samples

    training = job.training
    for name, path in job.tests.items():
        images = read_manifest(path)
        if training.bias:
            for test in BIAS_TESTS[training.bias].tests:
                _predict(job, images, folder / f"{test}.csv", bias=(training.bias, test))
            continue
        tell("stage", f"tests on {name}")
        _predict(job, images, folder / f"{name}.csv", bias=None)
        if name not in job.samples:
            continue
        ask_changed(
            training.package,
            path,
            folder / RELIANCE / f"{name}.csv",
            cache=job.cache,
            device=automatic_device(),
        )
        explain_samples(
            training.package,
            job.samples[name],
            folder / f"{name}.npz",
            cache=job.cache,
            device=automatic_device(),
        )


def _check(job: Job, tell: Tell, folder: Path) -> None:
    """Check the heatmaps: for sanity, and against boxes around findings."""
    from isnet_cxr.pipeline.study.pointing import FOLDER as POINTING
    from isnet_cxr.pipeline.study.pointing import ask_where
    from isnet_cxr.pipeline.study.sanity import FILE as SANITY
    from isnet_cxr.pipeline.study.sanity import ask_sanity

    tell("stage", "checks of its heatmaps")
    package, device = job.training.package, automatic_device()
    if job.sanity is not None and not (folder / SANITY).is_file():
        ask_sanity(package, job.sanity, folder / SANITY, cache=job.cache, device=device)
    for name, path in job.boxed.items():
        to = folder / POINTING / f"{name}.csv"
        if not to.is_file():  # an interrupted check goes on with the next test
            ask_where(package, path, to, cache=job.cache, device=device)


def _predict(job: Job, images: pd.DataFrame, to: Path, *, bias: tuple[str, str] | None) -> None:
    from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier

    predictions = evaluate_classifier(
        job.training.package,
        images,
        cache=job.cache,
        bias=bias,
        device=automatic_device(),
        progress=False,
    )
    predictions.to_csv(to, index=False)


def _wanted(jobs: Sequence[Job]) -> dict[Preprocessing, list[pd.DataFrame]]:
    """List the manifests that jobs read, each once, by how their images are prepared."""
    paths: dict[Preprocessing, dict[Path, None]] = {}
    for job in jobs:
        own = paths.setdefault(job.training.settings.preprocessing, {})
        own.update(dict.fromkeys([job.development, *job.tests.values(), *job.samples.values()]))
        own.update(dict.fromkeys([*job.boxed.values(), *([job.sanity] if job.sanity else [])]))
    developments = {job.development for job in jobs}
    read = {path: read_manifest(path) for own in paths.values() for path in own}
    return {
        settings: [
            part
            for path in own
            for part in (_by_split(read[path]) if path in developments else [read[path]])
        ]
        for settings, own in paths.items()
    }


def _by_split(development: pd.DataFrame) -> list[pd.DataFrame]:
    return [development[development["split"] == split] for split in ("train", "val")]


def _written(manifest: pd.DataFrame, path: Path) -> Path:
    write_manifest(manifest, path)
    return path
