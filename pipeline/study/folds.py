"""Which hospitals are held out of which trainings: leave-one-hospital-out, and every pair.

A hospital is a source of images as elsewhere in a study: the site, or the dataset where no site is
told (or the dataset throughout, if the study says so). One that has enough patients of fewer than
two classes is never held out, since there is nothing to tell apart on it; it is trained on where
all but one are. A training knows the classes that it has enough of; a hospital it has not seen is
tested with those of them that the hospital has enough of. What is left out is said.

Nobody moves: train, val and the internal test are the development set's, of the hospitals trained
on; patients and copies that a held-out hospital has as well are left out there. Of the held-out
hospital all images are the test.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import pandas as pd

from isnet_cxr.classification.evidence.sizes import SHOWN
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.splits import SPLITS, patient_groups
from isnet_cxr.pipeline.config import AcrossConfig
from isnet_cxr.pipeline.study.images import StudyImages

TWO = 2  # classes that can be told apart, hospitals that can be held out of each other
LONGEST = 60
LISTED = 5
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 ,._+-]")


@dataclass(frozen=True)
class Fold:
    """A part of the development set to train on, and the hospitals it is tested on.

    Attributes:
        name: ``without <hospital>`` or ``<hospital> alone``.
        design: One of ``AcrossConfig.designs``.
        trained_on: Hospitals whose images it is trained on.
        classes: Classes it knows.
        development: Images of the hospitals trained on, with their split.
        hospital: Name of each of these images' hospital.
        held_out: All images of each hospital it is tested on, of classes it knows.
    """

    name: str
    design: str
    trained_on: tuple[str, ...]
    classes: tuple[str, ...]
    development: pd.DataFrame
    hospital: "pd.Series[str]"
    held_out: Mapping[str, pd.DataFrame]

    def of(self, images: StudyImages) -> StudyImages:
        """Return a study's images with the roles that they have here."""
        return replace(images, development=self.development, external=dict(self.held_out))


@dataclass(frozen=True)
class Folds:
    """All folds of a study.

    Attributes:
        hospitals: Those that are held out, in order.
        folds: In the order of the designs and the hospitals.
        remarks: What is left out, and why.
    """

    hospitals: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()
    remarks: tuple[str, ...] = ()


def plan_folds(
    images: pd.DataFrame,
    classes: Sequence[str],
    across: AcrossConfig | None,
    *,
    copies: pd.DataFrame | None = None,
) -> Folds:
    """Divide a development set by its hospitals.

    Args:
        images: One row per image: image_id, patient_id, dataset, site, label, split. Where no
            split is known yet (it is empty), a training needs patients enough, no more.
        classes: The study's.
        across: What is asked for; None asks for nothing.
        copies: Pairs of images that are one, as for ``patient_groups``.

    Raises:
        InputError: If no hospital can be held out; says why.
    """
    if across is None:
        return Folds()
    rows = images.reset_index(drop=True)
    hospital = hospital_of(rows, across.hospital)
    group = patient_groups(rows, copies)
    names = sorted(set(hospital))
    tested = [name for name in names if len(_enough(rows[hospital == name], classes)) >= TWO]
    remarks = _never_held_out(names, tested)
    folds = []
    for name, design, trained_on, held_out in _combinations(names, tested, across.designs):
        apart = ~group.isin(group[hospital.isin(held_out)])
        own = rows[hospital.isin(trained_on) & apart]
        others = {one: rows[hospital == one] for one in held_out}
        fold = _fold((name, design), own, others, classes, hospital[own.index], remarks)
        folds += [fold] if fold is not None else []
    if not folds:
        why = "; ".join(remarks) or f"all images are of {', '.join(names)}"
        raise InputError(f"across_hospitals: no hospital can be held out: {why}")
    return Folds(tuple(tested), tuple(folds), tuple(dict.fromkeys(remarks)))


