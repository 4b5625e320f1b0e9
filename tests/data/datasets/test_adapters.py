import numpy as np
import pytest

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.datasets.table import read_table_of_images


def nih(name, findings, **changes):
    return {
        "Image Index": name,
        "Finding Labels": findings,
        "Follow-up #": 0,
        "Patient ID": 7,
        "Patient Age": 50,
        "Patient Gender": "F",
        "View Position": "AP",
    } | changes


def cohen(name, finding, **changes):
    return {
        "patientid": 3,
        "sex": "M",
        "age": "",
        "finding": finding,
        "view": "AP Supine",
        "modality": "X-ray",
        "location": "",
        "folder": "images",
        "filename": name,
    } | changes


def test_shenzhen_reads_the_label_from_the_name(tmp_path, touch, touch_mask):
    for digit in (0, 1):
        touch(tmp_path / "CXR_png" / f"CHNCXR_000{digit}_{digit}.png")
    touch_mask(tmp_path / "mask" / "CHNCXR_0001_1_mask.png")
    normal, ill = ADAPTERS["shenzhen"].read(tmp_path).records
    assert (normal.label, normal.lung_masks) == ("normal", ())
    assert ill.label == "tuberculosis"
    assert [mask.name for mask in ill.lung_masks] == ["CHNCXR_0001_1_mask.png"]


def test_nih_keeps_normal_and_pneumonia_and_counts_the_rest(tmp_path, touch, write_table):
    rows = [
        nih("a.png", "No Finding"),
        nih("b.png", "Edema|Pneumonia", **{"Patient Age": "411", "View Position": "PA"}),
        nih("c.png", "Edema"),
    ]
    write_table(tmp_path / "Data_Entry_2017.csv", rows)
    touch(tmp_path / "images" / "a.png", tmp_path / "images_002" / "images" / "b.png")
    listing = ADAPTERS["nih"].read(tmp_path)
    assert [(r.label, r.view, r.patient) for r in listing.records] == [
        ("normal", "AP", "7"),
        ("pneumonia", "PA", "7"),
    ]
    assert np.isnan(listing.records[1].age)
    assert listing.left_out == {"none of its findings stands for a class": 1}


def test_cohen_keeps_frontal_x_rays_with_a_finding_of_use(tmp_path, touch, write_table):
    rows = [
        cohen("a.png", "Pneumonia/Viral/COVID-19"),
        cohen("b.png", "Pneumonia/Bacterial", view="PA", location="Somewhere"),
        cohen("c.png", "No Finding"),
        cohen("d.png", "Tuberculosis"),
        cohen("e.png", "No Finding", view="L"),
        cohen("f.png", "No Finding", modality="CT"),
    ]
    write_table(tmp_path / "metadata.csv", rows)
    for name in "abc":
        touch(tmp_path / "images" / f"{name}.png")
    listing = ADAPTERS["cohen"].read(tmp_path)
    assert [r.label for r in listing.records] == ["covid", "pneumonia", "normal"]
    assert [r.site for r in listing.records] == ["cohen", "Somewhere", "cohen"]
    assert sum(listing.left_out.values()) == 3


def test_covid_cxnet_takes_each_image_for_a_patient(tmp_path, touch):
    for name in ("1.png", "2.png"):
        touch(tmp_path / "covid19" / name)
    records = ADAPTERS["covid_cxnet"].read(tmp_path).records
    assert {record.label for record in records} == {"covid"}
    assert len({record.patient for record in records}) == 2


def test_kermany_reads_patients_from_names(tmp_path, touch):
    names = [
        "train/NORMAL/IM-0011-0001-0001.jpeg",
        "train/NORMAL/IM-0011-0001-0002.jpeg",
        "train/PNEUMONIA/person7_virus_1.jpeg",
        "train/PNEUMONIA/person7_virus_2.jpeg",
    ]
    for name in names:
        touch(tmp_path / name)
    records = ADAPTERS["kermany"].read(tmp_path).records
    assert [r.patient for r in records] == ["IM-0011", "IM-0011", "person7", "person7"]


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "csv"])
def test_a_missing_root_says_which_layout_was_expected(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="expected") as error:
        ADAPTERS[name].read(tmp_path / "nowhere")
    assert "\n" not in str(error.value)


