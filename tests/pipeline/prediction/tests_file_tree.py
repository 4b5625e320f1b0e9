"""A tree of files in more than eighty ways: what a hospital's export folder may hold.

Every writer takes a folder and a number, writes one thing there, and says what is to come of each
file in it: ``predicted``, or words of the reason for which it fails or is ignored.
"""

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import UID

from isnet_cxr.data.writers import write_dicom

SR = "1.2.840.10008.5.1.4.1.1.88.11"
PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
DIRECTORY = "1.2.840.10008.1.3.10"
NOT_THERE = "link to a file that is not there"
HIDDEN = "hidden or system file or folder"


@dataclass
class Expected:
    """What is to come of the files of a tree, by name below its root."""

    predicted: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.predicted) + len(self.failed) + len(self.ignored)


def grey(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((1, 40, 32), dtype=np.float32)


def raster(seed: int, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray((grey(seed)[0] * 255).astype(np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def noise(seed: int, size: int = 400) -> bytes:
    return b"\x01" + np.random.default_rng(seed).bytes(size) + b"\x00"


def dicom(seed: int, folder: Path) -> bytes:
    path = folder / ".made.dcm"
    write_dicom(grey(seed), path, (0.2, 0.2), patient_id="ROE^RICHARD")
    content = path.read_bytes()
    path.unlink()
    return content


def changed(content: bytes, sop_class: str = "", **values) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    for keyword, value in values.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    if sop_class:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def encrypted(content: bytes) -> bytes:
    """Set the flag of encryption of every member, as in the list so before the member."""
    found = bytearray(content)
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = found.find(start)
        while at >= 0:
            found[at + place] |= 1
            at = found.find(start, at + 4)
    return bytes(found)


def bad_checksum(content: bytes) -> bytes:
    at = content.index(b"PK\x03\x04") + 40
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def implicit(content: bytes) -> bytes:
    """Write a data set without preamble and file meta information, implicit VR."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    bare = pydicom.Dataset(dataset)
    stream = io.BytesIO()
    bare.save_as(stream, implicit_vr=True, little_endian=True, enforce_file_format=False)
    return stream.getvalue()


PREDICTED: dict[str, Callable[[int, Path], bytes]] = {
    "a{}.png": lambda n, _: raster(n, "PNG"),
    "UPPER{}.PNG": lambda n, _: raster(n, "PNG"),
    "b{}.jpg": lambda n, _: raster(n, "JPEG"),
    "c{}.tiff": lambda n, _: raster(n, "TIFF"),
    "d{}.bmp": lambda n, _: raster(n, "BMP"),
    "e{}.gif": lambda n, _: raster(n, "GIF"),
    "f{}.webp": lambda n, _: raster(n, "WEBP", lossless=True),
    "g{}.jp2": lambda n, _: raster(n, "JPEG2000"),
    "h{}.dcm": dicom,
    "IM{:06}": dicom,
    "no preamble {}": lambda n, at: implicit(dicom(n, at)),
    "DICOM as PNG {}.png": dicom,
    "PNG as DICOM {}.dcm": lambda n, _: raster(n, "PNG"),
    "PNG as text {}.txt": lambda n, _: raster(n, "PNG"),
    "JPEG without suffix {}": lambda n, _: raster(n, "JPEG"),
    "i{}.dcm.gz": lambda n, at: gzip.compress(dicom(n, at)),
    "j{}.png.gz": lambda n, _: gzip.compress(raster(n, "PNG")),
    "gzipped without suffix {}": lambda n, at: gzip.compress(dicom(n, at)),
    'quotes", comma, {}.png': lambda n, _: raster(n, "PNG"),
    "line\nbreak {}.png": lambda n, _: raster(n, "PNG"),
    "=SUM({}).png": lambda n, _: raster(n, "PNG"),
    "l" * 240 + "{}.png": lambda n, _: raster(n, "PNG"),
    "M\udcfcller {}.png": lambda n, _: raster(n, "PNG"),
    "k{}.nii": lambda n, _: nibabel.Nifti1Image(grey(n)[0].T, np.eye(4)).to_bytes(),
    "NIfTI as PNG {}.png": lambda n, _: nibabel.Nifti1Image(grey(n)[0].T, np.eye(4)).to_bytes(),
    "l{}.nii.gz": lambda n, _: gzip.compress(
        nibabel.Nifti2Image(grey(n)[0].T, np.eye(4)).to_bytes()
    ),
}
FAILED: dict[str, tuple[str, Callable[[int, Path], bytes]]] = {
    "text {}.png": ("expected an image, got text", lambda *_: b"not an image"),
    "text {}.dcm": ("expected an image, got text", lambda *_: b"patient;ROE^RICHARD\n"),
    "pdf {}.jpg": ("expected an image, got PDF document", lambda *_: b"%PDF-1.7\n\x00\x01"),
    "empty {}.png": ("expected an image, got empty file", lambda *_: b""),
    "empty {}.dcm": ("expected an image, got empty file", lambda *_: b""),
    "cut {}.png": ("damaged", lambda n, _: raster(n, "PNG")[:300]),
    "cut {}.dcm": ("pixel data", lambda n, at: dicom(n, at)[:-700]),
    "cut in its header {}": ("DICOM file without pixel data", lambda n, at: dicom(n, at)[:700]),
    "cut {}.dcm.gz": ("cut off", lambda n, at: gzip.compress(dicom(n, at))[:-90]),
    "packed twice {}.gz": (
        "gzip file in a gzip file",
        lambda n, at: gzip.compress(gzip.compress(dicom(n, at))),
    ),
    "frames {}.gif": (
        "several frames",
        lambda n, _: raster(n, "GIF", save_all=True, append_images=[Image.new("L", (32, 40))]),
    ),
    "noise {}.png": ("not an image in a known format", lambda n, _: noise(n)),
    "other {}.rar": ("RAR archive that is not opened", lambda *_: b"Rar!\x1a\x07\x00" + bytes(99)),
    "no pixels {}.dcm": (
        "DICOM file without pixel data",
        lambda n, at: changed(dicom(n, at), PixelData=None),
    ),
}
IGNORED: dict[str, tuple[str, Callable[[int, Path], bytes]]] = {
    "notes {}.txt": ("not an image (text)", lambda *_: b"hello"),
    "table {}.csv": ("not an image (text)", lambda *_: b"a,b\n1,2\n"),
    "report {}.pdf": ("not an image (PDF document)", lambda *_: b"%PDF-1.7\n\x00\x01"),
    "report {}.docx": (
        "not an image (Office document or program)",
        lambda n, _: zipped(
            {"[Content_Types].xml": b"<?xml?><Types>", "media/a.png": raster(n, "PNG")}
        ),
    ),
    "empty {}": ("empty file", lambda *_: b""),
    ".hidden {}.png": ("hidden or system", lambda n, _: raster(n, "PNG")),
    "SR {}.dcm": (
        "DICOM without pixel data (report)",
        lambda n, at: changed(dicom(n, at), SR, PixelData=None),
    ),
    "PR {}": (
        "DICOM without pixel data (presentation state)",
        lambda n, at: changed(dicom(n, at), PRESENTATION_STATE, PixelData=None),
    ),
    "notes {}.txt.gz": ("not an image (gzipped text)", lambda *_: gzip.compress(b"hello")),
    "noise {}": ("not an image (unknown content)", lambda n, _: noise(n)),
}


def write_tree(root: Path, *, count: int) -> Expected:
    """Write a tree of at least ``count`` files below ``root``, which is made."""
    expected = Expected()
    _write_odd_ones(root, expected)
    number = 0
    while expected.count < count:
        folder = root / f"ward {number}" / "deep.png"  # a folder that is called like an image
        folder.mkdir(parents=True)
        below = f"ward {number}/deep.png"
        for pattern, make in PREDICTED.items():
            name = pattern.format(number)
            (folder / name).write_bytes(make(len(expected.predicted), folder))
            expected.predicted.add(f"{below}/{name}")
        for cases, to in ((FAILED, expected.failed), (IGNORED, expected.ignored)):
            for pattern, (reason, make) in cases.items():
                name = pattern.format(number)
                (folder / name).write_bytes(make(number, folder))
                to[f"{below}/{name}"] = reason
        number += 1
    return expected


def _write_odd_ones(root: Path, expected: Expected) -> None:
    root.mkdir()
    _write_links(root, expected)
    _write_system_files(root, expected)
    _write_archives(root, expected)


def _write_links(root: Path, expected: Expected) -> None:
    elsewhere = root.with_name("elsewhere")
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep" / "in a linked folder.png").write_bytes(raster(9001, "PNG"))
    (elsewhere / "linked.png").write_bytes(raster(9002, "PNG"))
    (elsewhere / "deep" / "back").symlink_to(elsewhere)
    (root / "link").symlink_to(elsewhere / "deep")
    (root / "one file.png").symlink_to(elsewhere / "linked.png")
    (root / "up").symlink_to(root)
    (root / "gone.png").symlink_to(root / "nothing")
    (root / "itself.dcm").symlink_to(root / "itself.dcm")
    searched = "link to a folder that is searched already"
    back = "link/back"  # the folder above the linked one was not searched: now it is
    expected.predicted |= {
        "link/in a linked folder.png",
        "one file.png",
        f"{back}/linked.png",
    }
    expected.failed |= {"gone.png": NOT_THERE, "itself.dcm": "link that leads to itself"}
    expected.ignored |= {"up": searched}


def _write_system_files(root: Path, expected: Expected) -> None:
    os.mkfifo(root / "pipe.png")
    (root / ".git").mkdir()
    (root / ".git" / "a.png").write_bytes(raster(1, "PNG"))
    for name in (".DS_Store", "Thumbs.db", "._a.png"):
        (root / name).write_bytes(noise(1))
    content = changed(dicom(9003, root), DIRECTORY, PixelData=None)
    (root / "DICOMDIR").write_bytes(content)
    (root / "another directory.dcm").write_bytes(content)
    directory = "DICOMDIR: the files it names are found by themselves"
    expected.ignored |= {
        "pipe.png": "no ordinary file (named pipe)",
        **dict.fromkeys((".git", ".DS_Store", "Thumbs.db", "._a.png"), HIDDEN),
        **dict.fromkeys(("DICOMDIR", "another directory.dcm"), directory),
    }


def _write_archives(root: Path, expected: Expected) -> None:
    inner = zipped({"a.png": raster(9010, "PNG")})
    members = {
        "a.png": raster(9011, "PNG"),
        "series/IM0": dicom(9012, root),
        "series/IM1.gz": gzip.compress(dicom(9013, root)),
        "M\u00fcller.dcm": dicom(9014, root),
    }
    refused = {
        "../../out.png": ("leads out of its archive", raster(9015, "PNG")),
        "..\\out.png": ("leads out of its archive", raster(9015, "PNG")),
        "/etc/out.png": ("leads out of its archive", raster(9015, "PNG")),
        "C:\\out.png": ("leads out of its archive", raster(9015, "PNG")),
        "nested.zip": ("zip archive that is not opened", inner),
        "text.png": ("expected an image, got text", b"hello"),
        "growing.png": ("grows to more than 200 times", raster(1, "PNG") + bytes(2**25)),
    }
    left = {
        "notes.txt": ("not an image (text)", b"hello"),
        "__MACOSX/._a.png": (HIDDEN, noise(2)),
        "ballast.bin": ("not an image (unknown content)", noise(3, 2**19)),
    }
    both = {name: content for name, (_, content) in (refused | left).items()}
    (root / "export.zip").write_bytes(zipped({"series/": b""} | members | both))
    expected.predicted |= {f"export.zip/{name}" for name in members}
    expected.failed |= {f"export.zip/{name}": reason for name, (reason, _) in refused.items()}
    expected.ignored |= {f"export.zip/{name}": reason for name, (reason, _) in left.items()}
    whole = zipped({"a.png": raster(9016, "PNG")})
    alone = {
        "zip as DICOM.dcm": (whole, None),
        "locked.zip": (encrypted(whole), "encrypted in its archive"),
        "wrong checksum.zip": (bad_checksum(whole), "damaged in its archive"),
    }
    for name, (content, reason) in alone.items():
        (root / name).write_bytes(content)
        if reason is None:
            expected.predicted.add(f"{name}/a.png")
        else:
            expected.failed[f"{name}/a.png"] = reason
    broken = {
        "cut.zip": (whole[:-30], "damaged or cut off"),
        "bomb.zip": (zipped({f"{n}.png": bytes(2**25) for n in range(2)}), "grows to more than"),
    }
    for name, (content, reason) in broken.items():
        (root / name).write_bytes(content)
        expected.failed[name] = reason
    (root / "empty.zip").write_bytes(zipped({}))
    expected.ignored["empty.zip"] = "archive without files"
    (root / "bomb.png.gz").write_bytes(gzip.compress(raster(1, "PNG") + bytes(2**26 + 1), 1))
    expected.failed["bomb.png.gz"] = "gzip file that grows to more than"
