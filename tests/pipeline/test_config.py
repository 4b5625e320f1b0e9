"""A study file is checked whole before anything runs, and every error names its key."""

from pathlib import Path
from typing import Any

import pytest

from isnet_cxr.classification.reading import (
    check_classifier,
    plain_classifier,
    read_classifier,
)
from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.config import load_study, parse_study
from isnet_cxr.pipeline.config.settings import (
    merge,
    parse_assignments,
)


def study(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "two hospitals",
        "classes": ["normal", "covid"],
        "datasets": {"here": {"manifest": "here.csv"}, "there": {"manifest": "there.csv"}},
        "development": ["here"],
        "external": {"away": ["there"]},
        "classifiers": {
            "baseline": {"method": "baseline"},
            "isnet": {"method": "isnet", "epochs": 3},
        },
    }
    return {**values, **changes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("here.csv", "there.csv"):
        (tmp_path / name).touch()
    return tmp_path


def error_of(values: dict[str, Any], folder: Path) -> str:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_study(values, folder=folder)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_paths_are_relative_to_the_study_file(folder):
    config = parse_study(study(), folder=folder)
    assert config.datasets["here"].manifest == folder / "here.csv"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"classifers": {}}, ["'classifers'", "'classifiers'"]),
        ({"datasets": {"here": {"manifset": "x"}}}, ["datasets.here", "'manifset'", "'manifest'"]),
        ({"classifiers": {"isnet": {"epoch": 3}}}, ["classifiers.isnet.epoch", "'epochs'"]),
        (
            {"classifiers": {"isnet": {"isnet": {"decai": 0.9}}}},
            ["classifiers.isnet.isnet.decai", "'decay'"],
        ),
        ({"defaults": {"preprocessing": {"size": 64}}}, ["defaults.preprocessing", "'size_px'"]),
    ],
)
def test_an_unknown_key_is_named_with_its_near_miss(folder, changes, named):
    message = error_of(study(**changes), folder)
    assert all(part in message for part in named), message


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"development": ["her"]}, ["development", "'her'", "'here'"]),
        ({"external": {"away": ["nowhere"]}}, ["external.away", "'nowhere'"]),
        ({"compare": [["isnet", "baselin"]]}, ["compare.0", "'baselin'", "'baseline'"]),
        ({"marks": {"classifiers": ["isnet"]}}, ["'marks'", "'bias_tests'"]),
        ({"bias_tests": {"corner": {"classifiers": ["isnet"]}}}, ["'corner'", "'corners'"]),
        (
            {"bias_tests": {"corners": {"classifiers": ["isnt"]}}},
            ["bias_tests.corners.classifiers", "'isnt'", "'isnet'"],
        ),
        (
            {"bias_tests": {"corners": {"classifiers": ["isnet"], "seeds": [7]}}},
            ["bias_tests.corners.seeds", "7"],
        ),
        ({"classifiers": {"isnet": {"bias": "corners"}}}, ["classifiers.isnet", "`bias_tests`"]),
        (
            {"across_hospitals": {"classifiers": ["isnt"]}},
            ["across_hospitals.classifiers", "'isnt'", "'isnet'"],
        ),
        (
            {"across_hospitals": {"classifiers": ["isnet"], "designs": ["leave-one-out"]}},
            ["across_hospitals.designs.0", "'leave_one_out'", "got 'leave-one-out'"],
        ),
        (
            {"across_hospitals": {"classifiers": ["isnet"], "seeds": [7]}},
            ["across_hospitals.seeds", "7"],
        ),
        (
            {
                "across_hospitals": {"classifiers": ["isnet"], "only": ["isnet"]},
                "compare": [["isnet", "baseline"]],
            },
            ["compare.0", "'isnet'", "baseline"],
        ),
        (
            {"bias_tests": {"corners": {"classifiers": ["isnet"], "only": ["baseline"]}}},
            ["bias_tests.corners.only", "'baseline'", "isnet"],
        ),
        (
            {
                "bias_tests": {"corners": {"classifiers": ["isnet"], "only": ["isnet"]}},
                "compare": [["isnet", "baseline"]],
            },
            ["compare.0", "'isnet'", "baseline"],
        ),
        (
            {"datasets": {"here": {"phantoms": {"hospital": "oakdael", "images_per_class": 2}}}},
            ["datasets.here.phantoms", "'oakdael'", "'oakdale'"],
        ),
        (
            {
                "datasets": {
                    "here": {
                        "manifest": "here.csv",
                        "phantoms": {"hospital": "oakdale", "images_per_class": 2},
                    }
                }
            },
            ["datasets.here", "manifest", "phantoms"],
        ),
        ({"segmentation": {"train": ["hre"]}}, ["segmentation.train", "'hre'", "'here'"]),
        ({"external": {"away": ["here"]}}, ["external.away", "'here'", "development"]),
        ({"external": {"internal": ["there"]}}, ["external.internal"]),
        ({"classes": ["normal", "normal"]}, ["classes", "twice"]),
        (
            {"datasets": {"here": {"manifest": "here.csv", "labels": {"a": "b"}}}},
            ["datasets.here", "labels", "adapter"],
        ),
        ({"classes": ["normal"]}, ["classes"]),
        ({"fractions": [0.5, 0.5, 0.5]}, ["fractions"]),
        ({"seeds": ["one"]}, ["seeds.0", "'one'"]),
        ({"seeds": [-1]}, ["seeds.0", "-1"]),
        ({"split_seed": -1}, ["split_seed", "-1"]),
        ({"jobs": 0}, ["jobs", "0"]),
        ({"samples_per_class": -1}, ["samples_per_class", "-1"]),
        (
            {"datasets": {"here": {"phantoms": {"hospital": "oakdale", "images_per_class": 0}}}},
            ["datasets.here.phantoms.images_per_class", "0"],
        ),
        (
            {"defaults": {"augmentation": {"scale": 1.0}}},
            ["defaults.augmentation.scale", "below 1", "1.0"],
        ),
        ({"defaults": {"preprocessing": {"size_px": 0}}}, ["preprocessing.size_px", "at least 1"]),
        (
            {"segmentation": {"train": ["here"], "settings": {"framed_share": 2}}},
            ["segmentation.settings.framed_share", "at most 1", "2"],
        ),
        ({"segmentation": {}}, ["segmentation", "train", "package"]),
        (
            {"segmentation": {"train": ["here"], "unlabelled": ["there"]}},
            ["segmentation.unlabelled", "'there'", "development set"],
        ),
        (
            {"segmentation": {"package": "here.csv", "unlabelled": ["here"]}},
            ["segmentation", "unlabelled", "no use beside package"],
        ),
        (
            {"segmentation": {"train": ["here"], "settings": {"sickness": {"share": 2}}}},
            ["segmentation.settings.sickness.share", "at most 1", "2"],
        ),
        ({"classifiers": {"isnet": {"method": "isnett"}}}, ["classifiers.isnet.method"]),
        ({"classifiers": {"isnet": {"epochs": "many"}}}, ["classifiers.isnet.epochs"]),
        ({"name": "../escape"}, ["name", "../escape"]),
        ({"external": {"../x": ["there"]}}, ["external", "../x"]),
    ],
)
def test_a_wrong_value_is_named_with_its_key(folder, changes, named):
    message = error_of(study(**changes), folder)
    assert all(part in message for part in named), message


