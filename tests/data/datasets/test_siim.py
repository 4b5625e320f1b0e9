"""SIIM's tables: a class for each study, and boxes where the original's size is known."""

import numpy as np
import pytest

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.datasets.siim import LABELS, OUTSIDE, UNSIZED
from isnet_cxr.data.manifests.boxes import boxes_of
from isnet_cxr.data.manifests.importing import import_dataset
from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_dicom, write_png

NONE = "none 1 0 0 1 1"
BOX = "opacity 1 500 200 1500 800"
NEGATIVE, TYPICAL, _, ATYPICAL = LABELS


@pytest.fixture
def release(tmp_path, touch, write_table):
    """Write tables and images: the class and boxes of each image, which is of its own study."""

    def write(images, *, files=True, sizes=None):
        studies = [
            {"id": f"s{n}_study"} | {name: int(name == label) for name in LABELS}
            for n, (label, _) in enumerate(images)
        ]
        rows = [
            {"id": f"i{n}_image", "boxes": "", "label": boxes, "StudyInstanceUID": f"s{n}"}
            for n, (_, boxes) in enumerate(images)
        ]
        write_table(tmp_path / "train_study_level.csv", studies)
        write_table(tmp_path / "train_image_level.csv", rows)
        if files:
            touch(*(tmp_path / "train" / f"i{n}.png" for n in range(len(images))))
        if sizes:
            entries = [
                {"image_id": name, "dim0": height, "dim1": width, "split": "train"}
                for name, (height, width) in sizes.items()
            ]
            write_table(tmp_path / "meta.csv", entries)
        return tmp_path

    return write


def test_a_study_gives_its_images_their_class_and_patient(release):
    root = release([(TYPICAL, NONE), (NEGATIVE, NONE), (ATYPICAL, NONE)])
    records = ADAPTERS["siim"].read(root).records
    assert [(r.label, r.patient) for r in records] == [
        ("covid", "s0"),
        ("normal", "s1"),
        ("covid", "s2"),
    ]
    listing = ADAPTERS["siim"].read(root, labels={TYPICAL: "typical", ATYPICAL: ""})
    assert [r.label for r in listing.records] == ["typical", "normal"]
    assert sum(listing.left_out.values()) == 1


def test_boxes_are_kept_where_the_originals_size_is_known_and_counted_elsewhere(release, tmp_path):
    images = [(TYPICAL, f"{BOX} {BOX}"), (TYPICAL, BOX), (TYPICAL, BOX), (NEGATIVE, NONE)]
    root = release(images, sizes={"i0": (1000, 2000), "i1": (1000, 1000)})
    imported = import_dataset("siim", root, workers=1, progress=False)
    box = (0.25, 0.2, 0.75, 0.8)
    write_manifest(imported.manifest, tmp_path / "m.csv")
    rows = [row for _, row in read_manifest(tmp_path / "m.csv").iterrows()]
    assert [boxes_of(row) for row in rows] == [(box, box), (), (), ()]
    assert imported.remarks == {OUTSIDE: 1, UNSIZED: 1}


def test_boxes_of_published_files_are_in_their_own_pixels(release, tmp_path):
    """The part of the image in the box is what was bright when the box was drawn."""
    root = release([(TYPICAL, "opacity 1 3 2 9 8")], files=False)
    pixels = np.zeros((1, 20, 12), np.float32)
    pixels[0, 2:8, 3:9] = 1
    write_dicom(pixels, root / "train" / "s0" / "x" / "i0.dcm", None)
    manifest = import_dataset("siim", root, workers=1, progress=False).manifest
    ((left, top, right, bottom),) = boxes_of(manifest.iloc[0])
    (image,) = read_image(root / "train" / "s0" / "x" / "i0.dcm").pixels
    inside = image[round(top * 20) : round(bottom * 20), round(left * 12) : round(right * 12)]
    assert inside.size == 36
    assert inside.min() > 0.9
    assert image.sum() == pytest.approx(inside.sum(), abs=0.1)


def test_a_published_file_whose_boxes_lie_outside_says_so(release):
    root = release([(TYPICAL, BOX)], files=False)
    write_dicom(np.zeros((1, 20, 12), np.float32), root / "train" / "i0.dcm", None)
    manifest = import_dataset("siim", root, workers=1, progress=False).manifest
    assert "boxes left out" in manifest["reading"][0]
    assert manifest["boxes"][0] == ""


@pytest.mark.parametrize("boxes", ["opacity 1 2 3", "opacity 1 a b c d", f"{BOX} opacity"])
def test_damaged_boxes_are_one_line(release, boxes):
    root = release([(NEGATIVE, NONE), (TYPICAL, boxes)])
    with pytest.raises(ValueError, match=r"train_image_level\.csv: row 1: column label: expected"):
        ADAPTERS["siim"].read(root)


@pytest.mark.parametrize("size", [("tall", 3), (0, 3), ("", "")])
def test_a_damaged_size_is_one_line(release, size):
    root = release([(NEGATIVE, NONE)], sizes={"i0": size})
    with pytest.raises(ValueError, match=r"meta\.csv: row 0: expected dim0 and dim1 in pixels"):
        ADAPTERS["siim"].read(root)


def test_a_study_without_class_and_an_image_without_study_are_named_by_row(release, write_table):
    root = release([("no class", NONE)])
    with pytest.raises(ValueError, match=r"study_level\.csv: row 0: expected a 1 in one class"):
        ADAPTERS["siim"].read(root)
    studies = [{"id": "else_study"} | dict.fromkeys(LABELS, 0) | {NEGATIVE: 1}]
    write_table(root / "train_study_level.csv", studies)
    with pytest.raises(ValueError, match=r"image_level\.csv: row 0: its study is not in"):
        ADAPTERS["siim"].read(root)


def test_a_table_may_bring_its_own_boxes(tmp_path, write_table):
    write_png(np.zeros((4, 3), np.uint8), tmp_path / "a.png")
    row = {"path": "a.png", "label": "covid", "boxes": "[[0.1, 0.2, 0.5, 1]]"}
    table = write_table(tmp_path / "t.csv", [row])
    manifest = import_dataset("csv", table, workers=1, progress=False).manifest
    assert boxes_of(manifest.iloc[0]) == ((0.1, 0.2, 0.5, 1.0),)
    write_table(table, [row | {"boxes": "0.1 0.2"}])
    with pytest.raises(ValueError, match=r"t\.csv: column boxes, row 0: expected a JSON list"):
        import_dataset("csv", table, workers=1, progress=False)
