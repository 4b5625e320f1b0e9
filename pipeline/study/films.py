"""Which films play which part in a study: read, filtered, without duplicates, split by patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from data.audit import Leak
from data.duplicates import find_duplicates
from data.manifest import concatenate
from data.splits import assign_splits
from pipeline.config import StudyConfig
from pipeline.study.leaks import refuse_leaks
from pipeline.study.sources import LeftOut, count_left_out, number_of_workers, read_dataset
from pipeline.study.steps import Step, digest_manifest, digest_values

DUPLICATES = "duplicates.csv"


@dataclass(frozen=True)
class StudyFilms:
    """The films of a study by role.

    Attributes:
        datasets: All films of each dataset, by name; ``dataset`` is that name in every row.
        pool: Films the classifiers are made from, with their split.
        external: Films of each test on other hospitals, by the test's name.
        left_out: What was not used.
        copies: Pairs of films in the pool that are one; None where they were not looked for.
        leaks: What roles share and the study allows.
    """

    datasets: dict[str, pd.DataFrame]
    pool: pd.DataFrame
    external: dict[str, pd.DataFrame]
    left_out: tuple[LeftOut, ...] = field(default=())
    copies: pd.DataFrame | None = None
    leaks: tuple[Leak, ...] = ()

    @property
    def tests(self) -> dict[str, pd.DataFrame]:
        """The tests by name: the pool's own test split first."""
        own = self.pool[self.pool["split"] == "test"].reset_index(drop=True)
        return {"pool": own, **self.external}


def prepare_films(config: StudyConfig, out: Path, *, progress: bool) -> StudyFilms:
    """Read every dataset of a study and give its films their roles.

    Args:
        config: The study.
        out: The study's folder; what is read is kept under ``manifests``.
        progress: Show progress bars.

    Raises:
        ValueError: If a dataset cannot be read, a role is left without films of two classes, or
            two roles share what they must not and the study does not allow it.
    """
    left_out: list[LeftOut] = []
    datasets = {
        name: read_dataset(name, dataset, out, left_out, progress=progress)
        for name, dataset in config.datasets.items()
    }
    roles = {"pool": config.pool, **config.external}
    chosen = {
        role: _choose(role, names, datasets, config.classes, left_out)
        for role, names in roles.items()
    }
    pool = chosen.pop("pool")
    copies = None
    if config.exclude_duplicates:
        pool = _without_duplicates(pool, chosen, out, left_out, progress=progress)
        copies = _search(pool, None, out / "duplicates" / "pool", progress=progress)
    pool = _split(pool, config, copies)
    leaks = refuse_leaks(pool, chosen, copies, allowed=config.allow_leaks)
    return StudyFilms(datasets, pool, chosen, tuple(left_out), copies, leaks)


def without_unusable_masks(films: StudyFilms, classes: Sequence[str]) -> StudyFilms:
    """Drop films that cannot be trained on: those of train and val without a usable lung mask.

    Raises:
        ValueError: If that leaves a class without films to train on.
    """
    trained = films.pool["split"].isin(["train", "val"])
    unusable = (films.pool["lung_mask"] == "") | (films.pool["mask_quality"] == "failed")
    dropped = films.pool[trained & unusable]
    counted = count_left_out(dropped, "pool", "no usable lung mask (training only)")
    pool = films.pool[~(trained & unusable)].reset_index(drop=True)
    _check_splits(pool, classes, f" ({len(dropped)} films have no usable lung mask)")
    return replace(films, pool=pool, left_out=(*films.left_out, *counted))


def with_masks(manifest: pd.DataFrame, masked: pd.DataFrame) -> pd.DataFrame:
    """Give films the lung masks that ``masked`` has for them, by image."""
    columns = ["lung_mask", "mask_source", "mask_quality", "suspicion"]
    found = masked.drop_duplicates("image_id").set_index("image_id")
    has = manifest["image_id"].isin(found.index)
    result = manifest.copy()
    for column in columns:
        result.loc[has, column] = manifest.loc[has, "image_id"].map(found[column])
    return result


def _choose(
    role: str,
    names: list[str],
    datasets: Mapping[str, pd.DataFrame],
    classes: list[str],
    left_out: list[LeftOut],
) -> pd.DataFrame:
    films = concatenate(*(datasets[name] for name in names))
    known = films["label"].isin(classes)
    for label, group in films[~known].groupby("label"):
        reason = f"label {label!r} is not a class of the study" if label else "no label"
        left_out.extend(count_left_out(group, role, reason))
    repeated = films["image_id"].duplicated() & known
    left_out.extend(count_left_out(films[repeated], role, "the same pixels stand in it twice"))
    kept = films[known & ~repeated].reset_index(drop=True)
    if kept.empty:
        labels = ", ".join(sorted(set(films["label"]))) or "none"
        raise ValueError(f"{role}: no film has a class of the study; the labels are: {labels}")
    return kept


def _without_duplicates(
    pool: pd.DataFrame,
    external: Mapping[str, pd.DataFrame],
    out: Path,
    left_out: list[LeftOut],
    *,
    progress: bool,
) -> pd.DataFrame:
    for test, films in external.items():
        found = _search(pool, films, out / "duplicates" / test, progress=progress)
        doubles = pool["image_id"].isin(found["image_id_a"])
        theirs = pool["patient_id"].isin(pool.loc[doubles, "patient_id"])
        left_out.extend(
            count_left_out(pool[doubles], "pool", f"also in the external test {test!r}")
        )
        others = f"of a patient who is in the external test {test!r} by another film"
        left_out.extend(count_left_out(pool[theirs & ~doubles], "pool", others))
        pool = pool[~theirs].reset_index(drop=True)
    return pool


def _search(
    pool: pd.DataFrame, other: pd.DataFrame | None, folder: Path, *, progress: bool
) -> pd.DataFrame:
    """List copies between the pool and another set, or within it, once for the same films."""
    inputs = {
        "pool": digest_manifest(pool),
        "test": None if other is None else digest_manifest(other),
    }
    step = Step(folder, digest_values(inputs))
    if not step.is_finished:
        step.begin()
        found = find_duplicates(pool, other, workers=number_of_workers(), progress=progress)
        found.to_csv(step.folder / DUPLICATES, index=False)
        step.finish()
    return pd.read_csv(step.folder / DUPLICATES, dtype=str)


def suspicious_films(films: StudyFilms) -> list[dict[str, Any]]:
    """Count, by role, dataset and reason, the films that a person should look at.

    They are used all the same; ``suspicion`` in the manifests of films says which they are.
    """
    rows = []
    for role, manifest in {"pool": films.pool, **films.external}.items():
        seen = manifest[manifest["suspicion"] != ""]
        for (dataset, reason), group in seen.groupby(["dataset", "suspicion"]):
            rows.append({"dataset": dataset, "role": role, "reason": reason, "count": len(group)})
    return rows


def _split(pool: pd.DataFrame, config: StudyConfig, copies: pd.DataFrame | None) -> pd.DataFrame:
    """Split by patient; films whose manifest brings a split keep it, be it a leak."""
    pool = assign_splits(
        pool,
        fractions=config.fractions,
        seed=config.split_seed,
        keep=True,
        allow_torn=True,
        copies=copies,
    )
    _check_splits(pool, config.classes)
    return pool


def _check_splits(pool: pd.DataFrame, classes: Sequence[str], why: str = "") -> None:
    for split in ("train", "val", "test"):
        labels = set(pool.loc[pool["split"] == split, "label"])
        if missing := [name for name in classes if name not in labels]:
            raise ValueError(f"pool: no film of class {missing[0]!r} in the split {split}{why}")
