"""Every transfer syntax that pydicom lists is decoded, or refused by name.

Samples are pydicom's own, or compressed on the spot by GDCM. What GDCM cannot write stands here as
a codestream of ``VALUES``, made once with imagecodecs 2026.3.6: HTJ2K by OpenJPH (progression RPCL
in all, segment lengths (TLM) in .202, irreversible wavelet in .203), and process 14 with predictor
4 by libjpeg-turbo, GDCM's own being 1.
"""

import base64
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import UID, AllTransferSyntaxes

from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.readers.dicom import read_dicom
from isnet_cxr.data.writers import write_dicom

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
COMPRESSED_HERE = {  # lossless, by the name that GDCM has for it
    "1.2.840.10008.1.2.4.57": "JPEGLosslessProcess14",
    "1.2.840.10008.1.2.4.70": "JPEGLosslessProcess14_1",
    "1.2.840.10008.1.2.4.80": "JPEGLSLossless",
    "1.2.840.10008.1.2.4.90": "JPEG2000Lossless",
    "1.2.840.10008.1.2.5": "RLELossless",
}
_ROWS, _COLUMNS = np.mgrid[:8, :12]
VALUES = _ROWS**2 * 60 + _COLUMNS * 90 + _ROWS * _COLUMNS % 7 * 20  # 12 bits
PROCESS_14_PREDICTOR_4 = (
    "|JeWF01!$>Nk#wx0RR9200961|HA+a3;+lK3;_WV0RO}Q8UO(S0RRI50000000000000FC2nGoX4FB2y"
    "2mt{A1ONc}{{ZV%s?}<>TCG;ARjSuKQAHF{NIHrrrnFH-AnGWhiYW)|u|**If)1jJDF@UY(kTbj5Pd-h"
    "QAj?ZgZdm%NIsy0sG^EN^#`d%6jBbNiYTIxe_@by6j4PKgQ%jP|Je"
)
HTJ2K_LOSSLESS = (
    "|4;u>04YEK0000C0000800000000000000C000080000000000009pH0sl|{2mk^A000XAQUDA90ssL3"
    "0t5s=0smY83LuD(kdTOoi2q~&7XSfIaAj^vP)HzFWpW@eE;2SQGcNy-015yA0002D00IA#zyK{EBLN}y"
    "{rv&+|9bWB0SN&6HUPi?6;J>Ld;kGdux^FwtO1CAl>n_V*=GPNGz|LygadxI04}Tfs}CT6`!xW-04>M>"
    "1=7F(Eub-^vrvbIm*OZi8zYPJ5MtE+0XuLwhfoAKS^#&M#1K#htP;a%;tuFmVJQaB5|OYBrB(s#3<r=H"
    ";uin_Cp!Q|MJ}R?peb4`Mi(g(S(x|%B~->f06?T#0RPz"
)
HTJ2K_RPCL = (
    "|4;u>04YEK0000C0000800000000000000C000080000000000009pH0sl|{2mk^A000XAQUDA90ssL3"
    "0t5s=0smY83LuD(kdTOoi2q~&7XSfIaAj^vP)HzFWpW@eE;2SQGcNyC015zL000000Jr~;015yA0002D"
    "00IA#zyK{EBLN}y{rv&+|9bWB0SN&6HUPi?6;J>Ld;kGdux^FwtO1CAl>n_V*=GPNGz|LygadxI04}Tf"
    "s}CT6`!xW-04>M>1=7F(Eub-^vrvbIm*OZi8zYPJ5MtE+0XuLwhfoAKS^#&M#1K#htP;a%;tuFmVJQaB"
    "5|OYBrB(s#3<r=H;uin_Cp!Q|MJ}R?peb4`Mi(g(S(x|%B~->f06?T#0RPz"
)
HTJ2K_LOSSY = (
    "|4;u>04YEK0000C0000800000000000000C000080000000000009pH0sl|{2mk^A001TbQUDA90ssL3"
    "0t5s=0RLP75h8cyXf<dxXn0^6U>a|~|6~9c00B>MWo}APNFY{aav(4+GBz$VF8`1K3IG5A003?P0soW0"
    "0cZdnAl*0rPQLDo`~ao^`!)c;0(bycKmt&(NI{kQbpRPrh9?91000AiwgCJA=X3zT1xx^1PyngX1C@L~"
    "b${0YJZ2&mbJQV;{D2O?06DuXc>u%w1AkQP+t&d9*#"
)
STORED_HERE = {  # and how far from VALUES
    "1.2.840.10008.1.2.4.57": (PROCESS_14_PREDICTOR_4, 0.0),
    "1.2.840.10008.1.2.4.201": (HTJ2K_LOSSLESS, 0.0),
    "1.2.840.10008.1.2.4.202": (HTJ2K_RPCL, 0.0),
    "1.2.840.10008.1.2.4.203": (HTJ2K_LOSSY, 36.0),
}
REFUSED = set(AllTransferSyntaxes).difference(DECODED, IN_COLOUR, COMPRESSED_HERE, STORED_HERE)


