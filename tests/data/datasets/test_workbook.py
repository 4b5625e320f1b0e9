"""Sheets of workbooks are read as text; damaged ones are one line."""

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isnet_cxr.data.datasets.workbook import read_sheet
from isnet_cxr.data.errors import InputError

SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HEADER = '<c r="A1" t="s"><v>0</v></c><c r="AB1" t="inlineStr"><is><t>b</t></is></c>'
BOUNDED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def workbook(*rows, shared="<si><t>a</t></si><si><r><t>x</t></r><r><t>y</t></r></si>"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst {SPACE}>{shared}</sst>")
        cells = "".join(f"<row>{row}</row>" for row in (HEADER, *rows))
        sheet = f"<worksheet {SPACE}><sheetData>{cells}</sheetData></worksheet>"
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        archive.writestr("xl/worksheets/sheet10.xml", "<other/>")
    return packed.getvalue()


def test_every_kind_of_cell_is_text(tmp_path):
    path = tmp_path / "t.xlsx"
    row = '<c r="A2" t="s"><v>1</v></c><c r="B2"><v>9</v></c><c r="AB2"><v>1.5</v></c>'
    path.write_bytes(workbook(row, '<c r="AB3" t="str"><v> z </v></c>'))
    assert read_sheet(path, columns=["a", "b"]) == [{"a": "xy", "b": "1.5"}, {"a": "", "b": "z"}]
    with pytest.raises(InputError, match=r"t\.xlsx: no column c in its first sheet"):
        read_sheet(path, columns=["a", "c"])


@pytest.mark.parametrize(
    "row", ['<c r="A2" t="s"><v>7</v></c>', '<c r="A2" t="s"></c>', "<c><v>1</v></c>", "<c>"]
)
def test_a_sheet_that_contradicts_itself_is_one_line(tmp_path, row):
    (tmp_path / "t.xlsx").write_bytes(workbook(row))
    with pytest.raises(InputError, match=r"t\.xlsx: no readable Excel workbook"):
        read_sheet(tmp_path / "t.xlsx", columns=["a"])


@BOUNDED
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_no_damage_makes_another_error_than_wrong_input(tmp_path, start, damage):
    content = bytearray(workbook('<c r="A2" t="s"><v>1</v></c>'))
    start %= len(content)
    content[start : start + len(damage)] = damage
    path = tmp_path / "t.xlsx"
    path.write_bytes(content)
    try:
        rows, message = read_sheet(path, columns=["a"]), ""
    except InputError as error:
        rows, message = [], str(error)
    assert bool(rows) != message.startswith(f"{path}: ")
