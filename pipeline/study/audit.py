"""The study's audit of its development set: what gives the class away without the lungs."""

from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.data.audit import measure_shortcuts, tabulate
from isnet_cxr.data.audit.appearance import Appearance, look_at_images, stack_appearance
from isnet_cxr.data.audit.leaks import roles_of
from isnet_cxr.data.audit.plain import plain_association, plain_leak, plain_shortcut
from isnet_cxr.data.manifests.splits import patient_groups
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.sources import number_of_workers
from isnet_cxr.pipeline.study.steps import (
    Step,
    digest_manifest,
    digest_values,
    read_json,
    write_json,
)

AUDIT = "audit.json"
FORMAT = 1
"""Raise it when the same images would give other figures than before."""


def audit_study(images: StudyImages, out: Path, *, progress: bool) -> dict[str, Any]:
    """Measure the development set's shortcuts, once for the same images.

    Copies are not in it: a study drops those it finds, and counts them where it lists images.
    """
    leaks = [plain_leak(leak) for leak in images.leaks]
    inputs = {
        "format": FORMAT,
        "development": digest_manifest(images.development),
        "tests": {name: digest_manifest(rows) for name, rows in images.external.items()},
        "leaks": leaks,
    }
    step = Step(out / "audit", digest_values(inputs))
    if not step.is_finished:
        step.begin()
        roles = roles_of(images.development, images.external)
        found = {
            "roles": {
                role: {"images": len(rows), "patients": rows["patient_id"].nunique()}
                for role, rows in roles.items()
            },
            "leaks": leaks,
            "associations": [plain_association(one) for one in tabulate(images.development)],
            "shortcuts": _shortcuts(images.development, images.copies, progress=progress),
        }
        write_json(found, step.folder / AUDIT)
        step.finish()
    return read_json(step.folder / AUDIT)


def _shortcuts(
    development: pd.DataFrame, copies: pd.DataFrame | None, *, progress: bool
) -> list[dict[str, Any]]:
    """Images that cannot be read are left out, as they are from the trainings."""
    paths = [Path(path) for path in development["path"]]
    looks = look_at_images(
        paths, fingerprints=False, workers=number_of_workers(), progress=progress
    )
    seen = [look for look in looks if isinstance(look, Appearance)]
    if not seen:
        return []
    read = development[[isinstance(look, Appearance) for look in looks]].reset_index(drop=True)
    groups = patient_groups(read, copies)
    return [plain_shortcut(one) for one in measure_shortcuts(read, groups, stack_appearance(seen))]
