"""Ceilings of external tests, as a study's YAML file asks for them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.config.section import Section, check_known

if TYPE_CHECKING:
    from isnet_cxr.classification.settings import ClassifierSettings

METHOD = "baseline"


class CeilingConfig(Section):
    """What a baseline reaches on an external test when it is trained on that test's own images.

    Trained and tested by cross-validation with all seeds of the study. Every classifier is then
    placed between the baseline from elsewhere and this ceiling; nothing else sees these trainings.

    Attributes:
        folds: The test is divided by patient into so many parts; each part is predicted by a
            network that was trained on the others.
        baseline: Classifier of the study whose settings are trained there and from whose figure the
            gap is counted; its method is ``baseline``.
    """

    folds: int = Field(default=5, ge=2)
    baseline: str = "baseline"


def check_ceilings(
    ceilings: Mapping[str, CeilingConfig],
    *,
    external: Iterable[str],
    unbiased: Iterable[str],
    settings: "Mapping[str, ClassifierSettings]",
) -> None:
    """Check that ceilings are of external tests and of baselines.

    Args:
        ceilings: By the test's name.
        external: Names of the external tests.
        unbiased: Classifiers that are trained on the images as they are.
        settings: Of every classifier.

    Raises:
        InputError: If one is not; names the key.
    """
    check_known("ceilings", "external test", ceilings, external)
    for test, section in ceilings.items():
        place = f"ceilings.{test}.baseline"
        check_known(place, "classifier", [section.baseline], unbiased)
        method = settings[section.baseline].method
        if method != METHOD:
            raise InputError(
                f"{place}: expected a classifier of method {METHOD!r}, {section.baseline!r} is of "
                f"method {method!r}"
            )
