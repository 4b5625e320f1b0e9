"""Content decides what a file is, whatever its name."""

import gzip
import io
from itertools import pairwise

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isnet_cxr.data.finding.judging import judge
from isnet_cxr.data.readers import UnreadableImage, radiograph, read_image, read_mask
from isnet_cxr.data.readers.content import content_of, look_at
from isnet_cxr.data.writers import write_dicom, write_mask

GREY = np.random.default_rng(0).random((1, 12, 8), dtype=np.float32)
NAMES = ["a", "a.png", "a.dcm", "a.jpg", "a.nii", "a.nii.gz", "a.dcm.gz", "a.txt", "A.PNG", "a.img"]
TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"), min_size=1
)


def raster(kind):
    stream = io.BytesIO()
    Image.fromarray((GREY[0] * 255).astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


def dicom(path, *, implicit=True, little=True, bare=False):
    write_dicom(GREY, path, None)
    content = path.read_bytes()
    dataset = pydicom.Dataset(pydicom.dcmread(io.BytesIO(content)))
    path.unlink()
    if not bare:
        return content
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return stream.getvalue()


@pytest.fixture(params=["PNG", "TIFF", "BMP", "DICOM", "bare DICOM", "NIfTI", "NIfTI 2", "gzip"])
def image(request, tmp_path):
    """One image in some format, and the pixels it holds."""
    nifti = (GREY[0] * 1000).T.round()[..., None]
    return {
        "PNG": lambda: raster("PNG"),
        "TIFF": lambda: raster("TIFF"),
        "BMP": lambda: raster("BMP"),
        "DICOM": lambda: dicom(tmp_path / "made"),
        "bare DICOM": lambda: dicom(tmp_path / "made", bare=True),
        "NIfTI": lambda: nibabel.Nifti1Image(nifti, np.eye(4)).to_bytes(),
        "NIfTI 2": lambda: nibabel.Nifti2Image(nifti, np.eye(4)).to_bytes(),
        "gzip": lambda: gzip.compress(dicom(tmp_path / "made")),
    }[request.param]()


def test_an_image_reads_the_same_under_every_name(image, tmp_path):
    read = []
    for name in NAMES:
        (tmp_path / name).write_bytes(image)
        read.append(read_image(tmp_path / name))
    for other in read[1:]:
        np.testing.assert_array_equal(read[0].pixels, other.pixels)
        assert read[0].steps == other.steps


@pytest.mark.parametrize("implicit", [True, False])
def test_a_data_set_alone_is_known_in_every_encoding(tmp_path, implicit):
    content = dicom(tmp_path / "made", implicit=implicit, bare=True)
    assert content[128:132] != b"DICM"
    assert look_at(content).kind == "dicom"


def test_jpeg_2000_is_read_as_stored(tmp_path):
    (tmp_path / "a.jp2").write_bytes(raster("JPEG2000"))
    (tmp_path / "a.png").write_bytes(raster("PNG"))
    read = [read_image(tmp_path / name).pixels for name in ("a.jp2", "a.png")]
    np.testing.assert_allclose(*read, atol=1 / 255)


def test_masks_are_known_by_content_too(tmp_path):
    mask = np.zeros((20, 20), np.uint8)
    mask[5:12, 4:9] = 1
    write_mask(mask, tmp_path / "a.png")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress((tmp_path / "a.png").read_bytes()))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.nii.gz"), mask)


@given(TEXT)
def test_text_is_text_and_no_image(text):
    content = look_at(text.encode())
    assert not content.is_image or text.startswith("BM")


@given(st.binary(max_size=600))
def test_any_bytes_have_words_and_random_ones_are_no_dicom(junk):
    content = look_at(b"\x07\x03" + junk)
    assert content.words
    assert "dicom" not in content.words.lower() or junk[126:130] == b"DICM"


@pytest.mark.parametrize("name", ["a.png", "a.dcm", "a.nii"])
@pytest.mark.parametrize(
    ("junk", "words"),
    [(b"", "empty file"), (b"hello", "text"), (b"%PDF-1.4 \x01", "PDF document"),
     (b"PK\x03\x04" + bytes(30), "zip archive")],
)  # fmt: skip
def test_what_is_no_image_is_refused_by_what_it_is(tmp_path, name, junk, words):
    (tmp_path / name).write_bytes(junk)
    with pytest.raises(UnreadableImage, match=f"expected an image, got {words}") as raised:
        read_image(tmp_path / name)
    assert raised.value.path == tmp_path / name


