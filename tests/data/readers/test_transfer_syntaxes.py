"""Every transfer syntax that pydicom lists is decoded, or refused by name."""

from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID, AllTransferSyntaxes

from data.readers import UnreadableImage, read_image, write_dicom
from data.readers.dicom import read_dicom

SHIPPED = Path(pydicom.data.__file__).parent / "test_files"
DECODED = {
    "1.2.840.10008.1.2": "MR_small_implicit.dcm",
    "1.2.840.10008.1.2.1": "MR_small.dcm",
    "1.2.840.10008.1.2.1.99": "image_dfl.dcm",
    "1.2.840.10008.1.2.2": "MR_small_bigendian.dcm",
    "1.2.840.10008.1.2.4.51": "JPEG-lossy.dcm",
    "1.2.840.10008.1.2.4.80": "MR_small_jpeg_ls_lossless.dcm",
    "1.2.840.10008.1.2.4.81": "JPEGLSNearLossless_16.dcm",
    "1.2.840.10008.1.2.4.90": "MR_small_jp2klossless.dcm",
    "1.2.840.10008.1.2.4.91": "JPEG2000.dcm",
    "1.2.840.10008.1.2.5": "MR_small_RLE.dcm",
}
IN_COLOUR = {  # decoded, then refused for their colours
    "1.2.840.10008.1.2.4.50": "SC_rgb_jpeg_dcmtk.dcm",
    "1.2.840.10008.1.2.4.70": "SC_rgb_jpeg_gdcm.dcm",
}
DECODER_WITHOUT_SAMPLE = {f"1.2.840.10008.1.2.4.{n}" for n in (57, 201, 202, 203)}
REFUSED = set(AllTransferSyntaxes) - set(DECODED) - set(IN_COLOUR) - DECODER_WITHOUT_SAMPLE


@pytest.mark.parametrize("syntax", DECODED)
def test_syntax_is_decoded(syntax):
    film = read_dicom(SHIPPED / DECODED[syntax])
    assert film.steps[0] == f"DICOM {UID(syntax).name}"
    assert np.ptp(film.pixels) > 0.5


def test_lossless_syntaxes_agree():
    films = [
        read_image(path).pixels
        for path in SHIPPED.glob("MR_small[_.]*")
        if "padded" not in path.name
    ]
    assert len(films) >= 7
    for film in films[1:]:
        np.testing.assert_array_equal(film, films[0])


@pytest.mark.parametrize("syntax", IN_COLOUR)
def test_colours_are_decoded_and_refused(syntax):
    with pytest.raises(UnreadableImage, match="no copy of a grey one"):
        read_image(SHIPPED / IN_COLOUR[syntax])


@pytest.mark.parametrize("syntax", sorted(REFUSED))
def test_syntax_without_decoder_is_named(tmp_path, syntax):
    path = tmp_path / "f.dcm"
    write_dicom(np.zeros((1, 2, 2), np.float32), path, None)
    dataset = pydicom.dcmread(path)
    content = encapsulate([b"\xff\xd8\xff\xd9"])
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PixelData = content
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, implicit_vr=False, little_endian=True)
    with pytest.raises(UnreadableImage) as error:
        read_image(path)
    assert f"there is no decoder for {UID(syntax).name}" in str(error.value)
