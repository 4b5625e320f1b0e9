"""Real DICOM files of public test suites behave as the table beside them says."""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from isnet_cxr.data.readers import UnreadableImage, is_dicom, read_image
from isnet_cxr.data.readers.content import content_of

SYNTAXES = {
    "RG1_J2KI": "JPEG 2000 Image Compression",
    "RG1_JLSN": "JPEG-LS Lossy (Near-Lossless) Image Compression",
    "RG2_JLSL": "JPEG-LS Lossless Image Compression",
    "RG3_RLE": "RLE Lossless",
    "RSNA-cr-jpeg-baseline": "JPEG Baseline (Process 1)",
    "CR-MONO1-10-chest": "Implicit VR Little Endian",
}


@pytest.fixture
def dicom_root():
    """Folder of real DICOM files of public test suites."""
    root = Path(os.environ.get("ISNET_CXR_DATA", "")).parent / "dicom"
    if not os.environ.get("ISNET_CXR_DATA") or not root.is_dir():
        pytest.skip("no dicom/ beside ISNET_CXR_DATA: no real DICOM files")
    return root


def stored(path):
    """Decode without the reader under test: header and values (H, W)."""
    dataset = pydicom.dcmread(path)
    return dataset, pixel_array(dataset).astype(np.float64)


@pytest.mark.parametrize("name", SYNTAXES)
def test_every_image_of_the_table_is_read_with_its_syntax_recorded(dicom_root, name):
    path = dicom_root / f"{name}.dcm"
    image = read_image(path)
    assert image.steps[0] == f"DICOM {SYNTAXES[name]}"
    assert np.ptp(image.pixels) > 0.5
    dataset = pydicom.dcmread(path, force=True)
    assert image.pixels.shape == (1, dataset.Rows, dataset.Columns)
    assert ("inverted" in image.steps) == (dataset.PhotometricInterpretation == "MONOCHROME1")


def test_every_file_of_the_folder_is_an_image_or_refused_in_one_line(dicom_root):
    refused = []
    for path in sorted(dicom_root.glob("*.dcm")):
        assert is_dicom(path.name, content_of(path))
        try:
            pixels = read_image(path).pixels
        except UnreadableImage as error:
            refused.append(str(error))
        else:
            assert pixels.min() >= 0
            assert pixels.max() <= 1
    without = dicom_root / "Issue56-NoPixelData.dcm"
    assert refused == [f"{without}: DICOM file without pixel data"]


def test_jpeg_ls_lossless_goes_through_its_window(dicom_root):
    path = dicom_root / "RG2_JLSL.dcm"
    dataset, values = stored(path)
    centre, width = float(dataset.WindowCenter), float(dataset.WindowWidth)
    expected = np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    image = read_image(path)
    np.testing.assert_allclose(image.pixels[0], expected, atol=1e-5)
    assert image.spacing_mm == tuple(float(value) for value in dataset.PixelSpacing)


def test_modality_lut_sequence_is_looked_up_and_inverted(dicom_root):
    path = dicom_root / "CR-ModalitySequenceLUT.dcm"
    dataset, values = stored(path)
    item = dataset.ModalityLUTSequence[0]
    length, first, _ = item.LUTDescriptor
    entries = np.frombuffer(item.LUTData, "<u2").astype(np.float64)
    assert len(entries) == length
    assert len(np.unique(np.diff(entries))) > 1  # no straight line: a rescale would not do
    looked_up = entries[np.clip(values - first, 0, length - 1).astype(int)]
    low, high = np.percentile(looked_up, [0.5, 99.5])  # there is no window
    expected = 1 - np.clip((looked_up - low) / (high - low), 0, 1)
    image = read_image(path)
    np.testing.assert_allclose(image.pixels[0], expected, atol=1e-5)
    assert image.steps[1:4] == ("modality LUT", "grey from percentiles 0.5 to 99.5", "inverted")


def test_relabelled_monochrome1_is_the_exact_inverse(dicom_root):
    one, two = (
        read_image(dicom_root / f"RSNA-cr-jpeg-baseline{twin}.dcm").pixels
        for twin in ("", "-MONOCHROME1")
    )
    np.testing.assert_allclose(one + two, 1, atol=1e-6)


def test_the_same_image_in_two_transfer_syntaxes(dicom_root):
    one, two = (read_image(dicom_root / f"RG1_{name}.dcm").pixels for name in ("J2KI", "JLSN"))
    assert np.abs(one - two).mean() < 0.01


def test_lossless_and_run_length_give_the_same_pixels(dicom_root):
    one, two = (read_image(dicom_root / f"RG3_{name}.dcm").pixels for name in ("JPLL", "RLE"))
    np.testing.assert_array_equal(one, two)


def test_file_without_preamble_is_read(dicom_root):
    read = read_image(dicom_root / "CR-MONO1-10-chest.dcm")
    assert read.view == "PA"
    assert read.pixels.shape == (1, 440, 440)
    # The lungs are darker than the spine between them.
    rows = read.pixels[0, 150:250]
    assert rows[:, 80:180].mean() < rows[:, 200:240].mean()