def test_a_gzip_file_of_an_image_says_its_own_name_when_it_fails(tmp_path):
    path = tmp_path / "a.png.gz"
    path.write_bytes(gzip.compress(raster("PNG")[:80]))
    with pytest.raises(UnreadableImage) as raised:
        read_image(path)
    assert raised.value.path == path


@pytest.mark.parametrize("kept", [3, 11, 40, -1, -9])
def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path, kept):
    path = tmp_path / "a.dcm.gz"
    path.write_bytes(gzip.compress(dicom(tmp_path / "made"))[:kept])
    with pytest.raises(UnreadableImage):
        read_image(path)


def test_a_gzip_file_grows_to_the_limit_and_no_further(tmp_path, monkeypatch):
    path = tmp_path / "a.png.gz"
    content = raster("PNG")
    monkeypatch.setattr(radiograph, "MAX_FILE_BYTES", 2**20)
    path.write_bytes(gzip.compress(content + bytes(2**20 - len(content))))
    assert read_image(path).pixels.shape == GREY.shape
    path.write_bytes(gzip.compress(content + bytes(2**20 - len(content) + 1)))
    with pytest.raises(UnreadableImage, match="grows to more than 1,048,576 bytes"):
        read_image(path)
    assert content_of(path).is_image


@given(cuts=st.lists(st.integers(0, 400), max_size=5), zeros=st.integers(0, 600))
def test_a_gzip_file_of_several_members_is_one_file(tmp_path_factory, cuts, zeros):
    """As bgzip and ``cat`` make them; zeros behind are a tape's padding (RFC 1952)."""
    path = tmp_path_factory.getbasetemp() / "members.gz"
    content = raster("PNG")
    ends = [0, *sorted(cuts), len(content)]
    pieces = [content[start:end] for start, end in pairwise(ends)]
    path.write_bytes(b"".join(map(gzip.compress, pieces)) + bytes(zeros))
    assert content_of(path).words == "gzipped PNG image"
    np.testing.assert_allclose(read_image(path).pixels, GREY, atol=1 / 255)


def test_a_member_that_is_cut_or_an_image_of_its_own_is_refused(tmp_path):
    path, content = tmp_path / "f.gz", raster("PNG")
    whole = gzip.compress(content[:90]) + gzip.compress(content[90:])
    for end in (-1, -9, -30):
        path.write_bytes(whole[:end])
        with pytest.raises(UnreadableImage, match="damaged or cut off"):
            read_image(path)
    path.write_bytes(gzip.compress(content) + gzip.compress(raster("TIFF")))
    with pytest.raises(UnreadableImage, match="several images in one gzip file"):
        read_image(path)


FOREIGN = {
    "HEIC image": b"\x00\x00\x00\x18ftypheic" + bytes(40),
    "AVIF image": b"\x00\x00\x00\x1cftypavif" + bytes(40),
    "JPEG XL image": b"\xff\x0a" + bytes(40),
    "PNM image": b"P5\n# made by hand\n2 2 255\n\x00\x01\x02\x03",
    "NRRD image": b"NRRD0004\ntype: uchar\n\n\x00",
    "MetaImage": b"ObjectType = Image\nNDims = 2\n",
    "Photoshop image": b"8BPS\x00\x01" + bytes(40),
}


@pytest.mark.parametrize("words", FOREIGN)
@pytest.mark.parametrize("name", ["a", "a.png", "a.txt"])
def test_an_image_of_a_kind_that_is_not_read_fails_by_name(tmp_path, words, name):
    """It is an image all the same: nobody wants it counted among notes and tables."""
    content = look_at(FOREIGN[words])
    assert (content.kind, content.words) == ("foreign", words)
    verdict = judge(name, content)
    assert verdict.outcome == "failed"
    assert words in verdict.reason
    (tmp_path / name).write_bytes(FOREIGN[words])
    with pytest.raises(UnreadableImage, match=f"expected an image that is read, got {words}"):
        read_image(tmp_path / name)
