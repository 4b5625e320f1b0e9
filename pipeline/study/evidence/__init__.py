"""What a reviewer asks of a study, as plain values under ``evidence`` of ``summary.json``."""

from isnet_cxr.pipeline.study.evidence.gathered import gather_evidence

__all__ = ["gather_evidence"]
