"""A result in numbers and words as a DICOM Structured Report (TID 1500, Measurement Report)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from highdicom import SOPClass
from highdicom.sr import (
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes

from isnet_cxr.data.pacs.codes import LUNG, NO_UNIT, PROBABILITY, finding, in_ascii, own, scheme
from isnet_cxr.data.pacs.identity import MANUFACTURER, RESEARCH_ONLY, Algorithm, Identity
from isnet_cxr.data.pacs.source import Source

PLAIN_CHEST = CodedConcept("399208008", "SCT", "Plain chest X-ray")
SHARE = own("share of relevance inside the lungs")
LEGEND = "probabilities of a research classifier: they are not probabilities of disease"


@dataclass(frozen=True)
class Result:
    """What a report says.

    Attributes:
        probabilities: Of every class, 0 to 1.
        predicted: The most probable class.
        explained: The class whose relevance was mapped.
        relevance_inside_lungs: Share of |relevance| inside the lungs, 0 to 1, or NaN.
        coded: Verdicts by what was judged, such as ``{"mask quality": "good"}``.
        reasons: Why, by what was judged; empty texts are left out.
    """

    probabilities: Mapping[str, float]
    predicted: str
    explained: str
    relevance_inside_lungs: float
    coded: Mapping[str, str]
    reasons: Mapping[str, str]


def make_report(
    source: Source, result: Result, algorithm: Algorithm, *, content: str = ""
) -> SOPClass:
    """Make a report: a group for the image, and one for each class with its probability.

    Args:
        source: The image.
        result: What was found.
        algorithm: The classifier.
        content: What else decides the result, for the object's numbers.

    Raises:
        NoObjectError: If the patient cannot be taken over.
    """
    identity = Identity("sr", source, algorithm, content)
    groups = [_of_image(result, identity), *_of_classes(result, identity)]
    tree = MeasurementReport(
        observation_context=_observer(identity),
        procedure_reported=PLAIN_CHEST,
        imaging_measurements=groups,
    )
    dataset = ComprehensiveSR(
        evidence=[source.reference],
        content=tree[0],
        is_complete=True,
        coding_schemes=[scheme()],
        **identity.arguments("Classification"),
    )
    source.take_over(dataset)
    return dataset


def _observer(identity: Identity) -> ObservationContext:
    attributes = DeviceObserverIdentifyingAttributes(
        uid=identity.uid("device"),
        name=identity.algorithm.name,
        manufacturer_name=MANUFACTURER,
        model_name=identity.algorithm.name,
        serial_number=identity.algorithm.digest or None,
    )
    return ObservationContext(observer_device_context=ObserverContext(codes.DCM.Device, attributes))


def _of_image(result: Result, identity: Identity) -> MeasurementsAndQualitativeEvaluations:
    evaluations = {own("predicted class"): finding(result.predicted)}
    evaluations |= {own(name): own(verdict) for name, verdict in result.coded.items() if verdict}
    share = result.relevance_inside_lungs
    measured = [] if math.isnan(share) else [Measurement(SHARE, round(share, 6), NO_UNIT)]
    group = _group(identity, "image", own("image classification"), measured, evaluations)
    texts = {"intended use": RESEARCH_ONLY, "explained class": result.explained, **result.reasons}
    texts |= {"note": LEGEND}
    group[0].ContentSequence.extend(_texts((name, text) for name, text in texts.items() if text))
    return group


def _texts(named: Iterable[tuple[str, str]]) -> list[TextContentItem]:
    return [
        TextContentItem(own(name), in_ascii(text), RelationshipTypeValues.CONTAINS)
        for name, text in named
    ]


def _of_classes(
    result: Result, identity: Identity
) -> Iterable[MeasurementsAndQualitativeEvaluations]:
    for name, probability in result.probabilities.items():
        measured = [Measurement(PROBABILITY, round(float(probability), 6), NO_UNIT)]
        yield _group(identity, f"class {in_ascii(name)}", finding(name), measured, {})


def _group(
    identity: Identity,
    name: str,
    what: CodedConcept,
    measured: list[Measurement],
    evaluations: Mapping[CodedConcept, CodedConcept],
) -> MeasurementsAndQualitativeEvaluations:
    reference = identity.source.reference
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=identity.uid(name), identifier=name),
        finding_type=what,
        algorithm_id=identity.algorithm.in_report(),
        finding_sites=[FindingSite(LUNG)],
        measurements=measured or None,
        qualitative_evaluations=[QualitativeEvaluation(*pair) for pair in evaluations.items()]
        or None,
        source_images=[
            SourceImageForMeasurementGroup(reference.SOPClassUID, reference.SOPInstanceUID)
        ],
    )
