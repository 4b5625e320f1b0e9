"""What a reviewer asks of a study, as plain values under ``evidence`` of ``summary.json``."""

from isnet_cxr.pipeline.study.evidence.across import across_metrics, score_across
from isnet_cxr.pipeline.study.evidence.exchanged import measure_exchanged
from isnet_cxr.pipeline.study.evidence.gathered import gather_evidence

__all__ = ["across_metrics", "gather_evidence", "measure_exchanged", "score_across"]
