"""Settings of the two stages as a study file gives them, resolved once, when it is read."""

from collections.abc import Mapping
from typing import Any

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.pipeline.config.settings import build_settings, merge
from isnet_cxr.segmentation.settings import SegmentationSettings


def resolve_classifiers(
    defaults: Mapping[str, Any], classifiers: Mapping[str, Mapping[str, Any]]
) -> dict[str, ClassifierSettings]:
    """Return every classifier's settings: its own laid over the shared ones.

    Raises:
        ValueError: If a setting is wrong; names the classifier and the key.
    """
    places = {"defaults": defaults}
    places |= {f"classifiers.{name}": merge(defaults, own) for name, own in classifiers.items()}
    resolved = {
        where: build_settings(ClassifierSettings, values, where=where)
        for where, values in places.items()
    }
    for where, settings in resolved.items():
        if settings.bias is not None:
            raise ValueError(f"{where}.bias: list the classifier under `bias_tests` instead")
    return {name: resolved[f"classifiers.{name}"] for name in classifiers}


def resolve_segmentation(settings: Mapping[str, Any]) -> SegmentationSettings:
    """Return the lung segmenter's settings.

    Raises:
        ValueError: If a setting is wrong; names the key.
    """
    return build_settings(SegmentationSettings, settings, where="segmentation.settings")
