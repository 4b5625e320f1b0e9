"""What a study's tables foretell before an image is read: what is missing of its classes.

Reading and training take hours; a class that no dataset has, or one whose images are all of one
patient or hospital, is seen in the publishers' tables within seconds.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from isnet_cxr.classification.methods.method import needs_of
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.phantoms import HOSPITALS
from isnet_cxr.pipeline.config import DatasetConfig, PhantomsConfig, StudyConfig
from isnet_cxr.pipeline.study.ceilings import check_ceilings
from isnet_cxr.pipeline.study.folds import describe_folds, plan_folds
from isnet_cxr.pipeline.study.sources import keep_at_most, keep_where

COLUMNS = ("label", "patient_id", "split", "site", "view", "sex", "lung_mask")
CHOSEN_BY = ("label", "split", "site", "view", "sex")  # by ``where``
TOLD_BY_IMAGES = ("view", "sex")  # where the tables do not tell
HOSPITAL = "hospital"  # the site, or the dataset where no site is told
FEWEST_HOSPITALS = 2  # where a method compares them
SPLITS = 3  # train, val and test need a patient each


def check_tables(config: StudyConfig) -> list[str]:
    """Refuse a study whose datasets cannot give each role its classes.

    Reads tables and lists folders, no images. What only images tell (copies, unreadable files,
    patients known from DICOM headers) may still stop the study later.

    Returns:
        In lines: images of every role by class, and what is foreseen of hospitals held out.

    Raises:
        InputError: If a dataset cannot be listed or ``where`` leaves nothing of it, lungs cannot be
            learned for want of masks, a class of the study has no image in the development set, its
            patients are too few for three splits, they are all of one hospital where a classifier
            needs several, an external test has no image of any class or too few patients for its
            ceiling, or no hospital can be held out where that is asked for.
    """
    tables = {name: _read(name, dataset) for name, dataset in config.datasets.items()}
    development = pd.concat([tables[name] for name in config.development], ignore_index=True)
    _check_masks(config, tables, development)
    for label in config.classes:
        _check_class(development, label, "development")
        _check_hospitals(development, label, config.settings)
    lines = [_count("development", development, config)]
    for test, names in config.external.items():
        joined = pd.concat([tables[name] for name in names], ignore_index=True)
        if not joined["label"].isin(config.classes).any():
            raise InputError(
                f"external.{test}: no image has a class of the study; "
                f"its labels are: {_labels(joined)}"
            )
        lines.append(_count(f"external.{test}", joined, config))
    check_ceilings(config, tables)
    return [*lines, *_foresee_folds(config, development)]


def _foresee_folds(config: StudyConfig, development: pd.DataFrame) -> list[str]:
    """Say which hospitals can be held out; refuse a training without them that cannot be."""
    rows = development.assign(image_id=development.index.astype(str))
    folds = plan_folds(rows, config.classes, config.across_hospitals)
    held_out = {name: config.settings[name] for name in config.held_out}
    for fold in folds.folds:
        for label in fold.classes:
            _check_hospitals(fold.development, label, held_out, f", in the training {fold.name!r}")
    return describe_folds(folds)


def _count(role: str, table: pd.DataFrame, config: StudyConfig) -> str:
    counts = {label: int((table["label"] == label).sum()) for label in config.classes}
    said = ", ".join(f"{label} {count}" for label, count in counts.items() if count)
    return f"{role}: {sum(counts.values())} images: {said}"


def _check_masks(
    config: StudyConfig, tables: Mapping[str, pd.DataFrame], development: pd.DataFrame
) -> None:
    """Refuse to learn lungs where no mask is, and classes of which no image can have one."""
    if config.segmentation is not None:
        for name in config.segmentation.train:
            if (tables[name]["lung_mask"] == "").all():
                raise InputError(f"segmentation.train: dataset {name!r} has no lung masks")
        return
    for label in config.classes:
        rows = development[development["label"] == label]
        if not rows.empty and (rows["lung_mask"] == "").all():
            raise InputError(
                f"development: no image of class {label!r} has a lung mask, and the study has no "
                "segmentation that could make some"
            )


def _check_class(table: pd.DataFrame, label: str, role: str) -> None:
    """Refuse a class without images, or with too few patients to be on all three sides."""
    rows = table[table["label"] == label]
    if rows.empty:
        raise InputError(
            f"{role}: no dataset has an image of class {label!r}; their labels are: "
            f"{_labels(table)}"
        )
    free = rows[rows["split"] == ""]
    sides = free["patient_id"].nunique() + len(set(rows["split"]) - {""})
    if sides < SPLITS:
        patients = rows["patient_id"].nunique()
        raise InputError(
            f"{role}: the {len(rows)} images of class {label!r} come from {patients} "
            f"patient{'s' * (patients > 1)}: train, val and test need at least one each"
        )


def _check_hospitals(
    table: pd.DataFrame, label: str, classifiers: Mapping[str, ClassifierSettings], where: str = ""
) -> None:
    """Refuse a class of one hospital where a classifier's method needs several."""
    hospitals = sorted(set(table.loc[table["label"] == label, HOSPITAL]))
    if len(hospitals) >= FEWEST_HOSPITALS:
        return
    for name, settings in classifiers.items():
        if needs_of(settings).hospitals:
            raise InputError(
                f"classifiers.{name}: {settings.method} needs images of several hospitals in every "
                f"class; those of class {label!r} are all of {hospitals[0]!r}{where}"
            )


def _labels(table: pd.DataFrame) -> str:
    return ", ".join(sorted(set(table["label"]) - {""})) or "none"


def _read(name: str, dataset: DatasetConfig) -> pd.DataFrame:
    """Return label, patient and the like of every image; those that ``where`` keeps."""
    if dataset.phantoms is not None:
        table = pd.DataFrame(_of_phantoms(dataset.phantoms), columns=COLUMNS)
    elif dataset.manifest is not None:
        table = read_manifest(dataset.manifest)[list(COLUMNS)].copy()
    else:
        table = pd.DataFrame(_of_publisher(dataset), columns=COLUMNS)
    table[HOSPITAL] = table["site"].where(table["site"] != "", name)
    kept = keep_where(
        table.assign(dataset=name), dataset.where, name, known=CHOSEN_BY, untold=TOLD_BY_IMAGES
    )
    if unknown := set(dataset.at_most) - set(kept["label"]):
        problem = name_unknown("label", sorted(unknown), sorted(set(kept["label"]) - {""}))
        raise InputError(f"datasets.{name}.at_most: {problem}")
    return keep_at_most(kept, dataset.at_most)


def _of_phantoms(phantoms: PhantomsConfig) -> Iterator[tuple[str, ...]]:
    """Yield the rows of generated images: a patient each."""
    hospital = HOSPITALS[phantoms.hospital]
    for label in hospital.looks:
        for number in range(phantoms.images_per_class):
            patient = f"{hospital.name}/{label} {number}"
            yield label, patient, "", hospital.name, hospital.view, "", "drawn"


def _of_publisher(dataset: DatasetConfig) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a publisher's layout; an image without a patient is one's own."""
    assert dataset.adapter is not None, "by the schema"
    assert dataset.root is not None, "by the schema"
    listing = ADAPTERS[dataset.adapter].read(dataset.root, labels=dataset.labels)
    for record in listing.records:
        source, patient = record.patients_of or record.dataset, record.patient or str(record.path)
        mask = "published" if record.lung_masks else ""
        known = record.split, record.site, record.view, record.sex, mask
        yield record.label, f"{source}/{patient}", *known