@pytest.mark.parametrize("syntax", DECODED)
def test_syntax_is_decoded(syntax):
    image = read_dicom(SHIPPED / DECODED[syntax])
    assert image.steps[0] == f"DICOM {UID(syntax).name}"
    assert np.ptp(image.pixels) > 0.5


def test_lossless_syntaxes_agree():
    images = [
        read_image(path).pixels
        for path in SHIPPED.glob("MR_small[_.]*")
        if "padded" not in path.name
    ]
    assert len(images) >= 7
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])


def write_values(path):
    """Write VALUES so that a grey value is a stored value by 4095."""
    write_dicom(VALUES[np.newaxis] / 4095, path, None)
    return path


@pytest.mark.parametrize("syntax", COMPRESSED_HERE)
def test_what_is_compressed_losslessly_comes_back_as_it_was(tmp_path, syntax):
    reader, change, writer = (
        gdcm.ImageReader(),
        gdcm.ImageChangeTransferSyntax(),
        gdcm.ImageWriter(),
    )
    reader.SetFileName(str(write_values(tmp_path / "plain.dcm")))
    assert reader.Read()
    name = getattr(gdcm.TransferSyntax, COMPRESSED_HERE[syntax])
    change.SetTransferSyntax(gdcm.TransferSyntax(name))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(tmp_path / "compressed.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    image = read_image(tmp_path / "compressed.dcm")
    assert image.steps[0] == f"DICOM {UID(syntax).name}"
    np.testing.assert_allclose(image.pixels[0] * 4095, VALUES, atol=1e-3)


@pytest.mark.parametrize("syntax", STORED_HERE)
def test_codestream_of_another_encoder_is_decoded(tmp_path, syntax):
    codestream, error = STORED_HERE[syntax]
    path = write_values(tmp_path / "f.dcm")
    embed(path, syntax, base64.b85decode(codestream))
    image = read_image(path)
    assert image.steps[0] == f"DICOM {UID(syntax).name}"
    np.testing.assert_allclose(image.pixels[0] * 4095, VALUES, atol=error + 1e-3)


@pytest.mark.parametrize("syntax", STORED_HERE)
@pytest.mark.parametrize("header", [{"Rows": 12, "Columns": 8}, {"BitsStored": 8}])
def test_codestream_of_another_encoder_is_held_against_the_header(tmp_path, syntax, header):
    path = write_values(tmp_path / "f.dcm")
    embed(path, syntax, base64.b85decode(STORED_HERE[syntax][0]))
    dataset = pydicom.dcmread(path)
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    with pytest.raises(UnreadableImage, match=r"codestream of (8 x 12|12 bits|16 bits) in a file"):
        read_image(path)


def embed(path, syntax, codestream):
    """Put a codestream in the place of a file's pixels."""
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, implicit_vr=False, little_endian=True)


@pytest.mark.parametrize("syntax", sorted({*COMPRESSED_HERE, *STORED_HERE}))
def test_a_decoder_that_is_not_installed_is_named(tmp_path, monkeypatch, syntax):
    path = write_values(tmp_path / "f.dcm")
    embed(path, syntax, b"\xff\xd8\xff\xd9")
    monkeypatch.setattr(Decoder, "is_available", property(lambda _: False))
    with pytest.raises(UnreadableImage, match=r"needs [a-z-]+, not installed") as error:
        read_image(path)
    assert UID(syntax).name in str(error.value)


@pytest.mark.parametrize("syntax", IN_COLOUR)
def test_colours_are_decoded_and_refused(syntax):
    with pytest.raises(UnreadableImage, match="no copy of a grey one"):
        read_image(SHIPPED / IN_COLOUR[syntax])


@pytest.mark.parametrize("syntax", sorted(REFUSED))
def test_syntax_without_decoder_is_named(tmp_path, syntax):
    path = write_values(tmp_path / "f.dcm")
    embed(path, syntax, b"\xff\xd8\xff\xd9")
    with pytest.raises(UnreadableImage) as error:
        read_image(path)
    assert f"there is no decoder for {UID(syntax).name}" in str(error.value)
