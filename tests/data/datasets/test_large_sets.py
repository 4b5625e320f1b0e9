import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.datasets.chexpert import FINDINGS
from isnet_cxr.data.manifests.importing import import_dataset
from isnet_cxr.data.manifests.records import image_id, patient_key
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_dicom, write_png

IMAGE = np.random.default_rng(0).random((1, 8, 8), dtype=np.float32)


def findings(**present):
    return dict.fromkeys(FINDINGS, "") | {
        name.replace("_", " "): value for name, value in present.items()
    }


def test_nih_as_published_has_the_size_of_the_original_image(tmp_path, touch):
    header = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
    )
    row = "00000001_000.png,No Finding,0,1,058Y,M,PA,2682,2749,0.143,0.1,\n"
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(header + row)
    (tmp_path / "BBox_List_2017.csv").write_text("Image Index,Finding Label,Bbox [x,y,w,h],,,\n")
    touch(tmp_path / "images_001" / "images" / "00000001_000.png")
    (record,) = ADAPTERS["nih"].read(tmp_path).records
    assert record.age == 58
    np.testing.assert_allclose(record.extent_mm, (2749 * 0.1, 2682 * 0.143))


@pytest.fixture
def rsna(tmp_path, write_table):
    def make(*classes):
        rows = [{"patientId": f"image-{i}", "class": name} for i, name in enumerate(classes)]
        write_table(tmp_path / "stage_2_detailed_class_info.csv", [rows[0], *rows])
        for row in rows:
            path = tmp_path / "stage_2_train_images" / f"{row['patientId']}.dcm"
            write_dicom(IMAGE, path, (0.1, 0.1), view="AP", patient_id=row["patientId"])
        return tmp_path

    return make


def test_rsna_lists_an_image_once_however_many_boxes_it_has(rsna):
    listing = ADAPTERS["rsna"].read(rsna("Lung Opacity", "No Lung Opacity / Not Normal", "Normal"))
    assert [r.label for r in listing.records] == ["pneumonia", "normal"]
    assert listing.left_out == {"label 'No Lung Opacity / Not Normal' stands for no class": 1}


