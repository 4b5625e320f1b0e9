"""What a report is made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.lungs import Lungs
from isnet_cxr.pipeline.study.trainings import Training


@dataclass(frozen=True)
class ReportMaterial:
    """A finished study.

    Attributes:
        config: What was asked for.
        description: The same with every default filled in, as plain values.
        images: Images by role, with masks.
        audit: What gives the class away, as ``isnet_cxr.pipeline.study.audit`` returns it.
        lungs: What stage 1 left behind, if there was one.
        trainings: All trainings, finished.
        summary: The figures, as in ``summary.json``; empty until they are measured.
    """

    config: StudyConfig
    description: dict[str, Any]
    images: StudyImages
    audit: dict[str, Any]
    lungs: Lungs | None
    trainings: Sequence[Training]
    summary: dict[str, Any] = field(default_factory=dict)

    def first_training(self, classifier: str) -> Training:
        """Return the training whose heatmaps are shown: the first seed, on images as they are."""
        return next(
            training
            for training in self.trainings
            if training.classifier == classifier and training.is_whole
        )
