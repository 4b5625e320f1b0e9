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
from isnet_cxr.data.phantoms import HOSPITALS
from isnet_cxr.pipeline.config import DatasetConfig, PhantomsConfig, StudyConfig
from isnet_cxr.pipeline.study.ceilings import check_ceilings
from isnet_cxr.pipeline.study.folds import describe_folds, plan_folds
from isnet_cxr.pipeline.study.sources import keep_at_most

COLUMNS = ("label", "patient_id", "split", "site", "view", "sex")
HOSPITAL = "hospital"  # the site, or the dataset where no site is told
FEWEST_HOSPITALS = 2  # where a method compares them
SPLITS = 3  # train, val and test need a patient each


def check_tables(config: StudyConfig) -> list[str]:
    """Refuse a study whose datasets cannot give each role its classes.

    Reads tables and lists folders, no images. What only images tell (copies, unreadable files,
    patients known from DICOM headers) may still stop the study later.

    Returns:
        What is foreseen of hospitals held out, in lines; none where that is not asked for.

    Raises:
        InputError: If a dataset cannot be listed, a class of the study has no image in the
            development set, its patients are too few for three splits, they are all of one hospital
            where a classifier needs several, an external test has no image of any class or too few
            patients for its ceiling, or no hospital can be held out where that is asked for.
    """
    tables = {name: _read(name, dataset) for name, dataset in config.datasets.items()}
    development = pd.concat([tables[name] for name in config.development], ignore_index=True)
    for label in config.classes:
        _check_class(development, label, "development")
        _check_hospitals(development, label, config.settings)
    for test, names in config.external.items():
        joined = pd.concat([tables[name] for name in names], ignore_index=True)
        if not joined["label"].isin(config.classes).any():
            raise InputError(
                f"external.{test}: no image has a class of the study; "
                f"its labels are: {_labels(joined)}"
            )
    check_ceilings(config, tables)
    rows = development.assign(image_id=development.index.astype(str))
    folds = plan_folds(rows, config.classes, config.across_hospitals)
    held_out = {name: config.settings[name] for name in config.held_out}
    for fold in folds.folds:
        for label in fold.classes:
            _check_hospitals(fold.development, label, held_out, f", in the training {fold.name!r}")
    return describe_folds(folds)


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
    kept = _where(table.assign(dataset=name), dataset.where)
    return keep_at_most(kept, dataset.at_most)


def _of_phantoms(phantoms: PhantomsConfig) -> Iterator[tuple[str, ...]]:
    """Yield the rows of generated images: a patient each."""
    hospital = HOSPITALS[phantoms.hospital]
    for label in hospital.looks:
        for number in range(phantoms.images_per_class):
            yield label, f"{hospital.name}/{label} {number}", "", hospital.name, hospital.view, ""


def _of_publisher(dataset: DatasetConfig) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a publisher's layout; an image without a patient is one's own."""
    assert dataset.adapter is not None, "by the schema"
    assert dataset.root is not None, "by the schema"
    listing = ADAPTERS[dataset.adapter].read(dataset.root, labels=dataset.labels)
    for record in listing.records:
        source, patient = record.patients_of or record.dataset, record.patient or str(record.path)
        known = record.split, record.site, record.view, record.sex
        yield record.label, f"{source}/{patient}", *known


def _where(table: pd.DataFrame, where: Mapping[str, list[str]]) -> pd.DataFrame:
    """Keep what ``where`` keeps, as far as the tables know its columns."""
    for column in set(where) & set(COLUMNS) - {"patient_id"}:
        table = table[table[column].isin(where[column])]
    return table
