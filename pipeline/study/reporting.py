"""The end of a study: its figures, its report and its documents, from what the trainings left."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from isnet_cxr.pipeline.report import ReportMaterial, versions, write_documents, write_report
from isnet_cxr.pipeline.study.ceilings import Ceiling
from isnet_cxr.pipeline.study.folds import Folds
from isnet_cxr.pipeline.study.images import flagged_images
from isnet_cxr.pipeline.study.summary import summarise_study, write_summary

REPORT = "report.html"


def report_study(
    material: ReportMaterial, out: Path, *, folds: Folds, ceilings: Sequence[Ceiling] = ()
) -> dict[str, Any]:
    """Write ``summary.json``, the report, the model card and the checklists.

    Args:
        material: Of the study, all trainings finished; without its summary.
        out: Its folder.
        folds: Its folds, where hospitals are held out.
        ceilings: Of its external tests, finished.

    Returns:
        The summary.
    """
    images = material.images
    summary = summarise_study(
        material.config,
        material.trainings,
        images=images,
        segmentation=material.lungs.scores if material.lungs else {},
        left_out=[asdict(entry) for entry in images.left_out],
        flagged=flagged_images(images),
        folds=folds,
        ceilings=ceilings,
    )
    write_summary(summary, out)
    whole = replace(material, summary=summary)
    write_report(whole, out / REPORT)
    write_documents(whole, out, versions=versions())
    return summary
