import zipfile

import pytest

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.datasets.selection import NOT_HERE
from isnet_cxr.data.errors import InputError


def test_brixia_has_one_class_and_a_name_for_images_without_abnormality(
    tmp_path, touch, write_table
):
    rows = [
        {
            "Filename": f"{n}.dcm",
            "BrixiaScore": score,
            "BrixiaScoreGlobal": total,
            "Sex": "M",
            "AgeAtStudyDateFiveYear": "65",
            "ConsensusTestset": 0,
        }
        for n, (score, total) in enumerate([("012210", 6), ("000000", 0)])
    ]
    write_table(tmp_path / "metadata_global_v2.csv", rows, delimiter=";")
    touch(*(tmp_path / "dicom_clean" / row["Filename"] for row in rows))
    records = ADAPTERS["brixia"].read(tmp_path).records
    assert [(r.label, r.age, r.sex, r.patient) for r in records] == [("covid", 65, "M", "")] * 2
    listing = ADAPTERS["brixia"].read(tmp_path, labels={"COVID-19, score 0": ""})
    assert listing.left_out == {"label 'COVID-19, score 0' stands for no class": 1}


def test_covidx_has_its_source_as_site_and_names_with_blanks(tmp_path, touch):
    (tmp_path / "train.txt").write_text(
        "3 ARDSSevere day 1.png pneumonia cohen\n"
        "SITE2-000265 MIDRC-RICORD-1C-SITE2-000265-99793-1.png COVID-19 ricord\n"
    )
    (tmp_path / "test.txt").write_text("47c78742 47c78742.png negative rsna\n")
    touch(
        tmp_path / "train" / "ARDSSevere day 1.png",
        tmp_path / "train" / "MIDRC-RICORD-1C-SITE2-000265-99793-1.png",
        tmp_path / "test" / "47c78742.png",
    )
    listing = ADAPTERS["covidx"].read(tmp_path)
    assert [(r.label, r.site, r.patient) for r in listing.records] == [
        ("pneumonia", "cohen", "cohen/3"),
        ("covid", "ricord", "ricord/SITE2-000265"),
    ]
    assert listing.left_out == {"label 'negative' stands for no class": 1}
    changed = ADAPTERS["covidx"].read(tmp_path, labels={"negative": "not covid"}).records
    assert changed[-1].label == "not covid"


@pytest.mark.parametrize("line", ["one two three", ""])
def test_a_wrong_line_of_covidx_is_named_by_its_row(tmp_path, touch, line):
    (tmp_path / "train.txt").write_text(f"1 a.png normal rsna\n{line}\n")
    touch(tmp_path / "train" / "a.png")
    with pytest.raises(ValueError, match=r"train\.txt: row 1: patient, file, label, source"):
        ADAPTERS["covidx"].read(tmp_path)


def test_a_list_of_covidx_may_be_in_latin_1_and_is_text(tmp_path, touch):
    (tmp_path / "train.txt").write_bytes("1 ä.png normal rsna\n".encode("latin-1"))
    touch(tmp_path / "train" / "ä.png")
    assert [r.label for r in ADAPTERS["covidx"].read(tmp_path).records] == ["normal"]
    (tmp_path / "train.txt").write_bytes(b"1 \x81.png normal rsna\n")
    with pytest.raises(InputError, match=r"train\.txt: .* line 1 has byte 0x81"):
        ADAPTERS["covidx"].read(tmp_path)


def test_covidx_with_two_lists_for_one_part_is_refused(tmp_path, touch):
    for name in ("train_COVIDx9A.txt", "train_COVIDx9B.txt"):
        (tmp_path / name).write_text("1 a.png normal rsna\n")
    touch(tmp_path / "train" / "a.png")
    with pytest.raises(FileNotFoundError, match=r"one train\*\.txt expected, got train_COVIDx9A"):
        ADAPTERS["covidx"].read(tmp_path)


def test_covid_radiography_has_its_folders_as_classes(tmp_path, touch, touch_mask):
    for folder in ("COVID", "Normal", "Lung_Opacity", "Viral Pneumonia"):
        touch(tmp_path / folder / "images" / f"{folder}-1.png")
    touch_mask(tmp_path / "COVID" / "masks" / "COVID-1.png")
    records = ADAPTERS["covid_radiography"].read(tmp_path).records
    assert [r.label for r in records] == ["covid", "normal", "pneumonia", "pneumonia"]
    assert [len(r.lung_masks) for r in records] == [1, 0, 0, 0]
    changed = {"Lung_Opacity": "opacity", "Viral Pneumonia": ""}
    records = ADAPTERS["covid_radiography"].read(tmp_path, labels=changed).records
    assert [r.label for r in records] == ["covid", "normal", "opacity"]


def sheet(path, addresses):
    """Write a sheet as Excel does: names are shared texts, addresses stand in the cells."""
    texts = "".join(f"<si><t>{text}</t></si>" for text in ("FILE NAME", "URL", *addresses))
    cells = [
        f'<row><c r="A{n}" t="s"><v>{n}</v></c><c r="D{n}" t="str"><v>{address}</v></c></row>'
        for n, address in enumerate(addresses.values(), start=2)
    ]
    header = '<row><c r="A1" t="s"><v>0</v></c><c r="D1" t="s"><v>1</v></c></row>'
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst {space}>{texts}</sst>")
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f"<worksheet {space}><sheetData>{header}{''.join(cells)}</sheetData></worksheet>",
        )


