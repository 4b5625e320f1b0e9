"""A study's best classifier in MLflow's registry: an explicit step that no study fails by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.study.champion import choose_champion
from isnet_cxr.pipeline.study.steps import read_json
from isnet_cxr.pipeline.study.summary import SUMMARY
from isnet_cxr.pipeline.tracking import Candidate, Registered, Tracker, register_package


def register_champion(tracker: Tracker, summary: Mapping[str, Any], out: Path) -> Registered | None:
    """Register what ``choose_champion`` chooses, once.

    Args:
        tracker: Of the study.
        summary: Of the study.
        out: Its folder.

    Returns:
        None where there is nothing to register, its run is not in the store, or the store was
        lost, which ``tracker.lost`` tells: the same command registers it later.
    """
    chosen = choose_champion(summary, out)
    run_id = "" if chosen is None else tracker.run_id(chosen.run)
    if chosen is None or not run_id:
        return None
    best = chosen
    tags = {
        "study": str(summary["study"]), "classifier": best.classifier, "seed": best.seed,
        "validation_macro_auc": f"{best.validation:.4f}", "champion": best.failed or "yes",
    }  # fmt: skip
    candidate = Candidate(
        tracker.experiment, run_id, str(summary["study"]), tags, best.description,
        champion=not best.failed,
    )  # fmt: skip
    return tracker.line.send(
        lambda: register_package(tracker.client, best.package, candidate), None
    )


def register_study(out: Path) -> Registered:
    """Register the best classifier of a finished study.

    Args:
        out: The study's folder.

    Raises:
        InputError: If the study is not finished, or the store does not take it.
    """
    if not (out / SUMMARY).is_file():
        raise InputError(f"{out}: no finished study: {SUMMARY} is missing")
    summary = read_json(out / SUMMARY)
    tracker = Tracker(out, str(summary["study"]))
    found = register_champion(tracker, summary, out)
    if tracker.lost:
        raise InputError(f"MLflow store: {tracker.lost}")
    if found is None:
        raise InputError(
            f"{out}: no classifier whose run is in the MLflow store: run the study there first"
        )
    return found
