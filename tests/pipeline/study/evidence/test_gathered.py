"""The evidence of a study from predictions on disk: what it measures, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.pipeline.report.evidence import evidence_content, reasons_table
from isnet_cxr.pipeline.report.evidence_plots import plot_coverage
from isnet_cxr.pipeline.study.evidence.classes import describe_classes
from isnet_cxr.pipeline.study.evidence.compared import compare_classifiers
from isnet_cxr.pipeline.study.evidence.matrix import name_confounded
from isnet_cxr.pipeline.study.evidence.tested import Fixed, Predictions


def test_the_matrix_has_every_test_and_every_site_with_enough_patients(evidence):
    names = [group["name"] for group in evidence["matrix"]["groups"]]
    assert names == ["internal", "away", "away: north", "away: south"]
    for name in ("good", "poor"):
        cells = evidence["matrix"]["cells"][name]
        assert set(cells) == set(names)
        assert "gap" not in cells["internal"]
        for cell in cells.values():
            assert cell["ci95"][0] <= cell["value"] <= cell["ci95"][1]
    assert evidence["matrix"]["worst"]["good"] in names[1:]


def test_a_gap_is_against_the_same_classes_at_home(evidence):
    """Two classes are told apart better than three; that is no gain elsewhere."""
    cell = evidence["matrix"]["cells"]["good"]["away"]
    low, high = cell["gap_ci95"]
    assert low < 0 < high


def test_thresholds_and_temperatures_come_from_validation_images(evidence):
    for temperatures in evidence["temperatures"].values():
        assert len(temperatures) == 2
    calibration = evidence["calibration"]["poor"]["away"]
    assert calibration["calibrated"]["ece"] < calibration["as_predicted"]["ece"]
    point = evidence["classes"]["good"]["away"]["pneumonia"]
    assert 0 < point["threshold"] < 1
    assert point["sensitivity"]["value"] > 0.7
    assert point["specificity"]["value"] > 0.7
    assert "fewer than 100" in point["warning"]
    assert "covid" not in evidence["classes"]["good"]["away"]


def test_where_the_disease_is_rarer_both_values_are_told_with_their_least(evidence):
    for classes in evidence["classes"]["good"].values():
        for own in classes.values():
            for share, adjusted in own["at_prevalence"].items():
                for name in ("ppv", "npv"):
                    assert 0 <= adjusted[name]["low"] < adjusted[name]["value"] <= 1, share


def test_no_false_alarm_on_few_images_is_no_certainty_where_the_disease_is_rare():
    """One of ten cases found, and none of 30 others: a PPV of 1 that may be far less."""
    truth = np.arange(40) < 10
    last = np.where(np.arange(40) == 0, 0.9, 0.1)
    known = pd.DataFrame({"image_id": [str(n) for n in range(40)]})
    known["patient_id"] = known["image_id"]
    probabilities = np.stack([1 - last, last], axis=1)[np.newaxis]
    fixed = Fixed(np.array([[0.5, 0.5]]), [1.0], [])
    tested = Predictions(probabilities, truth.astype(int), np.arange(40), known, fixed)
    ppv = describe_classes(tested, ["normal", "covid"])["covid"]["at_prevalence"]["0.01"]["ppv"]
    assert ppv["value"] == 1
    assert ppv["low"] < 0.01


def test_a_curve_rises_within_its_band_and_has_its_area(evidence):
    own = evidence["classes"]["poor"]["internal"]["normal"]
    curve = {name: np.array(values) for name, values in own["roc"].items()}
    assert (np.diff(curve["true"]) >= -1e-12).all()
    assert ((curve["low"] <= curve["true"]) & (curve["true"] <= curve["high"])).mean() > 0.9
    area = np.trapezoid(curve["true"], curve["false"])
    assert area == pytest.approx(own["auc"]["value"], abs=0.02)


def test_every_difference_is_tested_and_all_p_values_are_adjusted_together(evidence):
    rows = evidence["tests"]
    kinds = [(row["test"], row["kind"], row["class"]) for row in rows]
    assert len(kinds) == len(set(kinds)) == 5 + 4
    assert all(row["p"] <= row["holm"] <= 1 for row in rows)
    smallest = min(rows, key=lambda row: row["p"])
    assert smallest["holm"] == pytest.approx(min(1, len(rows) * smallest["p"]))
    assert all(row["difference"] > 0 for row in rows)


def test_a_class_of_few_patients_gets_no_test_of_its_area():
    """Three images that both classifiers rank perfectly, or not at all, have no spread to go by."""
    truth = np.r_[np.zeros(30, int), np.ones(30, int), np.full(3, 2)]
    probabilities = np.full((1, 63, 3), 1 / 3)
    fixed = Fixed(np.full((1, 3), np.nan), [1.0], [])
    one = Predictions(probabilities, truth, np.arange(63), pd.DataFrame(index=range(63)), fixed)
    tested = {"a": {"internal": one}, "b": {"internal": one}}
    rows = compare_classifiers([["a", "b"]], tested, ["normal", "pneumonia", "covid"])
    assert [row["class"] for row in rows if row["kind"] == "DeLong"] == ["normal", "pneumonia"]
    assert all(row["holm"] == 1 for row in rows)


def test_what_decides_about_answering_is_told(evidence):
    told = evidence["abstention"]["good"]["away"]
    assert set(told["by_coverage"]) == {"probability", "strangeness"}
    assert told["by_coverage"]["probability"][0] > told["by_coverage"]["probability"][-1]
    assert told["reasons"]["gate refuses"]["coverage"] == pytest.approx(0.9)
    assert told["reasons"]["lung mask failed"]["coverage"] == pytest.approx(0.8)
    assert evidence["local_normals"]["good"]["away"]["normals"] == 20


def test_every_reason_not_to_answer_has_a_curve(evidence):
    """Its probability, strangeness, gate and lung mask: each ends where all images are answered."""
    told = evidence["abstention"]
    figure = plot_coverage(told)
    rows = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in rows] == [
        "by probability", "by strangeness", "by the gate", "by the lung mask"
    ]  # fmt: skip
    everything = told["good"]["internal"]["by_coverage"]["probability"][-1]
    for axes in rows:
        (curve,) = [line for line in axes.lines if line.get_label() == "good"]
        assert curve.get_xydata()[-1] == pytest.approx((1, everything))
        assert (np.diff(curve.get_xdata()) >= 0).all()
    (gate,) = [line for line in rows[2].lines if line.get_label() == "good"]
    first = told["good"]["internal"]["reasons"]["gate refuses"]
    assert (first["coverage"], first["accuracy"]) in [tuple(point) for point in gate.get_xydata()]


@pytest.mark.parametrize("coverage", [None, 1.0])
def test_a_reason_that_no_test_knows_or_that_sorts_out_nothing_has_no_row(evidence, coverage):
    told = {"coverage": coverage, "accuracy": 0.7, "abstained": None}
    reasons = {} if coverage is None else {"gate refuses": told, "lung mask failed": told}
    bare = {
        name: {test: {**own, "reasons": reasons} for test, own in tests.items()}
        for name, tests in evidence["abstention"].items()
    }
    assert reasons_table(bare).rows == []
    rows = [axes.get_ylabel() for axes in plot_coverage(bare).axes if axes.get_ylabel()]
    assert rows == ["by probability", "by strangeness"]


def test_the_report_has_a_place_for_all_of_it(evidence):
    content = evidence_content(evidence)
    assert len(content["points"].rows) == 2 * (3 + 2)
    assert len(content["tests"].rows) == content["count"] == 9
    assert content["tests"].strong
    assert {row[0] for row in content["worst"].rows} == {"good", "poor"}
    assert [test for test, _ in content["curves"]] == ["internal", "away"]
    assert content["reasons"].rows
    assert content["local"].rows


def test_a_class_of_a_single_source_is_named_with_what_goes_with_it(manifest):
    one = manifest("a", images=40, sites=("a",), classes=["normal", "pneumonia"])
    other = manifest("b", images=40, sites=("b",), classes=["covid"]).assign(view="AP")
    assert name_confounded(one) == []
    lines = name_confounded(pd.concat([one, other]))
    assert "covid comes from b only" in lines
    mixed = pd.concat([one, manifest("b", images=60, sites=("b",))])
    assert name_confounded(mixed) == ["covid comes from b only"]
    assert name_confounded(pd.concat([one, one.assign(dataset="b", site="b")])) == []