def test_a_dataset_has_one_source(folder):
    both = {"manifest": "here.csv", "adapter": "nih", "root": "."}
    assert "datasets.here" in error_of(study(datasets={"here": both}), folder)
    assert "datasets.here" in error_of(study(datasets={"here": {"adapter": "nih"}}), folder)


def test_an_unknown_adapter_is_named_with_its_near_miss(folder):
    datasets = {**study()["datasets"], "there": {"adapter": "shenzen", "root": "."}}
    message = error_of(study(datasets=datasets), folder)
    assert "datasets.there.adapter" in message
    assert "'shenzhen'" in message


def test_an_unset_variable_is_named(folder, monkeypatch):
    monkeypatch.delenv("CHEST_IMAGES", raising=False)
    datasets = {**study()["datasets"], "there": {"manifest": "${CHEST_IMAGES}/there.csv"}}
    message = error_of(study(datasets=datasets), folder)
    assert message == "datasets.there.manifest: environment variable CHEST_IMAGES is not set"


def test_variables_are_replaced_in_paths(folder, monkeypatch):
    monkeypatch.setenv("CHEST_IMAGES", str(folder))
    datasets = {**study()["datasets"], "there": {"manifest": "${CHEST_IMAGES}/there.csv"}}
    config = parse_study(study(datasets=datasets), folder=folder)
    assert config.datasets["there"].manifest == folder / "there.csv"


