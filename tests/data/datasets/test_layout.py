import gzip

import pytest

from isnet_cxr.data.datasets.layout import (
    only_file,
    parse_age,
    parse_findings,
    parse_sex,
    read_table,
)


def test_a_packed_table_reads_as_an_open_one(tmp_path):
    text = "name,age\n a , 5\n"
    (tmp_path / "t.csv").write_text(text)
    with gzip.open(tmp_path / "t.csv.gz", "wt") as stream:
        stream.write(text)
    rows = [read_table(tmp_path / name, layout="x") for name in ("t.csv", "t.csv.gz")]
    assert rows == [[{"name": "a", "age": "5"}]] * 2


def test_only_the_columns_that_are_asked_for_are_kept(tmp_path):
    (tmp_path / "t.csv").write_text("name;report;age\na;Jane Doe has a cough;5\n")
    options = {"columns": ["name"], "optional": ["sex"], "delimiter": ";", "layout": "x"}
    assert read_table(tmp_path / "t.csv", **options) == [{"name": "a", "sex": ""}]


@pytest.mark.parametrize("content", [b"\x1f\x8b broken", b"no gzip at all", b""])
def test_a_damaged_packed_table_is_one_line(tmp_path, content):
    (tmp_path / "t.csv.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"t\.csv\.gz: no (readable table|column a)"):
        read_table(tmp_path / "t.csv.gz", columns=["a"], layout="x")


@pytest.mark.parametrize(
    ("names", "came"), [([], "none"), (["t1.csv", "t2.csv"], "t1.csv, t2.csv")]
)
def test_one_file_is_expected(tmp_path, names, came):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=rf"one t\*\.csv expected, got {came}; expected x"):
        only_file(tmp_path, "t*.csv", layout="x")


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("['pneumonia', 'pleural effusion']", ["pneumonia", "pleural effusion"]),
        ("['COVID 19'\t 'normal']", ["COVID 19", "normal"]),
        ("[' infiltrates ' 'normal']", ["infiltrates", "normal"]),
        ("[]", []),
        ("", []),
    ],
)
def test_printed_lists_of_findings(text, findings):
    assert parse_findings(text) == findings


def test_ages_and_sexes_as_publishers_write_them():
    assert [parse_age(text) for text in ("057Y", "57", "57.0")] == [57, 57, 57]
    assert all(parse_age(text) != parse_age(text) for text in ("50+", "", "411", "early 40s"))
    assert [parse_sex(text) for text in ("Male", "w", "F", "Unknown")] == ["M", "F", "F", ""]
