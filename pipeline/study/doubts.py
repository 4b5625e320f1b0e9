"""Which of the five measures may have been fooled in a study, and by what one can tell."""

from collections.abc import Iterator, Mapping
from typing import Any

from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.study.measures import MEASURES

INTERNAL = "internal"
OTHERS = 2
"""So many other measures that speak against a classifier put one that does not in doubt."""
BY_HEATMAPS = ("relevance", "accounted")


def doubt_measures(reliance: Mapping[str, Any], sanity: Mapping[str, Any]) -> dict[str, list[str]]:
    """Say of every measure what puts it in doubt here, by the internal test.

    Args:
        reliance: By classifier and test, as in the summary.
        sanity: Of heatmaps by classifier, as in the summary.

    Returns:
        Sentences by measure; none where nothing does.
    """
    own = {
        name: tests[INTERNAL]
        for name, tests in reliance.items()
        if name != CONTROL and INTERNAL in tests
    }
    return {measure: list(_doubts(measure, own, sanity)) for measure in MEASURES}


def _doubts(measure: str, own: Mapping[str, Any], sanity: Mapping[str, Any]) -> Iterator[str]:
    missing = [name for name, found in own.items() if found["measures"][measure] is None]
    if missing:
        yield f"Not measured for {', '.join(missing)}."
    if measure in BY_HEATMAPS:
        stays = [name for name in own if sanity.get(name, {}).get("stays")]
        if stays:
            yield f"Says nothing of {', '.join(stays)}: the heatmaps show the image alone."
    alone = [
        name
        for name, found in own.items()
        if name not in missing and measure not in found["caught"]
        and len(found["caught"]) >= OTHERS
    ]  # fmt: skip
    if alone:
        yield f"May have been fooled by {', '.join(alone)}: other measures speak against it."
