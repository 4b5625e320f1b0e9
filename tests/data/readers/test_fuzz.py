"""Mutated and truncated files give an image or one clear error, in bounded time and memory."""

import gzip
import io
import random
import resource
import struct
import time
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pydicom.data
import pytest
from PIL import Image

from isnet_cxr.data.readers import UnreadableImage, deflated, read_image
from isnet_cxr.data.writers import write_dicom

SHIPPED = Path(pydicom.data.__file__).parent / "test_files"
GREY = (np.random.default_rng(0).random((40, 30)) * 255).astype(np.uint8)
DICOM = (
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "image_dfl.dcm",
)
LARGEST_GROWTH_KB = 600_000
LONGEST_S = 60


def encoded(name):
    if name in DICOM:
        return (SHIPPED / name).read_bytes()
    if name.startswith("f.nii"):
        content = nibabel.Nifti1Image(GREY[:, :, None], np.eye(4)).to_bytes()
        return gzip.compress(content) if name.endswith(".gz") else content
    stream = io.BytesIO()
    deep = name == "deep.png"
    Image.fromarray(GREY.astype(np.uint16) * 200 if deep else GREY).save(
        stream, {"g": "PNG", "f": "TIFF", "2": "JPEG2000"}[name[-1]]
    )
    return stream.getvalue()


def mutate(content, rng, name):
    """Cut the file, or change, drop or insert some of its bytes, of the head more often."""
    if name.endswith(".gz"):
        return gzip.compress(mutate(gzip.decompress(content), rng, ""), 1)
    if rng.random() < 0.15:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 8, 32])):
        place, kind = somewhere(changed, rng), rng.random()
        if kind < 0.7:
            changed[place] = rng.choice([0, 255, 127, rng.randrange(256)])
        elif kind < 0.85:
            del changed[place : place + rng.randrange(1, 9)]
        else:
            changed[place:place] = rng.randbytes(rng.randrange(1, 9))
    return with_checksums(bytes(changed)) if name.endswith(".png") else bytes(changed)


def somewhere(content, rng):
    """Choose a place: in the head, anywhere, or in the head of a JPEG or JPEG 2000 codestream."""
    codestream = max(content.rfind(b"\xff\xd8\xff"), content.find(b"\xff\x4f\xff\x51"))
    start, length = rng.choice([(0, 1200), (0, len(content)), (max(0, codestream), 120)])
    return start + rng.randrange(max(1, min(len(content) - start, length)))


def with_checksums(png):
    """Make the chunks' checksums right again, or no mutation would reach the decoder."""
    whole, place = bytearray(png[:8]), 8
    while place + 12 <= len(png):
        length = struct.unpack(">I", png[place : place + 4])[0]
        body = png[place + 4 : place + 8 + length]
        whole += png[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return bytes(whole)


def attack(name, folder, count):
    path, content = folder / name, encoded(name)
    for number in range(count):
        path.write_bytes(mutate(content, random.Random(f"{name} {number}"), name))
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        try:
            pixels = read_image(path).pixels
        except UnreadableImage as error:
            said, pixels = str(error), np.zeros(1)
        else:
            said = ""
        assert "\n" not in said, number
        assert np.isfinite(pixels).all(), number
        assert pixels.min() >= 0, number
        assert pixels.max() <= 1, number
        assert time.monotonic() - start < LONGEST_S + 30, number
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < LARGEST_GROWTH_KB, number


NAMES = (*DICOM, "flat.png", "deep.png", "f.tif", "f.jp2", "f.nii", "f.nii.gz")


@pytest.mark.parametrize("name", NAMES)
def test_some_mutated_files(tmp_path, name):
    attack(name, tmp_path, 30)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_thousands_of_mutated_files(tmp_path, name):
    attack(name, tmp_path, 150 if name in DICOM[2:6] else 500)


def test_a_deflated_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(deflated, "MAX_FILE_BYTES", 2**23)
    path = tmp_path / "f.dcm"
    content = (SHIPPED / "image_dfl.dcm").read_bytes()
    meta = 128 + 4 + 12 + struct.unpack("<I", content[140:144])[0]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = bytes(2**20)
    bomb = b"".join(deflate.compress(block) for _ in range(9)) + deflate.flush()
    path.write_bytes(content[:meta] + bomb)
    with pytest.raises(UnreadableImage, match="inflates to more than"):
        read_image(path)


def test_a_nifti_header_of_huge_sides_is_refused(tmp_path):
    header = nibabel.Nifti1Image(GREY[:, :, None], np.eye(4)).to_bytes()
    huge = header[:42] + struct.pack("<3h", 32767, 32767, 1) + header[48:]
    (tmp_path / "f.nii").write_bytes(huge)
    with pytest.raises(UnreadableImage, match="32767 x 32767 pixels"):
        read_image(tmp_path / "f.nii")


def test_a_nifti_image_without_pixels_is_refused(tmp_path):
    header = nibabel.Nifti1Image(GREY[:, :, None], np.eye(4)).to_bytes()
    (tmp_path / "f.nii").write_bytes(header[:42] + struct.pack("<3h", 40, 0, 1) + header[48:])
    with pytest.raises(UnreadableImage, match="a single slice is read"):
        read_image(tmp_path / "f.nii")


def test_no_text_of_a_header_leaves_the_reader(tmp_path, caplog, capfd):
    """Names, ids, dates and free text: not in an image, an error, a log or on the terminal."""
    secrets = ("DOE", "19500101", "SECRET")
    path = tmp_path / "f.dcm"
    write_dicom(np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8), path, None)
    full = pydicom.dcmread(path)
    full.PatientName, full.PatientID, full.PatientBirthDate = "DOE^JANE", "DOE1", "19500101"
    full.AccessionNumber = full.StudyDescription = full.ImageComments = "SECRET"
    full.ViewPosition = full.VOILUTFunction = full.BurnedInAnnotation = "SECRET"
    variants = {
        "whole": {},
        "colour": {"PhotometricInterpretation": "SECRET"},
        "frames": {"NumberOfFrames": 2},
        "short": {"Rows": 9},
        "empty": {"PixelData": b""},
    }
    caplog.set_level("DEBUG")
    written = []
    for name, header in variants.items():
        for keyword, value in header.items():
            setattr(full, keyword, value)
        full.save_as(path)
        full = pydicom.dcmread(path) if name == "whole" else full
        for content in (path.read_bytes(), path.read_bytes()[:-700]):
            path.write_bytes(content)
            try:
                written.append(repr(read_image(path)))
            except UnreadableImage as error:
                written += [str(error), repr(error), repr(error.__context__)]
    seen = "".join(written) + caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in secrets if secret in seen]
