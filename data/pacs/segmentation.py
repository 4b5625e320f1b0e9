"""The lungs as a DICOM Segmentation, pixel for pixel on the image."""

from copy import deepcopy

import numpy as np
from highdicom import SOPClass
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import SecondaryCaptureImageStorage

from isnet_cxr.data.pacs.identity import RESEARCH_ONLY, Algorithm, Identity
from isnet_cxr.data.pacs.source import NoObjectError, Source

LABEL = "Lung"
ANATOMY = Code("123037004", "SCT", "Anatomical Structure")


def make_segmentation(
    source: Source, mask: NDArray[np.uint8], algorithm: Algorithm, *, content: str = ""
) -> SOPClass:
    """Make a binary segmentation of one segment.

    Args:
        source: The image.
        mask: Not 0 in the lungs, (H, W), as the image's rows and columns are stored.
        algorithm: The lung segmenter.
        content: What else decides the mask, for the object's numbers.

    Raises:
        NoObjectError: If there are no lungs, or the mask is not of the image's size.
    """
    size = (source.reference.Rows, source.reference.Columns)
    if mask.shape != size:
        raise NoObjectError(f"mask of {mask.shape} pixels for an image of {size}")
    if not mask.any():
        raise NoObjectError("no lungs found, so that there is nothing to mark")
    identity = Identity("seg", source, algorithm, content)
    lungs = SegmentDescription(
        segment_number=1,
        segment_label=LABEL,
        segmented_property_category=ANATOMY,
        segmented_property_type=codes.SCT.Lung,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm.in_image(),
        tracking_uid=identity.uid("segment"),
        tracking_id="lungs",
    )
    dataset = Segmentation(
        source_images=[_as_one_frame(source)],
        pixel_array=(mask != 0).astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[lungs],
        content_label="LUNGS",
        content_description=RESEARCH_ONLY,
        **identity.arguments("Lungs"),
    )
    _name_class(dataset, source)
    _settle_dimensions(dataset, identity.uid("dimensions"))
    dataset.PatientOrientation = source.orientation
    source.take_over(dataset)
    return dataset


def _as_one_frame(source: Source) -> Dataset:
    """Return the reference as one of a class whose images are one frame in no fixed space.

    Of others, highdicom wants to know groups of frames or a frame of reference, which a radiograph
    of one frame does not need to have.
    """
    stand_in = deepcopy(source.reference)
    stand_in.SOPClassUID = SecondaryCaptureImageStorage
    return stand_in


def _name_class(dataset: Dataset, source: Source) -> None:
    """Write the true class of the image wherever it is referred to."""
    for element in dataset.iterall():
        if element.keyword == "ReferencedSOPClassUID":
            element.value = source.reference.SOPClassUID


def _settle_dimensions(dataset: Segmentation, uid: str) -> None:
    """Replace the one number that is drawn at random."""
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for item in dataset.DimensionIndexSequence:
        item.DimensionOrganizationUID = uid
