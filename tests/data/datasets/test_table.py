"""Tables of images as hospitals and Windows store them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isnet_cxr.data.datasets.table import read_table_of_images
from isnet_cxr.data.errors import InputError


@pytest.fixture
def read(tmp_path, touch):
    """Read a table beside images/a.png and images/b.png."""
    touch(tmp_path / "images" / "a.png", tmp_path / "images" / "b.png")

    def read(content, **options):
        (tmp_path / "mine.csv").write_bytes(content)
        return read_table_of_images(tmp_path / "mine.csv", **options).records

    return read


def test_a_table_from_excel_on_windows(read, tmp_path):
    """Semicolons, a byte order mark, decimal commas, backslashes, empty lines at the end."""
    content = (
        "path;label;age;spacing_row_mm;spacing_col_mm\r\n"
        "images\\a.png;Pneumonie, lobär;61,5;0,143;0,2\r\n"
        "images\\b.png;normal;;;\r\n;;;;\r\n"
    )
    for encoding in ("utf-8-sig", "latin-1", "utf-16"):
        first, second = read(content.encode(encoding))
        assert first.path == tmp_path / "images" / "a.png"
        assert (first.label, first.age) == ("Pneumonie, lobär", 61.5)
        assert first.spacing_mm == (0.143, 0.2)
        assert second.spacing_mm is None


def test_what_a_row_leaves_in_doubt_is_counted(tmp_path, touch):
    touch(tmp_path / "a.png", tmp_path / "b.png")
    rows = ("a.png,covid,abc,Mann", "a.png,normal,40,M", "b.png,normal,,", "b.png,normal,,F")
    (tmp_path / "mine.csv").write_text("\n".join(("path,label,age,sex", *rows)) + "\n")
    assert read_table_of_images(tmp_path / "mine.csv").remarks == {
        "age not understood, left out": 1,
        "sex not understood, left out": 1,
        "warning: the same file stands in another row with another label": 1,
    }


def test_a_table_with_the_index_of_pandas(read):
    assert [record.label for record in read(b",path,label\n0,images/a.png,covid\n")] == ["covid"]


@pytest.mark.parametrize("word", ["NaN", "nan", "NA", "N/A", "#N/A", "<NA>", "NULL"])
def test_what_programs_write_for_no_value_is_none(read, word):
    """Nobody is a patient called NaN, and no image is of the class NA."""
    rows = f"images/a.png,covid,{word},{word},{word}\nimages/b.png,normal,{word},,7\n"
    head = "path,label,patient_id,lung_mask,age\n"
    records = read((head + rows).encode())
    assert [record.patient for record in records] == ["", ""]
    assert not records[0].lung_masks
    assert records[1].age == 7
    unlabelled = f"path,label\nimages/a.png,covid\nimages/b.png,{word}\n".encode()
    with pytest.raises(InputError, match=r"column label, row 1: expected a label, got none"):
        read(unlabelled)
    assert [record.label for record in read(unlabelled, labels={word: ""})] == ["covid"]


@given(st.text("aB1ß", min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patient_ids_that_differ_in_capitals_are_one_patient(read, name):
    rows = f"images/a.png,covid,{name}\nimages/b.png,normal,{name.swapcase()}\n"
    first, second = read(("path,label,patient_id\n" + rows).encode())
    assert first.patient == second.patient == name


@pytest.mark.parametrize("character", ["\n", "\x1b", "\u200b", "\u202e"])
def test_labels_are_words_that_can_be_read(read, character):
    content = f'path,label\nimages/a.png,"no{character}rmal"\n'.encode()
    with pytest.raises(InputError, match=r"row 0: expected a label of printable|no text"):
        read(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,label\n,a\n", "column path, row 0: expected a path, got none"),
        (b"path,label\nimages/a.png,a\nC:\\a.png,b\n", r"row 1: .*; C:\\\.\.\. is another machine"),
        (b"path,label,label\nimages/a.png,a,b\n", "got 'label' twice"),
        (b"path,label\nimages/a.png,Pneumonia, lobar\n", "line 2: expected 2 values, got 3"),
        (b"path,label\nimages/a.png\n", "line 2: expected 2 values, got 1"),
        (
            b"images/a.png,covid\nimages/b.png,normal\n",
            "first line has none of the columns path, label",
        ),
    ],
)
def test_a_table_that_cannot_be_meant_is_one_line(read, content, message):
    with pytest.raises(InputError, match=rf"mine\.csv: .*{message}") as error:
        read(content)
    assert "\n" not in str(error.value)
    assert "a.png" not in str(error.value)


def test_a_name_longer_than_any_file_system_takes_is_a_missing_file(read):
    with pytest.raises(FileNotFoundError, match="1 of 1 images are missing, the first in row 0"):
        read(b"path,label\n" + b"a" * 5000 + b",covid\n")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.sampled_from(["path", "label", "age", "boxes", "spacing_row_mm", "lung_mask", ""]),
        min_size=1,
        max_size=5,
    ),
    rows=st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(
                    ["images/a.png", "C:\\a", "/x", "\\", "[[0,0,1,1]]", "1e999", "[1"]
                ),
                st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            ),
            max_size=5,
        ),
        max_size=3,
    ),
    separator=st.sampled_from([",", ";", "\t"]),
)
def test_no_table_makes_another_error_than_wrong_input(read, names, rows, separator):
    content = "\n".join(separator.join(values) for values in [names, *rows])
    try:
        message = f"{len(read(content.encode()))} images"
    except (InputError, FileNotFoundError) as error:
        message = str(error)
    assert message.splitlines() == [message]
