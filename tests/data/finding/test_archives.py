"""Archives are searched, and none does harm: nothing leads out, nothing grows, nothing hangs."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.data.finding import archives, find_files, lent, read_found
from isnet_cxr.data.finding.archives import search_archive
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.writers import write_png

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The bytes of a PNG image."""
    path = tmp_path_factory.mktemp("i") / "a.png"
    write_png(np.random.default_rng(0).integers(0, 256, (9, 7), np.uint8), path)
    return path.read_bytes()


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


@settings(max_examples=60)
@given(names=st.lists(NAMES, min_size=1, max_size=6, unique=True))
def test_every_member_is_accounted_for_under_any_name(tmp_path_factory, image, names):
    folder = tmp_path_factory.mktemp("z")
    write_zip(folder / "a.zip", [(name, image) for name in names])
    found = find_files([folder])
    with zipfile.ZipFile(folder / "a.zip") as archive:
        files = [one for one in archive.infolist() if not one.is_dir()]
    assert found.count == (len(files) or 1)
    for _, read in read_found(found.images):
        assert isinstance(read, Radiograph)
    assert sorted(path.name for path in folder.iterdir()) == ["a.zip"]


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_archive_gives_findings_and_no_error(tmp_path_factory, image, data):
    path = tmp_path_factory.mktemp("z") / "a.zip"
    write_zip(path, [("a.png", image), ("b/c.png", image)])
    content = bytearray(path.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    found = find_files([path])
    assert found.count >= 1
    assert len(list(read_found(found.images))) == len(found.images)


@pytest.mark.parametrize(
    "name", ["../a.png", "b/../../a.png", "/a.png", "C:\\a.png", "..\\a.png", "\\\\host\\x\\a.png"]
)
def test_a_name_that_leads_out_fails(tmp_path, image, name):
    write_zip(tmp_path / "a.zip", [(name, image)])
    (member,) = search_archive(tmp_path / "a.zip")
    assert member.verdict.outcome == "failed"
    assert "leads out" in member.verdict.reason


def test_two_members_of_one_name_are_both_read(tmp_path, image):
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_zip(tmp_path / "a.zip", [("a.png", image), ("a.png", image)])
    found = find_files([tmp_path])
    assert [one.name for one in found.images] == ["a.zip/a.png"] * 2
    assert len([read for _, read in read_found(found.images) if not isinstance(read, str)]) == 2


def test_a_list_or_a_count_without_end_is_refused_before_it_is_read(tmp_path, image, monkeypatch):
    path = write_zip(tmp_path / "a.zip", [(f"{n}.png", image) for n in range(9)])
    monkeypatch.setattr(archives, "MAX_MEMBERS", 8)
    assert "9 files; at most 8" in search_archive(path).reason
    monkeypatch.setattr(archives, "MAX_LIST_BYTES", 100)
    assert "list has more than 100 bytes" in search_archive(path).reason


def test_a_member_larger_than_is_read_fails_before_it_is_unpacked(tmp_path, image, monkeypatch):
    path = write_zip(tmp_path / "a.zip", [("a.png", image)])
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", len(image) - 1)
    (member,) = search_archive(path)
    assert "at most" in member.verdict.reason


def test_a_member_that_is_larger_than_it_claims_is_not_unpacked_further(tmp_path, image):
    path = write_zip(tmp_path / "a.zip", [("a.png", image + bytes(5000))], zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    size = (len(image) + 5000).to_bytes(4, "little")
    claimed = bytes(content).replace(size, len(image).to_bytes(4, "little"))
    path.write_bytes(claimed)
    found = find_files([path])
    assert [read for _, read in read_found(found.images) if not isinstance(read, str)] == []
    assert found.count == 1


def test_an_archive_that_vanishes_fails_member_by_member(tmp_path, image):
    path = write_zip(tmp_path / "a.zip", [("a.png", image), ("b.png", image)])
    found = find_files([path])
    path.unlink()
    reasons = [read for _, read in read_found(found.images)]
    assert reasons == ["archive that cannot be opened any more (FileNotFoundError)"] * 2


def test_a_long_archive_is_known_by_its_long_list(tmp_path, image):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(65_600):  # more than fit into the short form
            archive.writestr(f"{number}.txt", b"")
        archive.writestr("a.png", image)
    (tmp_path / "a.zip").write_bytes(stream.getvalue())
    found = find_files([tmp_path])
    assert (len(found.images), found.count) == (1, 65_601)


def test_what_was_found_is_lent_as_a_plain_file(tmp_path, image):
    write_zip(tmp_path / "a.zip", [("a.png", image), ("b.png.gz", gzip.compress(image))])
    (tmp_path / "b.png.gz").write_bytes(gzip.compress(image))
    (tmp_path / "c.png").write_bytes(image)
    found = find_files([tmp_path]).images
    assert len(found) == 4
    for one in found:
        with lent(one) as path:
            assert path.read_bytes() == image
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.png.gz", "c.png"]
