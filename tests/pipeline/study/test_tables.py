"""What cannot end well is seen in the tables, before an image is read."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.cli import app
from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study.tables import check_tables

LUNGS = np.ones((40, 32), dtype=bool)

FILE = """
name: here
classes: [normal, covid]
datasets:
  here: {manifest: here/manifest.csv}
development: [here]
classifiers: {baseline: {method: baseline}}
"""


def study(folder: Path, **changes):
    values = {
        "name": "here",
        "classes": ["normal", "covid"],
        "datasets": {
            "here": {"manifest": "here/manifest.csv"},
            "there": {"phantoms": {"hospital": "oakdale", "images_per_class": 3}},
        },
        "development": ["here"],
        "external": {"away": ["there"]},
        "classifiers": {"baseline": {"method": "baseline"}},
    }
    return parse_study({**values, **changes}, folder=folder)


@pytest.fixture
def here(write_images, tmp_path) -> Path:
    manifest = write_images(
        "here", label=lambda n: ("normal", "covid")[n % 2], count=12, lungs=LUNGS
    )
    manifest.write_text(manifest.read_text().replace(",train,", ",,").replace(",val,", ",,"))
    return tmp_path


def one_patient(folder: Path, label: str) -> None:
    """Give all images of a class to one patient."""
    import pandas as pd

    path = folder / "here" / "manifest.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["label"] == label, "patient_id"] = "here/000000000000"
    table.to_csv(path, index=False)


def test_a_study_whose_datasets_have_all_classes_passes(here):
    check_tables(study(here))


def test_every_roles_images_are_counted_by_class(here):
    assert check_tables(study(here)) == [
        "development: 12 images: normal 6, covid 6",
        "external.away: 6 images: normal 3, covid 3",
    ]


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({"where": {"veiw": ["PA"]}}, "datasets.here.where: unknown column 'veiw'"),
        ({"where": {"site": ["north"]}}, "datasets.here.where.site: no image has any of north"),
        ({"at_most": {"covis": 3}}, "datasets.here.at_most: unknown label 'covis'"),
    ],
)
def test_what_a_dataset_is_chosen_by_is_checked(here, of, said):
    datasets = {"here": {"manifest": "here/manifest.csv", **of}}
    with pytest.raises(InputError, match=said):
        check_tables(study(here, datasets=datasets, external={}))


def test_a_view_that_only_headers_tell_leaves_nothing_out(here):
    datasets = {"here": {"manifest": "here/manifest.csv", "where": {"view": ["PA"]}}}
    assert check_tables(study(here, datasets=datasets, external={}))


def test_lungs_are_not_learned_where_no_mask_is(write_images, tmp_path):
    write_images("here", label=lambda n: ("normal", "covid")[n % 2], count=12)
    with pytest.raises(InputError, match=r"segmentation\.train: dataset 'here' has no lung m"):
        check_tables(study(tmp_path, segmentation={"train": ["here"]}))
    with pytest.raises(InputError, match="'normal' has a lung mask, and the study has no segm"):
        check_tables(study(tmp_path))


def test_a_class_that_no_dataset_has_is_named(here):
    with pytest.raises(InputError, match="class 'tuberculosis'; their labels are: covid, normal"):
        check_tables(study(here, classes=["normal", "covid", "tuberculosis"]))


def test_what_where_leaves_out_counts_as_missing(here):
    datasets = {"here": {"manifest": "here/manifest.csv", "where": {"label": ["normal"]}}}
    with pytest.raises(InputError, match="class 'covid'"):
        check_tables(study(here, datasets=datasets, external={}))


def test_a_patient_who_is_a_whole_class_is_refused(here):
    one_patient(here, "covid")
    with pytest.raises(InputError, match="the 6 images of class 'covid' come from 1 patient:"):
        check_tables(study(here))


def set_sites(folder: Path, sites) -> None:
    import pandas as pd

    path = folder / "here" / "manifest.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["site"] = [sites[label][row % 2] for row, label in enumerate(sorted(table["label"]))]
    table["label"] = sorted(table["label"])
    table.to_csv(path, index=False)


GROUPS = {"baseline": {"method": "baseline"}, "fair": {"method": "group_dro"}}


@pytest.mark.parametrize(
    "sites", [{"covid": "xx", "normal": "xy"}, {"covid": "xy", "normal": ["", ""]}]
)
def test_a_class_of_one_hospital_is_refused_where_a_method_needs_several(here, sites):
    set_sites(here, sites)
    check_tables(study(here))
    with pytest.raises(InputError, match=r"classifiers\.fair: group_dro .* all of '(x|here)'"):
        check_tables(study(here, classifiers=GROUPS))


def test_classes_of_several_hospitals_pass_for_every_method(here):
    set_sites(here, {"covid": "xy", "normal": ["x", ""]})
    check_tables(study(here, classifiers=GROUPS))


def test_a_hospital_alone_is_refused_where_a_method_needs_several(here):
    phantoms = {
        name: {"phantoms": {"hospital": "oakdale", "images_per_class": 12}} for name in "ab"
    }
    config = study(
        here,
        classes=["normal", "covid"],
        datasets=phantoms
        | {"there": {"phantoms": {"hospital": "elmwood", "images_per_class": 12}}},
        development=["a", "there"],
        external={},
        classifiers=GROUPS,
        across_hospitals={"classifiers": ["fair"]},
    )
    with pytest.raises(InputError, match=r"fair: group_dro .* in the training 'without elmwood'"):
        check_tables(config)


def test_what_is_held_out_is_foreseen(here):
    phantoms = {
        name: {"phantoms": {"hospital": name, "images_per_class": 12}}
        for name in ("elmwood", "oakdale", "northgate")
    }
    config = study(
        here,
        datasets=phantoms,
        development=list(phantoms),
        external={},
        across_hospitals={"classifiers": ["baseline"]},
    )
    assert check_tables(config)[1:] == [
        "without elmwood: trained on northgate + oakdale (normal, covid), "
        "tested at elmwood (covid, normal; 24 images)",
        "without oakdale: trained on elmwood + northgate (normal, covid), "
        "tested at oakdale (covid, normal; 24 images)",
        "never held out (fewer than two classes of 10 patients): northgate",
    ]


def test_given_splits_count_for_patients(here):
    path = here / "here" / "manifest.csv"
    one_patient(here, "covid")
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows = table.index[table["label"] == "covid"]
    table.loc[rows, "split"] = ["train", "val", "test"] * 2
    table.to_csv(path, index=False)
    check_tables(study(here))  # torn, which is for the audit to say


def test_an_external_test_without_a_class_is_named(here):
    datasets = {
        "here": {"phantoms": {"hospital": "elmwood", "images_per_class": 3}},
        "there": {"manifest": "here/manifest.csv", "where": {"label": ["covid"]}},
    }
    config = study(here, classes=["normal", "pneumonia"], datasets=datasets)
    with pytest.raises(InputError, match=r"external\.away: no image has a class"):
        check_tables(config)


def test_check_only_sees_it_and_runs_nothing(here):
    (here / "study.yaml").write_text(FILE)
    arguments = ["study", str(here / "study.yaml"), "--out", str(here / "out"), "--check-only"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    one_patient(here, "normal")
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError)
    assert not (here / "out").exists()


def test_check_only_sees_that_hospitals_are_missing(here):
    set_sites(here, {"covid": "xx", "normal": "xx"})
    (here / "study.yaml").write_text(FILE.replace("method: baseline", "method: group_dro"))
    arguments = ["study", str(here / "study.yaml"), "--out", str(here / "out"), "--check-only"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError)
    assert "needs images of several hospitals" in str(result.exception)
