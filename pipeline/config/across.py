"""Hospitals held out of training, as a study's YAML file asks for it."""

from typing import Annotated, Literal

from pydantic import Field

from isnet_cxr.pipeline.config.section import Section

Design = Literal["leave_one_out", "pairs"]


class AcrossConfig(Section):
    """Classifiers trained again with hospitals of the development set held out.

    Attributes:
        designs: ``leave_one_out`` trains on all hospitals but one and tests on that one, each in
            turn (leave-one-hospital-out cross-validation); ``pairs`` trains on each hospital alone
            and tests on every other.
        hospital: What counts as one: the ``site``, or the dataset where no site is told; or the
            ``dataset`` throughout, where its sites are too small to be tested alone.
        classifiers: Which of the study's.
        only: Those of them that are not trained on the whole development set.
        seeds: Some of the study's seeds; None takes all.
    """

    designs: list[Design] = Field(default=["leave_one_out"], min_length=1)
    hospital: Literal["site", "dataset"] = "site"
    classifiers: list[str] = Field(min_length=1)
    only: list[str] = Field(default_factory=list)
    seeds: list[Annotated[int, Field(ge=0)]] | None = None