def describe_folds(folds: Folds) -> list[str]:
    """Say in lines what is trained on what and tested where, and what is left out."""
    lines = []
    for fold in folds.folds:
        tests = ", ".join(
            f"{name} ({', '.join(sorted(set(rows['label'])))}; {len(rows)} images)"
            for name, rows in fold.held_out.items()
        )
        on = _listed(fold.trained_on, " + ")
        lines.append(f"{fold.name}: trained on {on} ({', '.join(fold.classes)}), tested at {tests}")
    return [*lines, *folds.remarks]


def hospital_of(images: pd.DataFrame, unit: str) -> "pd.Series[str]":
    """Name every image's hospital, in names that files can have.

    Args:
        images: With the columns dataset and site.
        unit: ``site``, or ``dataset``.
    """
    told = images["dataset"] if unit == "dataset" else images["site"]
    source = told.where(told != "", images["dataset"])
    names: dict[str, str] = {}
    for one in sorted(set(source)):
        safe = _NOT_IN_NAMES.sub("_", one)[:LONGEST].strip() or "_"
        tries = (safe if number == 1 else f"{safe} {number}" for number in count(1))
        names[one] = next(name for name in tries if name not in {"internal", *names.values()})
    return source.map(names).astype(str)


def _combinations(
    names: Sequence[str], tested: Sequence[str], designs: Sequence[str]
) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Yield name, design, hospitals to train on and hospitals to test on; nothing twice."""
    seen = set()
    for design in dict.fromkeys(designs):
        for one in tested if len(names) >= TWO else []:
            others = [name for name in names if name != one]
            if design == "leave_one_out":
                found = f"without {one}", design, others, [one]
            else:
                found = f"{one} alone", design, [one], [name for name in tested if name != one]
            if found[3] and (key := (tuple(found[2]), tuple(found[3]))) not in seen:
                seen.add(key)
                yield found


def _fold(
    named: tuple[str, str],
    own: pd.DataFrame,
    others: Mapping[str, pd.DataFrame],
    classes: Sequence[str],
    hospital: "pd.Series[str]",
    remarks: list[str],
) -> Fold | None:
    """Make a fold; add to ``remarks`` what it leaves out, and return None where it has no test."""
    known = [label for label in _enough(own, classes) if _on_all_sides(own[own["label"] == label])]
    held_out = {}
    for name, images in others.items():
        there = _enough(images, classes)
        both = [label for label in there if label in known]
        if len(both) < TWO:
            shared = f"the one class {both[0]}" if both else "no class"
            remarks.append(f"{named[0]}: not tested at {name}, with which it shares {shared}")
            continue
        if unknown := [label for label in there if label not in known]:
            few = ", ".join(unknown)
            remarks.append(f"{named[0]}: too few images of {few} to train on, not tested with it")
        held_out[name] = images[images["label"].isin(both)].reset_index(drop=True)
    if not held_out:
        return None
    kept = own["label"].isin(known)
    development = own[kept].reset_index(drop=True)
    at = hospital[kept].reset_index(drop=True)
    return Fold(*named, tuple(sorted(set(at))), tuple(known), development, at, held_out)


def _enough(images: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Return the classes of which there are ``SHOWN`` patients."""
    patients = images.groupby("label")["patient_id"].nunique()
    return [label for label in classes if patients.get(label, 0) >= SHOWN]


def _on_all_sides(images: pd.DataFrame) -> bool:
    """Whether train, val and test all have images, or will have once they are split."""
    sides = set(images["split"])
    return "" in sides or sides >= set(SPLITS)


def _never_held_out(names: Sequence[str], tested: Sequence[str]) -> list[str]:
    few = [name for name in names if name not in tested]
    if not few:
        return []
    return [f"never held out (fewer than two classes of {SHOWN} patients): {_listed(few, ', ')}"]


def _listed(names: Sequence[str], between: str) -> str:
    more = len(names) - LISTED
    return between.join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