def test_a_missing_path_is_named(folder):
    (folder / "there.csv").unlink()
    message = error_of(study(), folder)
    assert message == f"datasets.there.manifest: {folder / 'there.csv'} does not exist"


def test_a_key_that_stands_twice_is_an_error(folder):
    (folder / "study.yaml").write_text("name: a\nname: b\n")
    with pytest.raises(ValueError, match=r"study.yaml: line 2: key 'name' stands twice"):
        load_study(folder / "study.yaml")


def test_what_is_not_yaml_is_named_with_its_line(folder):
    (folder / "study.yaml").write_text("name: [a\nclasses: b\n")
    with pytest.raises(ValueError, match=r"study.yaml: line \d+: not YAML"):
        load_study(folder / "study.yaml")


def test_a_missing_study_is_named(folder):
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml"):
        load_study(folder / "nothing.yaml")


def test_defaults_lie_under_each_classifiers_own_settings():
    merged = merge({"epochs": 5, "isnet": {"decay": 0.9}}, {"isnet": {"fraction": 0.25}})
    assert merged == {"epochs": 5, "isnet": {"decay": 0.9, "fraction": 0.25}}


def test_settings_come_back_from_plain_values_unchanged():
    settings = read_classifier({"isnet": {"foreground_range": [1.0, 25.0]}}, where="s")
    assert settings.method_settings.foreground_range == (1.0, 25.0)
    assert read_classifier(plain_classifier(settings), where="s") == settings


@pytest.mark.parametrize(
    "variant",
    [
        {"target_class": "all", "attribution_target": "logit"},
        {"target_class": "stochastic", "attribution_target": "logit"},
        {"target_class": "lowest", "attribution_target": "log_odds"},
        {"target_class": "dual", "foreground_form": "L2"},
        {"deep_layers": ["3", "7"], "layer_decay": 0.8},
        {"first_rule": "epsilon", "empty_masks": "skip"},
    ],
)
def test_every_variant_of_the_isnet_can_be_chosen_in_a_study(variant):
    settings = read_classifier({"isnet": variant}, where="s")
    assert plain_classifier(settings)["isnet"].items() >= variant.items()
    assert read_classifier(plain_classifier(settings), where="s") == settings


def test_an_unknown_variant_is_refused():
    with pytest.raises(InputError, match="target_class"):
        read_classifier({"isnet": {"target_class": "both"}}, where="s")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "plain"}, "s.method: 'plain' is called 'baseline' now"),
        ({"method": ["isnet"]}, "s.method: expected a method's name, got ['isnet']"),
        ({"method": "mixed"}, "s.method: 'mixed' is called 'exchange' now"),
        ({"isnet": {"mixed_share": 0.3}}, "s.isnet.mixed_share: is exchange_share now"),
        ({"isnet": {"epsilon": 0.3}}, "s.isnet.epsilon: is epsilon, beside `method` now"),
        ({"method": "baseline", "isnet": {}}, "s.isnet: has no use with method 'baseline'"),
        ({"epochs": 0}, "s.epochs: expected at least 1, got 0"),
        ({"isnet": {"decay": 2}}, "s.isnet.decay: expected at least 0 and at most 1, got 2"),
        ({"method_settings": {}}, "s.method_settings: write the block `isnet:` instead"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(values, said):
    with pytest.raises(InputError) as refused:
        read_classifier(values, where="s")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_blocks_of_other_methods_may_stand_where_settings_are_shared():
    shared = {"isnet": {"decay": 0.9}, "exchange": {"share": 0.5}}
    settings = read_classifier({"method": "exchange", **shared}, where="s", shared=True)
    assert settings.method_settings.share == 0.5
    assert "isnet" not in plain_classifier(settings)


def test_layers_that_a_network_does_not_have_are_found_before_anything_runs():
    settings = read_classifier({"isnet": {"deep_layers": ["nothing"]}}, where="s")
    with pytest.raises(InputError, match=r"s\.deep_layers: the network has no layer 'nothing'"):
        check_classifier(settings, classes=3, where="s")


def test_assignments_nest_by_dots():
    assert parse_assignments(["epochs=3", "isnet.decay=0.9", "isnet.fraction=1"]) == {
        "epochs": 3,
        "isnet": {"decay": 0.9, "fraction": 1},
    }


@pytest.mark.parametrize("wrong", ["epochs", "=3"])
def test_an_assignment_needs_key_and_value(wrong):
    with pytest.raises(ValueError, match="KEY=VALUE"):
        parse_assignments([wrong])
