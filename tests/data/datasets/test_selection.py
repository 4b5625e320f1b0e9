from pathlib import Path

import pytest

from isnet_cxr.data.datasets.selection import Selection
from isnet_cxr.data.manifests.records import Record

LABELS = {"COVID-19": "covid", "Pneumonia": "pneumonia", "Normal": "normal"}


def record(name="a.png"):
    return Record(path=Path(name), dataset="here", site="here", patient="")


def test_the_first_label_of_the_mapping_wins():
    assert Selection(LABELS).classify(["Pneumonia", "COVID-19"]) == "covid"


def test_the_users_classes_go_first():
    chosen = Selection(LABELS, {"Edema": "edema", "Normal": "healthy"})
    assert chosen.classify(["COVID-19", "Edema"]) == "edema"
    assert chosen.classify("Normal") == "healthy"


def test_an_empty_class_takes_the_label_away():
    chosen = Selection(LABELS, {"COVID-19": ""})
    assert chosen.classify(["COVID-19", "Pneumonia"]) == "pneumonia"
    assert chosen.classify("COVID-19") == ""
    assert chosen.listing().left_out == {"label 'COVID-19' stands for no class": 1}


def test_a_changed_label_must_occur():
    chosen = Selection(LABELS, {"Pneumona": "pneumonia"})
    chosen.classify("Pneumonia")
    with pytest.raises(
        ValueError, match=r"unknown label 'Pneumona' \(did you mean 'Pneumonia'\?\)"
    ):
        chosen.listing()


def test_what_is_left_out_is_counted_by_reason():
    chosen = Selection(LABELS)
    for label in ("", "Edema", "Edema"):
        assert chosen.classify(label) == ""
    chosen.classify(["Edema", "Mass"])
    assert chosen.listing().left_out == {
        "no label": 1,
        "label 'Edema' stands for no class": 2,
        "none of its findings stands for a class": 1,
    }


def test_missing_files_are_counted_for_each_table_by_itself(tmp_path):
    chosen = Selection(LABELS)
    (tmp_path / "a.png").touch()
    chosen.use(record(tmp_path / "a.png"))
    chosen.check(table=Path("first.csv"), layout="x")
    chosen.leave_out("lateral")
    chosen.use(record(tmp_path / "secret.png"))
    with pytest.raises(FileNotFoundError, match=r"^second.csv: 1 of 1 .* first in row 1;") as error:
        chosen.check(table=Path("second.csv"), layout="x")
    assert "secret" not in str(error.value)
