"""The study's audit of its own pool: what gives the class away without the lungs."""

from pathlib import Path
from typing import Any

import pandas as pd

from data.audit import measure_shortcuts, tabulate
from data.audit.appearance import Appearance, look_at_films, stack_appearance
from data.audit.leaks import roles_of
from data.audit.plain import plain_association, plain_leak, plain_shortcut
from data.splits import patient_groups
from pipeline.study.films import StudyFilms
from pipeline.study.sources import number_of_workers
from pipeline.study.steps import Step, digest_manifest, digest_values, read_json, write_json

AUDIT = "audit.json"
FORMAT = 1
"""Raise it when the same films would give other figures than before."""


def audit_study(films: StudyFilms, out: Path, *, progress: bool) -> dict[str, Any]:
    """Measure the pool's shortcuts, once for the same films; see ``data.audit.plain_audit``.

    Copies are not in it: a study drops those it finds, and counts them where it lists films.
    """
    leaks = [plain_leak(leak) for leak in films.leaks]
    inputs = {
        "format": FORMAT,
        "pool": digest_manifest(films.pool),
        "tests": {name: digest_manifest(rows) for name, rows in films.external.items()},
        "leaks": leaks,
    }
    step = Step(out / "audit", digest_values(inputs))
    if not step.is_finished:
        step.begin()
        roles = roles_of(films.pool, films.external)
        found = {
            "roles": {
                role: {"films": len(rows), "patients": rows["patient_id"].nunique()}
                for role, rows in roles.items()
            },
            "leaks": leaks,
            "associations": [plain_association(one) for one in tabulate(films.pool)],
            "shortcuts": _shortcuts(films.pool, films.copies, progress=progress),
        }
        write_json(found, step.folder / AUDIT)
        step.finish()
    return read_json(step.folder / AUDIT)


def _shortcuts(
    pool: pd.DataFrame, copies: pd.DataFrame | None, *, progress: bool
) -> list[dict[str, Any]]:
    """Films that cannot be read are left out, as they are from the trainings."""
    paths = [Path(path) for path in pool["path"]]
    looks = look_at_films(paths, fingerprints=False, workers=number_of_workers(), progress=progress)
    seen = [look for look in looks if isinstance(look, Appearance)]
    if not seen:
        return []
    read = pool[[isinstance(look, Appearance) for look in looks]].reset_index(drop=True)
    groups = patient_groups(read, copies)
    return [plain_shortcut(one) for one in measure_shortcuts(read, groups, stack_appearance(seen))]
