"""What a report is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import StudyConfig
from pipeline.study.films import StudyFilms
from pipeline.study.lungs import Lungs
from pipeline.study.trainings import Training


@dataclass(frozen=True)
class ReportMaterial:
    """A finished study.

    Attributes:
        config: What was asked for.
        description: The same with every default filled in, as plain values.
        films: Films by role, with masks.
        audit: What gives the class away, as ``pipeline.study.audit`` returns it.
        lungs: What stage 1 left behind, if there was one.
        trainings: All trainings, finished.
        summary: The figures, as in ``summary.json``.
    """

    config: StudyConfig
    description: dict[str, Any]
    films: StudyFilms
    audit: dict[str, Any]
    lungs: Lungs | None
    trainings: Sequence[Training]
    summary: dict[str, Any]

    def first_training(self, classifier: str) -> Training:
        """Return the training whose heatmaps are shown: the classifier's first seed, unmarked."""
        return next(
            training
            for training in self.trainings
            if training.classifier == classifier and not training.settings.marks
        )