def test_covid_radiography_has_a_site_for_each_source_that_its_sheets_name(tmp_path, touch):
    touch(*(tmp_path / "Normal" / "images" / f"Normal-{n}.png" for n in range(4)))
    rsna = "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data"
    elsewhere = {"NORMAL-1": "https://example.org/a", "NORMAL-2": "no address", "NORMAL-9": rsna}
    sheet(tmp_path / "Normal.metadata.xlsx", {"NORMAL-0": rsna} | elsewhere)
    records = ADAPTERS["covid_radiography"].read(tmp_path).records
    assert [r.site for r in records] == [
        "NIH Clinical Center", "example.org", "covid_radiography", "covid_radiography",
    ]  # fmt: skip


def test_a_partial_copy_of_covid_radiography_is_counted_and_an_empty_one_refused(tmp_path, touch):
    (tmp_path / "COVID" / "images").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no image in a class folder; expected"):
        ADAPTERS["covid_radiography"].read(tmp_path)
    touch(tmp_path / "Normal" / "images" / "Normal-1.png")
    listing = ADAPTERS["covid_radiography"].read(tmp_path)
    assert [r.label for r in listing.records] == ["normal"]
    assert listing.left_out == {NOT_HERE: 21_164}


def test_hannover_has_one_class_and_two_views(tmp_path, touch, write_table):
    common = {"patient_id": "042f06a9", "sex": "w", "age": "", "modality": "CR"}
    views = {"b343e657": "ap", "c9280a30": "pa", "53c9be49": "lateral"}
    rows = [common | {"image_id": name, "projection": view} for name, view in views.items()]
    write_table(tmp_path / "data.csv", rows)
    touch(*(tmp_path / "png" / f"{name}.png" for name in views))
    listing = ADAPTERS["hannover"].read(tmp_path)
    assert [(r.label, r.view, r.sex) for r in listing.records] == [
        ("covid", "AP", "F"),
        ("covid", "PA", "F"),
    ]
    assert listing.left_out == {"not a frontal view": 1}


def collection(patient, finding, **changes):
    """Return a row of the tables that Actualmed and Figure 1 share with Cohen's."""
    row = {"patientid": patient, "offset": "", "sex": "M", "age": "50+", "finding": finding}
    return row | {"view": "PA", "modality": "X-ray", "notes": "free text"} | changes


def test_actualmed_leaves_out_what_is_inconclusive(tmp_path, touch, write_table):
    rows = [
        collection("ANON196", "", imagename="a.png"),
        collection("ANON56", "No finding", imagename="b.png"),
        collection("ANON196", "COVID-19", imagename="c.png", view="AP"),
    ]
    write_table(tmp_path / "metadata.csv", rows)
    touch(tmp_path / "images" / "b.png", tmp_path / "images" / "c.png")
    listing = ADAPTERS["actualmed"].read(tmp_path)
    assert [(r.label, r.view) for r in listing.records] == [("normal", "PA"), ("covid", "AP")]
    assert listing.left_out == {"no label": 1}


def test_a_partial_copy_of_actualmed_is_counted_and_an_empty_one_refused(
    tmp_path, touch, write_table
):
    rows = [collection(f"p{n}", "COVID-19", imagename=f"{n}.png") for n in range(4)]
    write_table(tmp_path / "metadata.csv", [*rows, collection("p5", "", imagename="5.png")])
    with pytest.raises(FileNotFoundError, match="4 of 4 images are missing, the first in row 0"):
        ADAPTERS["actualmed"].read(tmp_path)
    touch(tmp_path / "images" / "2.png")
    listing = ADAPTERS["actualmed"].read(tmp_path)
    assert [r.patient for r in listing.records] == ["p2"]
    assert listing.left_out == {"no label": 1, NOT_HERE: 3}


def test_figure1_is_read_in_its_publishers_encoding(tmp_path, touch, write_table):
    rows = [collection("COVID-00003a", "COVID-19", notes="T 39.1\N{DEGREE SIGN}")]
    table = write_table(tmp_path / "metadata.csv", rows)
    table.write_bytes(table.read_text("utf-8").encode("latin-1"))
    touch(tmp_path / "images" / "COVID-00003a.jpg")
    assert b"\xb0" in table.read_bytes()
    assert [r.label for r in ADAPTERS["figure1"].read(tmp_path).records] == ["covid"]


def test_figure1_knows_the_images_of_one_patient(tmp_path, touch, write_table):
    rows = [
        collection("COVID-00003a", "COVID-19", view="AP erect"),
        collection("COVID-00003b", "COVID-19", view=""),
        collection("COVID-00005", ""),
    ]
    write_table(tmp_path / "metadata.csv", rows)
    touch(tmp_path / "images" / "COVID-00003a.jpg", tmp_path / "images" / "COVID-00003b.png")
    listing = ADAPTERS["figure1"].read(tmp_path)
    assert [(r.patient, r.view) for r in listing.records] == [
        ("COVID-00003", "AP"),
        ("COVID-00003", ""),
    ]
    assert listing.left_out == {"no label": 1}
