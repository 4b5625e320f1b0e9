"""What becomes of a file follows from its content, and from its name where that is no image's."""

import gzip
import io
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from isnet_cxr.data.finding import find_files, read_found
from isnet_cxr.data.readers import IMAGE_SUFFIXES, Radiograph
from isnet_cxr.data.writers import write_dicom

GREY = np.random.default_rng(0).random((1, 12, 8), dtype=np.float32)
SR = "1.2.840.10008.5.1.4.1.1.88.11"
OTHER_SUFFIXES = ("", ".txt", ".csv", ".pdf", ".zip", ".dat", ".gz", ".DCM2")
IMAGES = ("PNG", "JPEG", "TIFF", "BMP", "DICOM", "NIfTI", "gzipped PNG", "gzipped DICOM")
NO_IMAGES = ("text", "PDF", "empty", "unknown", "gzipped text")
NEVER_IMAGES = ("report",)
REFUSED = ("RAR", "gzipped twice")
STEMS = st.text(
    st.characters(exclude_characters="/\0.", exclude_categories=["Cs"]), min_size=1, max_size=20
)


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> dict[str, bytes]:
    """A file's content of every kind."""
    path = tmp_path_factory.mktemp("made") / "a.dcm"
    write_dicom(GREY, path, None)
    made = {"DICOM": path.read_bytes()}
    report = pydicom.dcmread(path)
    del report.PixelData
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = SR
    report.save_as(path)
    for kind in ("PNG", "JPEG", "TIFF", "BMP"):
        stream = io.BytesIO()
        Image.fromarray((GREY[0] * 255).astype(np.uint8)).save(stream, kind)
        made[kind] = stream.getvalue()
    return made | {
        "NIfTI": nibabel.Nifti1Image(GREY[0].T, np.eye(4)).to_bytes(),
        "gzipped PNG": gzip.compress(made["PNG"]),
        "gzipped DICOM": gzip.compress(made["DICOM"]),
        "report": path.read_bytes(),
        "text": b"name;Roe",
        "PDF": b"%PDF-1.7 \x00",
        "empty": b"",
        "unknown": b"\x01\x02\x03" * 200,
        "gzipped text": gzip.compress(b"text"),
        "RAR": b"Rar!\x1a\x07\x00" + bytes(50),
        "gzipped twice": gzip.compress(gzip.compress(made["PNG"])),
    }


def named(kinds, suffixes):
    return st.tuples(st.sampled_from(kinds), st.sampled_from(suffixes))


FILES = named((*IMAGES, *NO_IMAGES, *NEVER_IMAGES, *REFUSED), (*IMAGE_SUFFIXES, *OTHER_SUFFIXES))


def expected(kind: str, suffix: str) -> str:
    if kind in IMAGES:
        return "read"
    if kind in REFUSED:
        return "failed"
    if kind in NEVER_IMAGES:
        return "ignored"
    return "failed" if suffix.lower().removesuffix(".gz").endswith(IMAGE_SUFFIXES) else "ignored"


def outcomes(inputs: list[Path]) -> dict[Path, str]:
    found = find_files(inputs)
    read = {
        one.path: "read" if isinstance(image, Radiograph) else "failed"
        for one, image in read_found(found.images)
    }
    others = {one.path: one.verdict.outcome for one in (*found.failed, *found.ignored)}
    assert len(read) + len(others) == found.count
    return read | others


@settings(max_examples=80)
@given(files=st.lists(st.tuples(STEMS, FILES, st.booleans()), min_size=1, max_size=8))
def test_every_file_comes_to_what_its_content_and_name_say(tmp_path_factory, contents, files):
    folder = tmp_path_factory.mktemp("t")
    truth = {}
    for number, (stem, (kind, suffix), upper) in enumerate(files):
        path = folder / f"{number}{stem}{suffix.upper() if upper else suffix}"
        path.write_bytes(contents[kind])
        truth[path] = expected(kind, suffix)
    assert outcomes([folder]) == truth
    alone = {path: "failed" if said == "ignored" else said for path, said in truth.items()}
    assert outcomes(list(truth)) == alone


@settings(max_examples=60)
@given(
    kind=st.sampled_from(IMAGES), kept=st.floats(0, 0.95), suffix=st.sampled_from(IMAGE_SUFFIXES)
)
def test_a_cut_image_is_an_image_or_a_failure_and_never_ignored(
    tmp_path_factory, contents, kind, kept, suffix
):
    path = tmp_path_factory.mktemp("t") / f"a{suffix}"
    path.write_bytes(contents[kind][: int(kept * len(contents[kind]))])
    assert outcomes([path.parent])[path] in ("read", "failed")


@settings(max_examples=60)
@given(kind=st.sampled_from(["PNG", "JPEG", "TIFF", "DICOM", "NIfTI"]), kept=st.integers(400, 900))
def test_an_image_without_suffix_that_is_cut_is_not_ignored(tmp_path_factory, contents, kind, kept):
    path = tmp_path_factory.mktemp("t") / "IM0"
    path.write_bytes(contents[kind][:kept])
    assert outcomes([path.parent])[path] in ("read", "failed")


def test_no_text_of_a_file_is_in_a_reason(tmp_path, contents):
    for kind, content in contents.items():
        (tmp_path / f"{kind}.png").write_bytes(content)
        (tmp_path / f"{kind} a").write_bytes(content)
    found = find_files([tmp_path])
    reasons = [one.verdict.reason for one in (*found.failed, *found.ignored)]
    reasons += [image for _, image in read_found(found.images) if isinstance(image, str)]
    assert reasons
    assert not [reason for reason in reasons if "Roe" in reason or str(tmp_path) in reason]
