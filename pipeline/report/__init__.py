"""The report of a study: one HTML file that needs nothing else."""

from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.report.page import write_report
from isnet_cxr.pipeline.report.pictures import draw_pictures

__all__ = ["ReportMaterial", "draw_pictures", "write_report"]
