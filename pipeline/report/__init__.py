"""The report of a study: one HTML file that needs nothing else."""

from isnet_cxr.pipeline.report.documents import CHECKS, MODEL_CARD, write_documents
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.report.page import versions, write_report
from isnet_cxr.pipeline.report.pictures import draw_pictures

__all__ = [
    "CHECKS", "MODEL_CARD", "ReportMaterial", "draw_pictures", "versions", "write_documents",
    "write_report",
]  # fmt: skip