def test_rsna_has_the_nih_s_patients_where_the_mapping_is_there(rsna):
    root = rsna("Normal", "Normal")
    mapping = [{"subset_img_id": f"image-{i}", "img_id": f"00000013_00{i}.png"} for i in range(2)]
    (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(mapping))
    assert {r.patient for r in ADAPTERS["rsna"].read(root).records} == {"13"}
    manifest = import_dataset("rsna", root, workers=1, progress=False).manifest
    assert set(manifest["patient_id"]) == {patient_key("nih", "13")}
    (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text("[1]")
    with pytest.raises(ValueError, match="list of subset_img_id and img_id expected"):
        ADAPTERS["rsna"].read(root)


def test_rsna_is_imported_with_the_views_of_its_headers(rsna):
    manifest = import_dataset("rsna", rsna("Normal"), workers=1, progress=False).manifest
    assert manifest["view"].tolist() == ["AP"]


def chexpert(path, **changes):
    row = {"Path": f"CheXpert-v1.0-small/{path}", "Sex": "Female", "Age": "68"}
    return row | {"Frontal/Lateral": "Frontal", "AP/PA": "AP"} | findings() | changes


def test_chexpert_keeps_frontal_images_with_findings_that_are_certain(tmp_path, touch, write_table):
    first, second = (f"train/patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2))
    third = "valid/patient64541/study1/view1_frontal.jpg"
    write_table(
        tmp_path / "train.csv",
        [
            chexpert(first, Pneumonia="1.0"),
            chexpert(second, **{"No Finding": "1.0", "Support Devices": "1.0", "AP/PA": ""}),
            chexpert("train/patient3/study1/view1_frontal.jpg", Pneumonia="-1.0"),
            chexpert("train/patient1/study1/view2.jpg", **{"Frontal/Lateral": "Lateral"}),
        ],
    )
    write_table(tmp_path / "valid.csv", [chexpert(third, **{"No Finding": "1.0"})])
    touch(*(tmp_path / path for path in (first, second, third)))
    listing = ADAPTERS["chexpert"].read(tmp_path)
    assert [(r.label, r.patient, r.view, r.age, r.sex) for r in listing.records] == [
        ("pneumonia", "patient00001", "AP", 68, "F"),
        ("normal", "patient00002", "", 68, "F"),
        ("normal", "patient64541", "AP", 68, "F"),
    ]
    assert listing.left_out == {
        "not a frontal view": 1,
        "none of its findings stands for a class": 1,
    }
    (tmp_path / third).unlink()
    with pytest.raises(FileNotFoundError, match=r"valid\.csv: 1 of 1 .* in row 0") as error:
        ADAPTERS["chexpert"].read(tmp_path)
    assert "64541" not in str(error.value)


def test_mimic_joins_images_and_the_findings_of_their_study(tmp_path, touch, write_table):
    image = {"subject_id": "10000032", "study_id": "50414267", "ViewPosition": "PA"}
    other = {"subject_id": "10000764", "study_id": "57375967", "ViewPosition": "AP"}
    write_table(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv",
        [
            {"dicom_id": "02aa804e"} | image,
            {"dicom_id": "174413ec"} | image | {"ViewPosition": "LATERAL"},
            {"dicom_id": "096052b7"} | other,
        ],
    )
    with gzip.open(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz", "wt") as stream:
        stream.write(",".join(["subject_id", "study_id", *FINDINGS]) + "\n")
        stream.write(
            ",".join(["10000032", "50414267", *findings(No_Finding="1.0").values()]) + "\n"
        )
        stream.write(",".join(["10000764", "57375967", *findings(Pneumonia="1.0").values()]) + "\n")
    touch(
        tmp_path / "files" / "p10" / "p10000032" / "s50414267" / "02aa804e.jpg",
        tmp_path / "files" / "p10" / "p10000764" / "s57375967" / "096052b7.jpg",
    )
    listing = ADAPTERS["mimic_cxr"].read(tmp_path)
    assert [(r.label, r.patient, r.view) for r in listing.records] == [
        ("normal", "10000032", "PA"),
        ("pneumonia", "10000764", "AP"),
    ]
    assert listing.left_out == {"not a frontal view": 1}


def padchest(name, labels, **changes):
    return {
        "ImageID": f"{name}.png",
        "ImageDir": "0",
        "StudyDate_DICOM": "20140915",
        "PatientID": f"patient of {name}",
        "PatientBirth": "1930.0",
        "PatientSex_DICOM": "M",
        "Projection": "PA",
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
        "Report": "texto libre",
        "Labels": labels,
    } | changes


def test_padchest_keeps_positive_frontal_images_that_are_there(tmp_path, touch, write_table):
    write_table(
        tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
        [
            padchest("a", "['normal']"),
            padchest("b", "['pneumonia', 'normal']", Projection="AP_horizontal", ImageDir="54"),
            padchest("c", "['normal', 'scoliosis']"),
            padchest("d", "['tuberculosis']", Projection="L"),
            padchest("e", "['normal']", PhotometricInterpretation_DICOM="MONOCHROME1"),
            padchest("f", "['normal']"),
        ],
    )
    touch(tmp_path / "0" / "a.png", tmp_path / "54" / "b.png", tmp_path / "0" / "e.png")
    listing = ADAPTERS["padchest"].read(tmp_path)
    assert [(r.label, r.view, r.age, r.sex, r.negative) for r in listing.records] == [
        ("normal", "PA", 84, "M", False),
        ("pneumonia", "AP supine", 84, "M", False),
        ("normal", "PA", 84, "M", True),
    ]
    assert listing.left_out == {
        "none of its findings stands for a class": 1,
        "not a frontal view": 1,
        "named in the table, but not there": 1,
    }


def test_padchest_without_any_image_is_one_line(tmp_path, write_table):
    table = tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    write_table(table, [padchest("a", "['normal']")])
    with pytest.raises(FileNotFoundError, match="no image that it names is there"):
        ADAPTERS["padchest"].read(tmp_path)


@pytest.fixture
def bimcv(tmp_path, touch, write_table):
    def part(name, labels, reports):
        folder = tmp_path / name
        rows = [
            {"PatientID": "x", "ReportID": s, "Report": "-", "Labels": f}
            for s, f in reports.items()
        ]
        write_table(folder / "derivatives" / "labels" / labels, rows, delimiter="\t")
        people = {"modality_dicom": "['CR']", "body_parts": "[['chest']]", "gender": "F"}
        people = [{"participant": "sub-S1", "age": "[64, 65]"} | people]
        write_table(folder / "participants.tsv", people, delimiter="\t")
        for session in reports:
            stem = f"sub-S1_{session}_run-1_bp-chest"
            images = folder / "sub-S1" / session / "mod-rx"
            touch(images / f"{stem}_vp-pa_cr.png", images / f"{stem}_vp-ll_cr.png")
            touch(images / f"{stem}_vp-ap_dx.png", images / f"{stem}_cr.png")
            negative = {"00280004": {"vr": "CS", "Value": ["MONOCHROME1"]}}
            (images / f"{stem}_vp-ap_dx.json").write_text(json.dumps(negative))
        return folder

    part("covid19_posi", "labels_covid_posi.tsv", {"ses-E1": "['normal']"})
    reports = {"ses-E2": "['normal']", "ses-E3": "['pneumonia' 'normal']", "ses-E4": "['nodule']"}
    part("covid19_neg", "Labels_covid_NEG_JAN21.tsv", reports)
    return tmp_path


def test_bimcv_goes_by_the_test_and_where_it_is_negative_by_the_report(bimcv):
    listing = ADAPTERS["bimcv"].read(bimcv)
    assert sorted((r.label, r.view, r.age, r.sex, r.negative) for r in listing.records) == [
        (label, view, 64, "F", view == "AP")
        for label in ("covid", "normal", "pneumonia")
        for view in ("AP", "PA")
    ]
    assert listing.left_out == {
        "not a frontal view": 8,
        "none of its findings stands for a class": 2,
    }


def test_bimcv_can_go_by_the_report_alone(bimcv):
    listing = ADAPTERS["bimcv"].read(bimcv, labels={"covid19_posi": ""})
    assert [r.label for r in listing.records if not r.negative] == ["normal", "normal", "pneumonia"]


@pytest.mark.parametrize(("dark", "depth"), [(100, 8), (20_000, 16), (40_000, 16)])
def test_a_negative_is_imported_the_right_way_round(tmp_path, write_table, dark, depth):
    """Whatever its grey: of a PNG alone, the depth would be guessed by the brightest pixel."""
    white = 2**depth - 1
    stored = np.arange(dark, dark + 120, dtype=np.uint16 if depth == 16 else np.uint8).reshape(
        12, 10
    )
    stored[0, 0] = white
    table = tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    negative = {"PhotometricInterpretation_DICOM": "MONOCHROME1"}
    write_table(table, [padchest("a", "['normal']"), padchest("e", "['normal']", **negative)])
    for name in "ae":
        write_png(stored, tmp_path / "0" / f"{name}.png")
    options = {"workers": 1, "progress": False}
    imported = import_dataset("padchest", tmp_path, anew=tmp_path / "new", **options).manifest
    plain, turned = (read_image(Path(path)).pixels for path in imported["path"])
    np.testing.assert_allclose(turned, 1 - stored[np.newaxis] / white, atol=1e-5)
    np.testing.assert_allclose(plain, stored[np.newaxis] / white, atol=1e-5)
    assert imported["image_id"].tolist() == [image_id(plain), image_id(turned)]
    assert "inverted, says the publisher" in imported["reading"][1]
    assert imported["path"][1] == str(tmp_path / "new" / "images" / f"{image_id(turned)}.nii.gz")
    with pytest.raises(ValueError, match="a folder for turned ones is needed"):
        import_dataset("padchest", tmp_path, **options)


def test_bimcv_without_a_part_is_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither covid19_posi nor covid19_neg; expected"):
        ADAPTERS["bimcv"].read(tmp_path)
