"""Pointing over a study: hit rates by class beside chance, with intervals over patients."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest
from isnet_cxr.pipeline.report.heatmaps import pointing_table
from isnet_cxr.pipeline.study.pointing import EVERY, FOLDER, ask_where, choose_boxed, score_pointing


@dataclass(frozen=True)
class Asked:
    """What ``score_pointing`` reads of a training."""

    checking: Path
    classifier: str
    seed: int


def answers(hit_rates: dict[str, float], *, images: int = 60, patients: int = 60, seed: int = 0):
    """As ``ask_where`` keeps them, with so many hits of every class."""
    generator = np.random.default_rng(seed)
    parts = []
    for label, rate in hit_rates.items():
        ids = [f"{label}/{n % patients}" for n in range(images)]
        hits = generator.permutation(np.arange(images) < round(rate * images))
        parts.append(
            pd.DataFrame({"image_id": [f"{label}{n}" for n in range(images)], "patient_id": ids,
                          "label": label, "hit": hits, "inside": 0.5 * hits, "chance": 0.1,
                          "chance_in_lungs": 0.3})
        )  # fmt: skip
    return pd.concat(parts)


def asked(folder: Path, name: str, frames) -> list[Asked]:
    found = []
    for seed, frame in enumerate(frames):
        own = Asked(folder / name / str(seed), name, seed)
        (own.checking / FOLDER).mkdir(parents=True)
        frame.to_csv(own.checking / FOLDER / "away.csv", index=False)
        found.append(own)
    return found


def test_every_class_and_all_together_have_a_rate_an_interval_and_chance(tmp_path):
    frames = [answers({"covid": 0.7, "pneumonia": 0.4}, seed=seed) for seed in (0, 1)]
    trainings = asked(tmp_path, "isnet", frames)
    found = score_pointing(trainings, ["internal", "away"])
    assert set(found) == {"away"}, "a test without boxes is left out"
    assert set(found["away"]) == {"covid", "pneumonia", EVERY}
    covid = found["away"]["covid"]["isnet"]
    assert covid["hits"]["value"] == pytest.approx(0.7)
    low, high = covid["hits"]["ci95"]
    assert 0.55 < low < 0.7 < high < 0.85
    assert covid["hits"]["seeds"] == {"0": pytest.approx(0.7), "1": pytest.approx(0.7)}
    assert covid["inside"]["value"] == pytest.approx(0.35)
    assert (covid["chance"], covid["chance_in_lungs"]) == pytest.approx((0.1, 0.3))
    assert (covid["images"], found["away"][EVERY]["isnet"]["images"]) == (60, 120)
    json.dumps(found, allow_nan=False)


def test_images_of_one_patient_are_no_independent_evidence(tmp_path):
    """Four images of each patient that all hit or all miss: the interval is twice as wide."""
    alone = answers({"covid": 0.5}, images=60)
    four = pd.concat([alone] * 4).assign(image_id=range(240))
    strangers = four.assign(patient_id=[f"p{n}" for n in range(240)])
    widths = []
    for name, frame in (("four", four), ("strangers", strangers)):
        found = score_pointing(asked(tmp_path, name, [frame]), ["away"])
        low, high = found["away"]["covid"][name]["hits"]["ci95"]
        widths.append(high - low)
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.15)


def test_the_table_stresses_what_blind_pointing_does_not_explain(tmp_path):
    trainings = [
        *asked(tmp_path, "sees", [answers({"covid": 0.8})]),
        *asked(tmp_path, "blind", [answers({"covid": 0.35})]),
    ]
    table = pointing_table(score_pointing(trainings, ["away"]))
    assert [row[:3] for row in table.rows] == [["away, covid", "sees", "60"],
                                               ["away, covid", "blind", "60"]]  # fmt: skip
    assert table.rows[0][-2:] == ["0.100", "0.300"]
    assert table.strong == {(0, 3)}
    several = asked(tmp_path, "all", [answers({"covid": 0.8, "pneumonia": 0.8})])
    by_class = pointing_table(score_pointing(several, ["away"])).rows
    assert [row[0] for row in by_class] == ["away, covid", "away, pneumonia"]


def test_images_with_boxes_are_chosen_the_same_every_time(write_images):
    manifest = read_manifest(write_images("here", count=12))
    manifest["boxes"] = ["[[0.1, 0.1, 0.5, 0.5]]" if n % 3 else "" for n in range(12)]
    chosen = choose_boxed(manifest, ["normal", "covid"], per_class=3)
    assert (chosen["boxes"] != "").all()
    assert set(chosen["label"].value_counts()) == {3}
    shuffled = choose_boxed(
        manifest.sample(frac=1, random_state=1), ["normal", "covid"], per_class=3
    )
    assert list(chosen["image_id"]) == list(shuffled["image_id"])
    assert choose_boxed(manifest, ["normal", "covid"], per_class=0).empty


def test_heatmaps_for_the_true_class_are_asked_for(write_images, classifier_package, tmp_path):
    """A box around the whole image is always hit, and holds all relevance."""
    lungs = np.zeros((40, 32), np.uint8)
    lungs[10:30, 6:26] = 1
    manifest = read_manifest(write_images("here", lungs=lungs))
    whole, corner = "[[0, 0, 1, 1]]", "[[0, 0, 0.1, 0.1]]"
    manifest["boxes"] = [whole if n < 4 else corner for n in range(8)]
    images = tmp_path / "boxed.parquet"
    write_manifest(manifest, images)
    ask_where(classifier_package, images, tmp_path / "a" / "b.csv", cache=None)
    found = pd.read_csv(tmp_path / "a" / "b.csv")
    assert list(found["image_id"]) == list(manifest["image_id"])
    assert list(found["label"]) == list(manifest["label"])
    assert found["hit"][:4].all()
    np.testing.assert_allclose(found["inside"][:4], 1, rtol=1e-5)
    np.testing.assert_allclose(found["chance"][:4], 1)
    assert (found["inside"][4:] < 0.5).all()
    np.testing.assert_allclose(found["chance_in_lungs"][4:], 0)
