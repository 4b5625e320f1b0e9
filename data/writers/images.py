"""Images to files that ``read_image`` gives back as they were.

Images are float (1, H, W) or (H, W) in [0, 1], air dark and bone bright. Every file appears whole
or not at all.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers.radiograph import Spacing
from isnet_cxr.data.writers.atomic import replacing

DICOM_BITS = 12
FRONTAL = ("PA", "AP")
EIGHT_BITS = 8
COMPRESSION = 1
"""Of PNG, 1 to 9: a heatmap takes a third of the time of the usual 6, and 7 % more room."""
GREY_AXES = 2
RGB_AXES = 3


def write_png(pixels: NDArray[Any], path: Path) -> None:
    """Write a PNG without metadata.

    Args:
        pixels: uint8 or uint16 grey (H, W), uint8 RGB (H, W, 3), or an image, which gets 8 bits.
        path: Where to; its folder is made if missing.

    Raises:
        InputError: If ``pixels`` has another type or shape.
    """
    array = _to_integers(pixels, bits=8) if pixels.dtype.kind == "f" else pixels
    grey = array.ndim == GREY_AXES and array.dtype in (np.uint8, np.uint16)
    rgb = array.ndim == RGB_AXES and array.shape[2] == RGB_AXES and array.dtype == np.uint8
    if not grey and not rgb:
        raise InputError(
            "pixels must be uint8 or uint16 (H, W), uint8 (H, W, 3) or a float image, "
            f"got {array.dtype} {array.shape}"
        )
    with replacing(path) as temporary:
        Image.fromarray(array).save(temporary, format="PNG", compress_level=COMPRESSION)


def write_nifti(pixels: NDArray[np.floating[Any]], path: Path, spacing_mm: Spacing | None) -> None:
    """Write an image as a coronal slice (W, H, 1) of 16 bits, stored from the patient's right, top.

    Args:
        pixels: An image.
        path: Ends in .nii or .nii.gz.
        spacing_mm: Distance between rows and between columns, or None when unknown.
    """
    import nibabel  # noqa: PLC0415 - only where a file is NIfTI: a prediction starts faster

    stored = _to_integers(pixels, bits=16).T[:, :, np.newaxis]
    row, column = spacing_mm or (1.0, 1.0)
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = -column, -row, 1.0, 1.0
    image = nibabel.Nifti1Image(stored, affine)
    image.header.set_xyzt_units("mm" if spacing_mm else "unknown")
    image.header["cal_min"], image.header["cal_max"] = 0, 2**16 - 1
    with replacing(path) as temporary:
        nibabel.save(image, temporary)


def write_dicom(
    pixels: NDArray[np.floating[Any]],
    path: Path,
    spacing_mm: Spacing | None,
    *,
    view: str = "",
    patient_id: str = "",
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
) -> None:
    """Write an image as a DICOM digital X-ray of 12 bits, with a window over its full range.

    Args:
        pixels: An image.
        path: Where to; its folder is made if missing.
        spacing_mm: Distance between rows and between columns, or None when unknown.
        view: PA, AP or empty.
        patient_id: Written as PatientID; the name stays empty.
        photometric: MONOCHROME1 stores the inverted values, as many detectors do.
    """
    white = 2**DICOM_BITS - 1
    stored = _to_integers(pixels, bits=DICOM_BITS)
    if photometric == "MONOCHROME1":
        stored = (white - stored).astype(np.uint16)
    identity = hashlib.blake2b(stored.tobytes() + patient_id.encode(), digest_size=16).hexdigest()
    dataset = _empty_dicom(identity)
    dataset.PatientID = patient_id
    dataset.ViewPosition = view
    dataset.PhotometricInterpretation = photometric
    dataset.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    dataset.PixelIntensityRelationshipSign = 1 if photometric == "MONOCHROME1" else -1
    dataset.PatientOrientation = ["L", "F"] if view in FRONTAL else ""
    dataset.Rows, dataset.Columns = stored.shape
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (DICOM_BITS - 1), 2**DICOM_BITS
    if spacing_mm is not None:
        dataset.ImagerPixelSpacing = [f"{value:.6g}" for value in spacing_mm]
    dataset.PixelData = stored.astype("<u2").tobytes()
    with replacing(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


def _empty_dicom(identity: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["instance", identity])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", identity])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", identity])
    dataset.Modality, dataset.BodyPartExamined = "DX", "CHEST"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(dataset, keyword, "")
    for keyword in ("StudyID", "AccessionNumber", "ReferringPhysicianName", "SeriesNumber"):
        setattr(dataset, keyword, "")
    for keyword in ("Manufacturer", "DetectorType", "PositionerType"):
        setattr(dataset, keyword, "")
    _describe_chest(dataset)
    dataset.InstanceNumber = 1
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, DICOM_BITS, DICOM_BITS - 1
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "US"
    return dataset


def _describe_chest(dataset: FileDataset) -> None:
    """Say what every digital X-ray has to say of itself."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.ImageLaterality = "U"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.LossyImageCompression, dataset.BurnedInAnnotation = "00", "NO"
    dataset.AcquisitionContextSequence = []
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
    dataset.AnatomicRegionSequence = [region]


def _to_integers(pixels: NDArray[Any], *, bits: int) -> NDArray[Any]:
    """Return the image as unsigned integers (H, W) that use all of ``bits``."""
    plane = pixels[0] if pixels.ndim == GREY_AXES + 1 and pixels.shape[0] == 1 else pixels
    if plane.ndim != GREY_AXES or plane.dtype.kind != "f":
        raise InputError(f"an image must be float (1, H, W), got {pixels.dtype} {pixels.shape}")
    white = 2**bits - 1
    rounded = np.round(np.clip(plane.astype(np.float64), 0.0, 1.0) * white)
    return np.asarray(rounded, dtype=np.uint8 if bits <= EIGHT_BITS else np.uint16)
