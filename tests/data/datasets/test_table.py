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


def test_a_table_with_the_index_of_pandas(read):
    assert [record.label for record in read(b",path,label\n0,images/a.png,covid\n")] == ["covid"]


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


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
