"""A picture of a result as a DICOM Secondary Capture, for viewers that show no segmentations."""

from typing import Any

import numpy as np
from highdicom import SOPClass
from highdicom.sc import SCImage
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from isnet_cxr.data.pacs.identity import RESEARCH_ONLY, Algorithm, Identity
from isnet_cxr.data.pacs.source import Source, numbers

IDENTIFIES = ("YES", "NO")


def make_capture(
    source: Source,
    picture: NDArray[np.uint8],
    algorithm: Algorithm,
    *,
    scale: float,
    content: str = "",
) -> SOPClass:
    """Make an image of a picture.

    Whether what is burnt in may name the patient is what the source says of itself: nothing that is
    drawn here does.

    Args:
        source: The image.
        picture: RGB (h, w, 3), whose first rows show all of the image.
        algorithm: The classifier.
        scale: Rows and columns of the picture for one of the image.
        content: What else decides the picture, for the object's numbers.

    Raises:
        NoObjectError: If the patient cannot be taken over.
    """
    identity = Identity("sc", source, algorithm, content)
    dataset = SCImage.from_ref_dataset(
        source.reference,
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity.arguments("Lungs and relevance"),
    )
    dataset.PatientOrientation = source.orientation
    dataset.Laterality = source.side
    dataset.ConversionType = "WSD"
    dataset.ImageComments = RESEARCH_ONLY
    dataset.DerivationDescription = "image, lung outline and heatmap in one picture"
    dataset.SourceImageSequence = [_reference(source)]
    burnt_in = str(source.header.get("BurnedInAnnotation") or "").strip()
    if burnt_in in IDENTIFIES:
        dataset.BurnedInAnnotation = burnt_in
    dataset.update(_geometry(source, scale))
    dataset.update(_loss(source))
    source.take_over(dataset)
    return dataset


def _reference(source: Source) -> Dataset:
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID = source.reference.SOPClassUID
    item.ReferencedSOPInstanceUID = source.reference.SOPInstanceUID
    code = codes.DCM.SourceImageForImageProcessingOperation
    purpose.CodeValue, purpose.CodingSchemeDesignator = code.value, code.scheme_designator
    purpose.CodeMeaning = code.meaning
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def _geometry(source: Source, scale: float) -> Dataset:
    """Return distances of pixels where the image has any, or the shape of a pixel."""
    found = Dataset()
    in_patient = numbers(source.header, "PixelSpacing")
    at_detector = numbers(source.header, "ImagerPixelSpacing")
    if in_patient is not None:
        found.PixelSpacing = _scaled(in_patient, scale)
    elif at_detector is not None:
        found.NominalScannedPixelSpacing = _scaled(at_detector, scale)
    elif (ratio := numbers(source.header, "PixelAspectRatio")) is not None:
        found.PixelAspectRatio = [round(one) for one in ratio]
    return found


def _scaled(spacing: list[float], scale: float) -> list[Any]:
    return [f"{one / scale:.8g}" for one in spacing]


def _loss(source: Source) -> Dataset:
    keywords = ("", "Ratio", "Method")
    names = [f"LossyImageCompression{one}" for one in keywords]
    found = Dataset()
    for name in names:
        if name in source.reference:
            found[name] = source.reference[name]
    return found