def test_missing_images_are_counted_by_row_and_never_named(tmp_path, touch, write_table):
    rows = [nih("a.png", "No Finding"), nih("c.png", "Mass"), nih("00000061_015.png", "No Finding")]
    write_table(tmp_path / "Data_Entry_2017.csv", rows)
    touch(tmp_path / "images" / "a.png")
    with pytest.raises(
        FileNotFoundError, match=r"1 of 2 images are missing, the first in row 2"
    ) as e:
        ADAPTERS["nih"].read(tmp_path)
    assert "00000061" not in str(e.value)  # the name is the patient's number


def test_a_missing_column_is_named(tmp_path, write_table):
    write_table(tmp_path / "Data_Entry_2017.csv", [{"Image Index": "a.png"}])
    with pytest.raises(ValueError, match="no column Finding Labels"):
        ADAPTERS["nih"].read(tmp_path)


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_every_card_says_what_a_card_has_to(adapter):
    published = "Source:" in adapter.card
    parts = ["Source:", "Licence:", "Cite:", "Content:", "Layout", "Known bias:"]
    assert not published or [part for part in parts if part not in adapter.card] == []
    assert published == bool(adapter.labels)


@pytest.fixture
def own_table(tmp_path, touch, write_table):
    def write(**columns):
        touch(tmp_path / "images" / "a.png")
        return write_table(tmp_path / "mine.csv", [{"path": "images/a.png", **columns}])

    return write


def test_any_table_with_path_and_label(own_table, tmp_path):
    columns = {"label": "covid", "age": "61", "view": "AP", "spacing_row_mm": 0.1}
    (record,) = read_table_of_images(own_table(**columns, spacing_col_mm=0.2)).records
    assert record.path == tmp_path / "images" / "a.png"
    assert (record.dataset, record.label, record.age) == ("mine", "covid", 61)
    assert record.spacing_mm == (0.1, 0.2)


def test_the_classes_of_a_table_can_be_others(own_table):
    table = own_table(label="SARS-CoV-2")
    (record,) = read_table_of_images(table, labels={"SARS-CoV-2": "covid"}).records
    assert record.label == "covid"
    assert read_table_of_images(table, labels={"SARS-CoV-2": ""}).records == []


def test_columns_of_other_names_are_mapped(own_table):
    table = own_table(diagnosis="covid", ward="3")
    (record,) = read_table_of_images(table, columns={"label": "diagnosis"}).records
    assert record.label == "covid"


@pytest.mark.parametrize(
    ("columns", "mapping", "message"),
    [
        ({"label": "a", "viev": "AP"}, {}, r"unknown column 'viev' \(did you mean 'view'\?\)"),
        ({"diagnosis": "a"}, {"label": "diagnosys"}, r"did you mean 'diagnosis'\?"),
        ({"diagnosis": "a"}, {"lable": "diagnosis"}, r"did you mean 'label'\?"),
        ({"age": "1"}, {}, "no column label"),
        ({"label": ""}, {}, "column label, row 0: expected a label, got none"),
    ],
)
def test_a_wrong_table_is_one_clear_line(own_table, columns, mapping, message):
    with pytest.raises(ValueError, match=message) as error:
        read_table_of_images(own_table(**columns), columns=mapping)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("shenzhen", {"normal": 150, "tuberculosis": 150}),
        ("jsrt", {"normal": 93, "nodule": 153}),
        ("nih", {"normal": 450, "pneumonia": 400}),
        ("covid_cxnet", {"covid": 675}),
        ("cohen", {"covid": 392, "pneumonia": 187, "normal": 16}),
        ("kermany", {"normal": 250, "pneumonia": 250}),
        ("siim", {"covid": 1429, "normal": 812}),
    ],
)
def test_real_sets_have_their_published_counts(cxr_root, name, counts):
    labels = [record.label for record in ADAPTERS[name].read(cxr_root / name).records]
    assert {label: labels.count(label) for label in set(labels)} == counts
