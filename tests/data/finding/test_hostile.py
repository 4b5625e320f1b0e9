"""Files that were made to do harm: they cost a line in a table, and nothing else."""

import io
import os
import stat
import struct
import time
import zipfile

import numpy as np
import pydicom
import pytest

from isnet_cxr.data.finding import find_files, read_found
from isnet_cxr.data.readers import Radiograph, read_image
from isnet_cxr.data.writers import write_dicom, write_png

DEEP = 10_000
CONTENT, VIEW, UNKNOWN = (0x0040, 0xA730), (0x0054, 0x0220), (0x0099, 0x1010)
UNDEFINED = 0xFFFFFFFF


def nested(tag: tuple[int, int], depth: int, *, lengths: bool) -> bytes:
    """Sequences in sequences, explicit little endian; with ``lengths`` each says its own."""
    name = struct.pack("<HH", *tag) + b"SQ\0\0"
    if not lengths:
        item = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
        end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        return (name + struct.pack("<I", UNDEFINED) + item) * depth + end * depth
    body = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
        body = name + struct.pack("<I", len(item)) + item
    return body


@pytest.mark.parametrize("tag", [CONTENT, VIEW, UNKNOWN])
@pytest.mark.parametrize("lengths", [False, True])
def test_sequences_without_end_are_an_image_or_a_reason(tmp_path, tag, lengths):
    path = tmp_path / "deep.dcm"
    pixels = np.random.default_rng(0).random((1, 48, 40), np.float32)
    write_dicom(pixels, path, (1.0, 1.0), view="PA")
    raw = path.read_bytes()
    place = raw.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
    path.write_bytes(raw[:place] + nested(tag, DEEP, lengths=lengths) + raw[place:])
    begun = time.process_time()
    ((_, read),) = read_found(find_files([tmp_path]).images)
    assert time.process_time() - begun < 10
    if isinstance(read, str):
        assert "damaged DICOM file" in read
    else:
        assert read.pixels.shape == (1, 48, 40)


def png() -> bytes:
    buffer = io.BytesIO()
    from PIL import Image

    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 32), np.uint8)).save(
        buffer, "png"
    )
    return buffer.getvalue()


def test_an_archive_that_reaches_for_other_places_writes_to_none(tmp_path, monkeypatch):
    inbox, unpacked = tmp_path / "below" / "inbox", tmp_path / "unpacked"
    inbox.mkdir(parents=True)
    unpacked.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(unpacked))
    names = ["../up.png", "/root.png", "C:\\drive.png", "a/../../up.png", "\\\\host\\share.png"]
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(inbox / "all.zip", "w") as archive:
        for name in names:
            archive.writestr(name, png())
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.png", png())
    before = {path for path in tmp_path.rglob("*") if path != unpacked}
    found = find_files([inbox])
    assert {one.member for one in found.failed} == {*names}
    assert [one.verdict.reason for one in found.ignored] == ["link in an archive"]
    ((one, image),) = read_found(found.images)
    assert one.member == "good.png"
    assert isinstance(image, Radiograph)
    assert {path for path in tmp_path.rglob("*") if path != unpacked} == before


def test_members_that_share_their_bytes_are_refused_before_they_are_unpacked(tmp_path):
    """A bomb of one packed body that a list of many members points to."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("000.png", bytes(2**24))
    raw = body.getvalue()
    end = raw.rindex(b"PK\x05\x06")
    (start,) = struct.unpack("<I", raw[end + 16 : end + 20])
    entry, count = raw[start:end], 400
    many = b"".join(entry.replace(b"000.png", b"%03d.png" % n) for n in range(count))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(many), start, 0)
    (tmp_path / "bomb.zip").write_bytes(raw[:start] + many + tail)
    found = find_files([tmp_path])
    assert not found.images
    (one,) = found.failed
    assert "grows to more than" in one.verdict.reason


def test_an_archive_of_archives_is_not_followed(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("image.png", png())
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    found = find_files([tmp_path])
    assert not found.images
    assert "not opened" in found.failed[0].verdict.reason


def test_links_out_of_the_input_are_named_by_their_own_place(tmp_path):
    """They are followed, as people keep choices of images so; other places stay unnamed."""
    outside, inbox = tmp_path / "Doe_Jane", tmp_path / "inbox"
    outside.mkdir()
    inbox.mkdir()
    write_png(np.random.default_rng(0).random((1, 40, 32), np.float32), outside / "Jane.png")
    (inbox / "one.png").symlink_to(outside / "Jane.png")
    (inbox / "etc").symlink_to("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev")
    found = find_files([inbox])
    assert [one.name for one in found.images] == ["one.png"]
    named = [one.name for one in (*found.images, *found.failed, *found.ignored)]
    assert not any("Jane" in name or "proc" in name for name in named)


def test_uids_that_are_paths_are_read_as_any_other(tmp_path):
    path = tmp_path / "image.dcm"
    write_dicom(np.random.default_rng(2).random((1, 40, 32), np.float32), path, (1.0, 1.0))
    whole = pydicom.dcmread(path)
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        with pytest.warns(UserWarning, match="Invalid value for VR UI"):
            setattr(whole, name, "../../../../tmp/evil\n;rm")
    whole.save_as(path)
    assert read_image(path).pixels.shape == (1, 40, 32)
