import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.manifests.manifest import (
    COLUMNS,
    concatenate,
    read_manifest,
    validate,
    write_manifest,
)


def row(**changes):
    known = {
        "image_id": "0123456789abcdef",
        "path": "/images/a.png",
        "dataset": "here",
        "patient_id": "here/0123456789ab",
        "height_px": 4,
        "width_px": 3,
    }
    return known | changes


def table(*rows):
    return pd.DataFrame(list(rows))


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_manifest_comes_back_as_it_was(tmp_path, name):
    full = row(age=41.5, sex="F", spacing_row_mm=0.143, label="NA", lung_mask="/masks/a.png")
    full["boxes"] = "[[0.1, 0.2, 0.5, 1.0]]"
    manifest = validate(table(full, row(site="1")))
    write_manifest(manifest, tmp_path / name)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / name), manifest)


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_folder_moves_with_its_manifest(tmp_path, name):
    old, new = tmp_path / "old", tmp_path / "new"
    inside = table(row(path=str(old / "images" / "a.png"), lung_mask=str(old / "a_mask.png")))
    write_manifest(inside, old / name)
    old.rename(new)
    read = read_manifest(new / name).iloc[0]
    assert (read["path"], read["lung_mask"]) == (
        str(new / "images" / "a.png"),
        str(new / "a_mask.png"),
    )


def test_missing_columns_are_unknown_and_all_are_in_order():
    manifest = validate(table(row()))
    assert tuple(manifest.columns) == tuple(COLUMNS)
    assert np.isnan(manifest["age"][0])
    assert manifest["split"][0] == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "trian"}, "column split, row 1: expected one of train, val, test or empty"),
        ({"view": "up"}, "column view, row 1"),
        ({"height_px": 0}, "column height_px, row 1: expected above 0, got '0'"),
        ({"height_px": None}, "column height_px, row 1: expected a number"),
        ({"age": "old"}, "column age, row 1: expected a number"),
        ({"age": 400}, "column age, row 1: expected 0 to 130 years"),
        ({"boxes": "[[0, 0, 9, 9]]"}, "column boxes, row 1: expected a JSON list"),
        ({"image_id": "short"}, "column image_id, row 1: expected 16 hex digits"),
        ({"heigth_px": 4}, r"unknown column 'heigth_px' \(did you mean 'height_px'\?\)"),
    ],
)
def test_an_error_names_source_column_and_row(changes, message):
    with pytest.raises(ValueError, match=f"^m.csv: .*{message}") as error:
        validate(table(row(), row(**changes)), source="m.csv")
    assert "\n" not in str(error.value)


def test_an_error_never_names_a_patient():
    with pytest.raises(ValueError, match="column patient_id, row 0") as error:
        validate(table(row(patient_id="Jane Doe")))
    assert "Jane" not in str(error.value)


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column path"):
        validate(table(row()).drop(columns="path"))


def test_no_such_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such manifest"):
        read_manifest(tmp_path / "m.csv")
    with pytest.raises(ValueError, match=r"ends in \.csv or \.parquet"):
        read_manifest(tmp_path / "m.xlsx")


def test_garbage_is_no_table(tmp_path):
    for name in ("m.parquet", "m.csv"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 9)
        with pytest.raises(ValueError, match=name):
            read_manifest(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_a_manifest_that_a_spreadsheet_saved_is_the_same(tmp_path, encoding):
    manifest = validate(table(row(label="Lungenentzündung"), row(age=41, boxes="[[0, 0, 1, 1]]")))
    manifest.to_csv(tmp_path / "m.csv", index=False, sep=";", encoding=encoding)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "m.csv"), manifest)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_manifest_with_a_value_too_many_is_refused_by_line(tmp_path, rows):
    text = table(row()).to_csv(index=False).strip() + ",surplus\n"
    header, wrong = text.splitlines()
    (tmp_path / "m.csv").write_text("\n".join([header, *[wrong] * rows]))
    with pytest.raises(ValueError, match=r"m\.csv: line 2: expected 6 values, got 7") as error:
        read_manifest(tmp_path / "m.csv")
    assert "surplus" not in str(error.value)


def test_concatenated_manifests_keep_their_order():
    both = concatenate(table(row(dataset="a")), table(row(dataset="b"), row(dataset="c")))
    assert both["dataset"].tolist() == ["a", "b", "c"]
    assert both.index.tolist() == [0, 1, 2]
