"""However people store a table, it is read as it was meant or refused by file and line."""

import csv
import gzip
import io

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from isnet_cxr.data.datasets.layout import read_table
from isnet_cxr.data.errors import InputError

SEPARATORS = [",", ";", "\t", "|"]
BOUNDED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
LATIN = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=8)
ANY = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)


def stored(rows, separator, **options):
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, **options).writerows(rows)
    return stream.getvalue()


def write(folder, content):
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@BOUNDED
@given(
    rows=st.lists(st.tuples(ANY, ANY, ANY), min_size=1, max_size=4),
    separator=st.sampled_from(SEPARATORS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\r\n", "\n", "\r"]),
)
def test_any_table_reads_back_in_every_form(tmp_path, rows, separator, encoding, end):
    rows = [tuple(value.strip() for value in row) for row in rows]
    text = stored([("path", "label", "note"), *rows], separator, lineterminator=end)
    path = write(tmp_path, text.encode(encoding))
    read = read_table(path, known=["path", "label"], layout="x")
    assert [tuple(row.values()) for row in read] == [row for row in rows if any(row)]


@BOUNDED
@given(rows=st.lists(st.tuples(LATIN, LATIN), min_size=1, max_size=4))
def test_latin_1_reads_back(tmp_path, rows):
    """Unless it happens to be UTF-8 as well, which is then what it is taken for."""
    rows = [tuple(value.strip() for value in row) for row in rows]
    content = stored([("path", "label"), *rows], ",").encode("latin-1")
    lines = [line for line in content.splitlines() if not line.isascii()]
    assume(not any(_is_utf8(line) for line in lines))
    read = read_table(write(tmp_path, content), columns=["path", "label"], layout="x")
    assert [tuple(row.values()) for row in read] == [row for row in rows if any(row)]


def _is_utf8(line):
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_file_of_both_encodings_is_read_line_by_line(tmp_path):
    content = "path,label\nä.png,a\n".encode() + "ö.png,39°\n".encode("latin-1")
    read = read_table(write(tmp_path, content), layout="x")
    assert [row["path"] for row in read] == ["ä.png", "ö.png"]
    assert read[1]["label"] == "39°"


@settings(BOUNDED, max_examples=500)
@given(
    head=st.sampled_from(["", "path,label\n", "path;label\r\n", "\ufeffpath,label\n", "sep=;\n"]),
    rest=st.one_of(
        st.binary(max_size=120),
        st.text(st.sampled_from('ab,;"\t\r\n|\\é\x00=\x1a '), max_size=60).map(str.encode),
    ),
    packed=st.booleans(),
    columns=st.sampled_from([[], ["path"], ["path", "label"]]),
)
@example(head="", rest=b"\xff\xfea", packed=False, columns=[])
@example(head="", rest=b'"' + b"a" * 200_000, packed=False, columns=["path"])
def test_no_content_makes_another_error_than_wrong_input(tmp_path, head, rest, packed, columns):
    content = head.encode() + rest
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        rows, message = read_table(path, columns=columns, layout="x"), f"{path}: "
    except InputError as error:
        rows, message = [], str(error)
    assert all(set(row) >= set(columns) for row in rows)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


@BOUNDED
@given(st.binary(max_size=80))
def test_no_damaged_archive_makes_another_error(tmp_path, damage):
    path = tmp_path / "t.csv.gz"
    packed = gzip.compress(b"path,label\na.png,b\n" * 3)
    path.write_bytes(packed[: len(damage) % len(packed)] + damage)
    with pytest.raises(InputError, match=r"t\.csv\.gz: "):
        read_table(path, columns=["path"], layout="x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\na.png,b\nc.png,Pneumonia, lobar\n", "line 3: expected 2 values, got 3; a"),
        ("path,label,\nc.png,Pneumonia, lobar\n", "line 2: expected 2 values, got 3; a value"),
        ('path,label\n"a\nb.png",c\n\nd.png\n', "line 5: expected 2 values, got 1"),
        ("path,label,label\na,b,c\n", "expected columns of different names, got 'label' twice"),
        ("path,label , label\na,b,c\n", "got 'label' twice"),
        ('path,label\na.png,b\nc.png,"d\ne.png,f\n', "line 3: a quote is opened and never closed"),
        (b"path,label\na\x81.png,b\n", "line 2 has byte 0x81, which is no text"),
        (b"\xef\xbb\xbfpath,label\n\na\xb0.png,b\n", "line 3 has byte 0xB0, which is no text"),
        (b"path,label\r\na.png,\x00\r\n", "line 2 has byte 0x00, which is no text"),
        (b"PK\x03\x04xl/workbook.xml", "expected a CSV table, got an Excel workbook"),
    ],
)
def test_what_would_lose_or_shift_a_value_is_one_line(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(InputError) as error:
        read_table(path, known=["path", "label"], layout="x")
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert not any(value in str(error.value) for value in ("a.png", "lobar", "c.png"))


def test_values_behind_the_publishers_named_columns_do_not_matter(tmp_path):
    path = write(tmp_path, "name,note,\na,b,a stray remark\nc\n,,\n")
    assert read_table(path, columns=["name"], layout="x") == [{"name": "a"}, {"name": "c"}]


def test_two_columns_of_one_name_matter_where_they_are_asked_for(tmp_path):
    path = write(tmp_path, "name,note,note\na,b,c\n")
    assert read_table(path, columns=["name"], layout="x") == [{"name": "a"}]
    with pytest.raises(InputError, match="got 'note' twice"):
        read_table(path, columns=["name"], optional=["note"], layout="x")


def test_a_table_without_header_does_not_name_its_first_row(tmp_path):
    path = write(tmp_path, "Jane Doe,covid\n")
    with pytest.raises(InputError, match=r"no column path, label; expected them in its") as error:
        read_table(path, columns=["path", "label"], layout="x")
    assert "Jane" not in str(error.value)


def test_excels_line_for_the_separator_is_obeyed(tmp_path):
    path = write(tmp_path, "sep=;\r\npath;label\r\na;b,c\r\nd\r\n")
    with pytest.raises(InputError, match="line 4: expected 2 values, got 1"):
        read_table(path, layout="x")
    path = write(tmp_path, "sep=;\r\npath;label\r\na;b,c\r\n")
    assert read_table(path, layout="x") == [{"path": "a", "label": "b,c"}]
