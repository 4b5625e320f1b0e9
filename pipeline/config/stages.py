"""Settings of the two stages as a study file gives them, resolved once, when it is read."""

from collections.abc import Mapping
from typing import Any

from isnet_cxr.classification.reading import check_classifier, read_classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.settings import build_settings
from isnet_cxr.pipeline.config.settings import merge
from isnet_cxr.segmentation.settings import SegmentationSettings


def resolve_classifiers(
    defaults: Mapping[str, Any], classifiers: Mapping[str, Mapping[str, Any]], *, classes: int
) -> dict[str, ClassifierSettings]:
    """Return every classifier's settings, checked: its own laid over the shared ones.

    Raises:
        InputError: If a setting is wrong; names the classifier and the key.
    """
    read_classifier(defaults, where="defaults", shared=True)
    resolved = {}
    for name, own in classifiers.items():
        where = f"classifiers.{name}"
        values = merge(defaults, own)
        method = values.get("method", ClassifierSettings.method)
        read_classifier({"method": method, **own}, where=where)  # refuses other methods' blocks
        settings = read_classifier(values, where=where, shared=True)
        if settings.bias is not None:
            raise InputError(f"{where}.bias: list the classifier under `bias_tests` instead")
        check_classifier(settings, classes=classes, where=where)
        resolved[name] = settings
    return resolved


def resolve_segmentation(settings: Mapping[str, Any]) -> SegmentationSettings:
    """Return the lung segmenter's settings.

    Raises:
        InputError: If a setting is wrong; names the key.
    """
    return build_settings(SegmentationSettings, settings, where="segmentation.settings")
