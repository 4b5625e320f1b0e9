"""Which images play which part: by class, without copies, split by patient, everything counted."""

from pathlib import Path

import pytest

from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study.images import (
    assign_roles,
    describe_copies,
    flagged_images,
    with_masks,
    without_unusable_masks,
)
from isnet_cxr.pipeline.study.steps import digest_manifest

LABELS = ("normal", "covid", "nodule", "")


def study(tmp_path: Path, **changes):
    values = {
        "name": "here",
        "classes": ["normal", "covid"],
        "datasets": {
            "here": {"manifest": "here/manifest.csv"},
            "there": {"manifest": "there/manifest.csv"},
        },
        "development": ["here"],
        "external": {"away": ["there"]},
        "exclude_duplicates": False,
        "fractions": [0.4, 0.3, 0.3],
        "classifiers": {"baseline": {"method": "baseline"}},
    }
    return parse_study({**values, **changes}, folder=tmp_path)


@pytest.fixture
def two_hospitals(write_images, tmp_path) -> Path:
    def labels(number: int) -> str:
        return LABELS[number // 10 % 4]

    for name in ("here", "there"):
        manifest = write_images(name, label=labels, count=40)
        text = manifest.read_text().replace(",train,", ",,").replace(",val,", ",,")
        manifest.write_text(text)
    return tmp_path


def test_labels_outside_the_classes_are_left_out_and_counted(two_hospitals):
    images = assign_roles(study(two_hospitals), two_hospitals / "out", progress=False)
    assert set(images.development["label"]) == {"normal", "covid"}
    counted = {(e.dataset, e.role, e.reason): e.count for e in images.left_out}
    assert counted["here", "development", "label 'nodule' is not a class of the study"] == 10
    assert counted["there", "away", "no label"] == 10


def test_no_patient_is_on_two_sides(two_hospitals):
    images = assign_roles(study(two_hospitals), two_hospitals / "out", progress=False)
    assert (images.development.groupby("patient_id")["split"].nunique() == 1).all()
    assert set(images.development["split"]) == {"train", "val", "test"}


def test_where_keeps_the_rows_asked_for(two_hospitals):
    datasets = {
        "here": {"manifest": "here/manifest.csv"},
        "there": {"manifest": "there/manifest.csv", "where": {"label": ["normal"]}},
    }
    images = assign_roles(
        study(two_hospitals, datasets=datasets), two_hospitals / "o", progress=False
    )
    assert set(images.external["away"]["label"]) == {"normal"}


def test_a_dataset_s_labels_stand_for_the_study_s_classes(two_hospitals):
    for name in ("well", "sick", "other"):
        (two_hospitals / "images" / name).mkdir(parents=True)
        image = next((two_hospitals / "there").rglob("*.png"))
        (two_hospitals / "images" / name / "a.png").write_bytes(image.read_bytes())
    labels = {"well": "normal", "sick": "covid", "other": ""}
    datasets = {
        "here": {"manifest": "here/manifest.csv"},
        "there": {"adapter": "folder", "root": "images", "labels": labels},
    }
    changed = study(two_hospitals, datasets=datasets, exclude_duplicates=False)
    images = assign_roles(changed, two_hospitals / "o", progress=False)
    assert sorted(images.datasets["there"]["label"]) == ["covid", "normal"]
    assert ("there", "", "label 'other' stands for no class", 1) in {
        (entry.dataset, entry.role, entry.reason, entry.count) for entry in images.left_out
    }


def test_an_unknown_column_of_where_is_named(two_hospitals):
    datasets = {
        "here": {"manifest": "here/manifest.csv"},
        "there": {"manifest": "there/manifest.csv", "where": {"lable": ["normal"]}},
    }
    with pytest.raises(ValueError, match=r"datasets\.there\.where: .*'lable'.*'label'"):
        assign_roles(study(two_hospitals, datasets=datasets), two_hospitals / "o", progress=False)


def test_copies_of_external_images_leave_the_pool(two_hospitals, monkeypatch):
    import pandas as pd

    from isnet_cxr.pipeline.study import images as module

    def first_two(development, test, **_):
        ids = development["image_id"].head(2 if test is not None else 0)
        return pd.DataFrame({"image_id_a": ids, "image_id_b": ids, "kind": "copy"})

    monkeypatch.setattr(module, "find_duplicates", first_two)
    kept = assign_roles(
        study(two_hospitals, exclude_duplicates=True), two_hospitals / "o", progress=False
    )
    counted = {(e.role, e.reason): e.count for e in kept.left_out}
    assert counted["development", "also in the external test 'away'"] == 2
    assert describe_copies(kept) == "dropped from the development set as copies: 2 of away"
    assert len(kept.development) == 18


def rewrite(manifest: Path, change) -> None:
    """Change a manifest's rows in place."""
    import pandas as pd

    table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    change(table)
    table.to_csv(manifest, index=False)


def test_a_patient_whose_copy_is_tested_elsewhere_leaves_the_pool_whole(two_hospitals, monkeypatch):
    import pandas as pd

    from isnet_cxr.pipeline.study import images as module

    def two_images_of_one(table):
        table.loc[1, "patient_id"] = table.loc[0, "patient_id"]

    def first(development, test, **_):
        ids = development["image_id"].head(1 if test is not None else 0)
        return pd.DataFrame({"image_id_a": ids, "image_id_b": ids, "kind": "copy"})

    rewrite(two_hospitals / "here/manifest.csv", two_images_of_one)
    monkeypatch.setattr(module, "find_duplicates", first)
    kept = assign_roles(
        study(two_hospitals, exclude_duplicates=True), two_hospitals / "o", progress=False
    )
    assert len(kept.development) == 18
    reasons = [entry.reason for entry in kept.left_out if entry.role == "development"]
    assert "of a patient who is in the external test 'away' by another image" in reasons
    assert describe_copies(kept).endswith(": 1 of away and 1 of their patients")


def test_copies_within_the_pool_are_on_one_side(two_hospitals, monkeypatch):
    import pandas as pd

    from isnet_cxr.pipeline.study import images as module

    def pairs(development, test, **_):
        ids = development["image_id"].to_numpy()
        count = 9 if test is None else 0
        return pd.DataFrame(
            {"image_id_a": ids[:count], "image_id_b": ids[::-1][:count], "kind": "copy"}
        )

    monkeypatch.setattr(module, "find_duplicates", pairs)
    images = assign_roles(
        study(two_hospitals, exclude_duplicates=True), two_hospitals / "o", progress=False
    )
    split = images.development.set_index("image_id")["split"]
    for first, second in images.copies[["image_id_a", "image_id_b"]].itertuples(index=False):
        assert split[first] == split[second]


def test_an_image_in_two_roles_stops_the_study_unless_it_is_allowed(two_hospitals):
    here = (two_hospitals / "here/manifest.csv").read_text().splitlines()
    ids = [line.split(",")[0] for line in here[1:21]]

    def share(table):
        table.loc[: len(ids) - 1, "image_id"] = ids

    rewrite(two_hospitals / "there/manifest.csv", share)
    with pytest.raises(
        ValueError, match=r'leak: \d+ images in \w+ and away; .*"images in train and'
    ):
        assign_roles(study(two_hospitals), two_hospitals / "o", progress=False)
    allowed = ["images in train and away", "images in val and away"]
    images = assign_roles(
        study(two_hospitals, allow_leaks=allowed), two_hospitals / "o", progress=False
    )
    assert sorted(leak.name for leak in images.leaks) == allowed


def test_a_patient_on_two_sides_of_a_given_split_stops_the_study_unless_allowed(two_hospitals):
    def tear(table):
        table.loc[[0, 1], "patient_id"] = table.loc[0, "patient_id"]
        table.loc[[0, 1], "split"] = ["train", "test"]

    rewrite(two_hospitals / "here/manifest.csv", tear)
    with pytest.raises(ValueError, match="leak: 1 patients in train and test"):
        assign_roles(study(two_hospitals), two_hospitals / "o", progress=False)
    images = assign_roles(
        study(two_hospitals, allow_leaks=["patients in train and test"]),
        two_hospitals / "o",
        progress=False,
    )
    assert [leak.count for leak in images.leaks] == [1]


def test_an_unknown_leak_is_named_with_the_near_miss(two_hospitals):
    with pytest.raises(ValueError, match=r"allow_leaks.*did you mean 'images in train and away'"):
        study(two_hospitals, allow_leaks=["image in train and away"])


def test_a_class_without_images_is_an_error(two_hospitals):
    with pytest.raises(ValueError, match="no image of class 'fracture'"):
        assign_roles(
            study(two_hospitals, classes=["normal", "fracture"]),
            two_hospitals / "o",
            progress=False,
        )


def test_images_without_a_usable_mask_are_not_trained_on_but_tested(two_hospitals):
    images = assign_roles(study(two_hospitals), two_hospitals / "out", progress=False)
    train = images.development[images.development["split"] == "train"]
    masked = images.development.assign(
        lung_mask="/mask.png", mask_source="predicted", mask_quality="good"
    )
    failed = train["image_id"].iloc[0]
    masked.loc[masked["image_id"] == failed, "mask_quality"] = "failed"
    tested = masked["split"] == "test"
    masked.loc[tested, "mask_quality"] = "failed"
    given = type(images)(images.datasets, with_masks(images.development, masked), images.external)
    kept = without_unusable_masks(given, ["normal", "covid"])
    assert failed not in set(kept.development["image_id"])
    assert (kept.development["split"] == "test").sum() == tested.sum()
    assert [entry.count for entry in kept.left_out] == [1]


def test_suspicious_images_are_counted_and_used(two_hospitals):
    images = assign_roles(study(two_hospitals), two_hospitals / "out", progress=False)
    assert flagged_images(images) == []
    away = images.external["away"]
    masked = away.assign(lung_mask="/mask.png", mask_source="predicted", mask_quality="good")
    masked["review_flag"] = ["looks inverted"] * 3 + [""] * (len(away) - 3)
    seen = with_masks(away, masked)
    assert len(seen) == len(away)
    assert flagged_images(type(images)(images.datasets, images.development, {"away": seen})) == [
        {"dataset": "there", "role": "away", "reason": "looks inverted", "count": 3}
    ]
    assert digest_manifest(seen) == digest_manifest(seen.assign(review_flag=""))
