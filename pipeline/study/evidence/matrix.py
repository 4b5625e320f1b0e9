"""The generalization matrix: classifiers by tests and sites, and which numbers may be called so.

The figure is macro AUC, or between its two classes where a group has two. What it lost on the way
from home is measured against the internal test's images of the same classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.classification.evidence.sizes import ENOUGH, SHOWN
from isnet_cxr.classification.figures import FIGURES, Figure
from isnet_cxr.classification.figures.figure import Floats
from isnet_cxr.classification.resampling import Resamples, draw_resamples, quantiles
from isnet_cxr.data.audit import tabulate
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.study.evidence.tested import Predictions

INTERNAL = "internal"
RESAMPLES = 1000
DECIDES = 0.9
"""Cramér's V from which on a column decides the class."""

HIDDEN = ("source", "dataset", "site")
"""Columns that name a source; what a source brings with it is told besides."""


@dataclass(frozen=True)
class Group:
    """A column of the matrix.

    Attributes:
        test: The test that its images are from.
        site: The hospital; None for all of the test.
        rows: Which of the test's images they are, (N,).
    """

    test: str
    site: str | None
    rows: Any

    @property
    def name(self) -> str:
        """What it is called."""
        return self.test if self.site is None else f"{self.test}: {self.site}"


def build_matrix(
    tested: Mapping[str, Mapping[str, Predictions]],
    manifests: Mapping[str, pd.DataFrame],
    classes: Sequence[str],
) -> dict[str, Any]:
    """Measure every classifier on every test, and at every site with enough patients.

    Args:
        tested: By classifier and test, ``internal`` first.
        manifests: Images of each test.
        classes: Class names.

    Returns:
        ``groups``: of each column name, test, site, classes, images, patients, ``warning`` and
        ``confounded``, one line for each class that comes from one source only. ``cells``: by
        classifier and group, value, ci95 and, outside the internal test, gap (internal minus this)
        and its interval. ``worst``:
        by classifier, the group outside the internal test with the least value.
    """
    first = next(iter(tested.values()))
    groups = [group for test, one in first.items() for group in find_groups(test, one)]
    cells = {
        name: {group.name: _cell(own, group) for group in groups} for name, own in tested.items()
    }
    return {
        "groups": [
            _describe(group, first[group.test], manifests[group.test], classes) for group in groups
        ],
        "cells": cells,
        "worst": {name: _worst(own, groups) for name, own in cells.items() if name != CONTROL},
    }


def find_groups(test: str, tested: Predictions) -> list[Group]:
    """List a test as a whole, and its sites where it has several.

    A site counts with its classes of at least ``SHOWN`` patients, and where it has two of them.
    """
    everything = np.ones(len(tested.truth), dtype=bool)
    found = [Group(test, None, everything)]
    hospitals = tested.images["hospital"]
    for site in sorted(set(hospitals)) if hospitals.nunique() > 1 else []:
        at_site = (hospitals == site).to_numpy()
        own = pd.Series(tested.patient[at_site]).groupby(tested.truth[at_site]).nunique()
        enough = own.index[own >= SHOWN].to_numpy()
        if len(enough) > 1:
            found.append(Group(test, str(site), at_site & np.isin(tested.truth, enough)))
    return found


def name_confounded(images: pd.DataFrame) -> list[str]:
    """Say which classes come from one source only, and what else decides the class.

    A set of a single source confounds none.

    Args:
        images: Labelled rows of a manifest.
    """
    source = images["site"].where(images["site"] != "", images["dataset"])
    by_class = {label: sorted(set(own)) for label, own in source.groupby(images["label"])}
    if source.nunique() < 2 or len(by_class) < 2:  # noqa: PLR2004
        return []
    lines = [
        f"{label} comes from {sources[0]} only"
        for label, sources in by_class.items()
        if len(sources) == 1
    ]
    deciding = [
        one.column
        for one in tabulate(images)
        if one.column not in HIDDEN and one.cramers_v >= DECIDES
    ]
    if lines and deciding:
        lines.append(f"the class is all but decided by {', '.join(deciding)}")
    return lines


def _describe(
    group: Group, tested: Predictions, manifest: pd.DataFrame, classes: Sequence[str]
) -> dict[str, Any]:
    own = tested.at(group.rows)
    patients = {
        classes[label]: len(np.unique(own.patient[own.truth == label]))
        for label in np.unique(own.truth)
    }
    few = [f"{name} {count}" for name, count in patients.items() if count < ENOUGH]
    whole = manifest[manifest["label"].isin(classes)]
    return {
        "name": group.name,
        "test": group.test,
        "site": group.site,
        "images": len(own.truth),
        "patients": patients,
        "warning": f"fewer than {ENOUGH} patients: {', '.join(few)}" if few else "",
        "confounded": name_confounded(whole) if group.site is None else [],
    }


def _cell(own: Mapping[str, Predictions], group: Group) -> dict[str, Any]:
    here = own[group.test].at(group.rows)
    value, drawn, samples = _measure(here, seed=0)
    cell: dict[str, Any] = {"value": value, "ci95": quantiles(samples.over_seeds(drawn))}
    if group.test == INTERNAL:
        return cell
    internal = own[INTERNAL]
    home = internal.at(np.isin(internal.truth, np.unique(here.truth)))
    reference, at_home, others = _measure(home, seed=1)
    there = replace(others, seeds=samples.seeds)
    gaps = there.over_seeds(at_home) - samples.over_seeds(drawn)
    return cell | {"gap": reference - value, "gap_ci95": quantiles(gaps)}


def _measure(tested: Predictions, *, seed: int) -> tuple[float, Floats, Resamples]:
    """Return the figure, mean over seeds, and of every sample and seed, (S, B)."""
    figure = _figure(tested)
    samples = draw_resamples(
        tested.images["patient_id"],
        seeds=len(tested.probabilities),
        resamples=RESAMPLES,
        seed=seed,
    )
    value = float(np.mean([figure.measure(one) for one in tested.scored]))
    return value, samples.of([figure], tested.scored)[0], samples


def _figure(tested: Predictions) -> Figure:
    pair = len(np.unique(tested.truth)) == 2  # noqa: PLR2004
    return FIGURES["pair_auc" if pair else "macro_auc"]


def _worst(cells: Mapping[str, Mapping[str, Any]], groups: Sequence[Group]) -> str | None:
    names = [group.name for group in groups if group.test != INTERNAL]
    known = [name for name in names if not np.isnan(cells[name]["value"])]
    return min(known, key=lambda name: float(cells[name]["value"])) if known else None
