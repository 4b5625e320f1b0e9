"""What a study knows about itself, in sentences: the facts of its model card and checklists."""

from collections.abc import Callable, Mapping
from typing import Any

from isnet_cxr.classification.figures import FIGURES
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.report.tables import with_interval
from isnet_cxr.pipeline.study.images import StudyImages

Fact = Callable[[ReportMaterial], str]


def sources(material: ReportMaterial) -> str:
    """Name the datasets, and how each is known."""
    said = []
    for name, dataset in material.config.datasets.items():
        if dataset.phantoms is not None:
            said.append(f"{name} (generated images of a made-up hospital)")
        else:
            said.append(f"{name} ({dataset.adapter or 'a manifest of its own'})")
    return f"Images collected before, from: {', '.join(said)}."


def eligibility(material: ReportMaterial) -> str:
    """Say which images were taken and which were left out."""
    reasons: dict[str, int] = {}
    for entry in material.images.left_out:
        reasons[entry.reason] = reasons.get(entry.reason, 0) + entry.count
    left = "; ".join(f"{reason}: {count}" for reason, count in reasons.items()) or "none"
    return f"Images with one of the classes {', '.join(material.config.classes)}. Left out: {left}."


def preparation(material: ReportMaterial) -> str:
    """Say how images are prepared for the network."""
    used = {
        f"{own.preprocessing.size_px} x {own.preprocessing.size_px} px, "
        f"exposure {own.preprocessing.exposure!r}"
        for own in material.config.settings.values()
    }
    return f"Grey values in [0, 1], aspect kept, {'; '.join(sorted(used))}."


def partition(material: ReportMaterial) -> str:
    """Say how images were assigned to training, validation and tests."""
    shares = ", ".join(f"{share:g}" for share in material.config.fractions)
    copies = "were looked for and kept on one side" if material.config.exclude_duplicates else (
        "were not looked for"
    )  # fmt: skip
    return (
        f"Development set split by patient into train, validation and test ({shares}; seed "
        f"{material.config.split_seed}); copies of images {copies}. External tests are not split"
        f"{_folds(material)}.{_held_out(material)}"
    )


def _folds(material: ReportMaterial) -> str:
    """Say which external tests are divided for a ceiling, and that nothing else sees it."""
    divided = [f"{test} into {own.folds}" for test, own in material.config.ceilings.items()]
    if not divided:
        return ""
    return (
        f", but for their ceilings, by patient, {', '.join(divided)} folds; no other classifier "
        "was trained or chosen on these"
    )


def _held_out(material: ReportMaterial) -> str:
    """Say which hospitals were held out of further trainings."""
    across = material.summary.get("across")
    if across is None:
        return ""
    folds = "; ".join(fold["name"] for fold in across["folds"])
    return f" Hospitals of the development set held out of further trainings: {folds}."


def numbers(material: ReportMaterial) -> str:
    """Count patients and images by role."""
    return "; ".join(f"{role}: {counted}" for role, counted in _counts(material.images))


def missing(material: ReportMaterial) -> str:
    """Say what becomes of images without a class, a patient or a mask."""
    del material
    return (
        "Images without a class of the study are left out and counted; an image without a patient "
        "counts as a patient of its own."
    )


def training(material: ReportMaterial) -> str:
    """Say what was trained, and how long."""
    said = [
        f"{name}: method {own.method}, network {own.network}, {own.epochs} epochs, batch "
        f"{own.batch_size}, learning rate {own.learning_rate:g}"
        for name, own in material.config.settings.items()
    ]
    return f"{'; '.join(said)}. Seeds {', '.join(map(str, material.config.seeds))}."


def selection(material: ReportMaterial) -> str:
    """Say how the final model was chosen."""
    del material
    return "Best epoch by validation loss on the development set; no external image was used."


def measures(material: ReportMaterial) -> str:
    """Name the figures of merit and how sure they are."""
    del material
    titles = ", ".join(figure.title for figure in FIGURES.values())
    return f"{titles}; 95 % intervals by bootstrap over patients and seeds; paired differences."


def robustness(material: ReportMaterial) -> str:
    """Say what was tested besides."""
    tests = ", ".join(material.config.bias_tests) or "none"
    control = "with" if "conflict" in material.summary else "without"
    return (
        f"Bias tests: {tests}; {control} a control that never sees the lungs; "
        "backgrounds exchanged, lungs erased."
    )


def performance(material: ReportMaterial) -> str:
    """List macro AUC of every classifier on every test."""
    return _performance(material, list(material.images.tests))


def internal_performance(material: ReportMaterial) -> str:
    """The same of the internal test."""
    return _performance(material, ["internal"])


def external_performance(material: ReportMaterial) -> str:
    """The same of the external tests; empty where there are none."""
    return _performance(material, list(material.images.external))


def verdict(material: ReportMaterial) -> str:
    """Return what was found."""
    return " ".join(material.summary["verdict"])


def software(material: ReportMaterial) -> str:
    """Name the program and where versions stand."""
    del material
    return "isnet-cxr, PyTorch, MONAI; versions are in the report's last line."


def availability(material: ReportMaterial) -> str:
    """Say what repeats the study."""
    del material
    return "isnet-cxr is under Apache-2.0; study.yaml holds every setting, each training its model."


def _counts(images: StudyImages) -> list[tuple[str, str]]:
    parts = {name: rows for name, rows in images.development.groupby("split")} | images.external
    return [
        (str(role), f"{rows['patient_id'].nunique()} patients, {len(rows)} images")
        for role, rows in parts.items()
    ]


def _performance(material: ReportMaterial, tests: list[str]) -> str:
    classification: Mapping[str, Mapping[str, Any]] = material.summary["classification"]
    said = [
        f"{name} on {test}: macro AUC "
        f"{with_interval(own[test]['macro_auc'], own[test]['ci95'].get('macro_auc'))}"
        for name, own in classification.items()
        for test in tests
    ]
    return f"{'; '.join(said)}." if said else ""
