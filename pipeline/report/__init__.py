"""The report of a study: one HTML file that needs nothing else."""

from pipeline.report.material import ReportMaterial
from pipeline.report.page import write_report
from pipeline.report.pictures import draw_pictures

__all__ = ["ReportMaterial", "draw_pictures", "write_report"]
