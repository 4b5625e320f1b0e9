"""Sanity of heatmaps over a study: what fails is said, what cannot be measured does not fail."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.pipeline.report.heatmaps import plot_sanity, sanity_sentences
from isnet_cxr.pipeline.study.sanity import FILE, FORGOTTEN, ask_sanity, score_sanity
from isnet_cxr.pipeline.study.summary import _plain
from isnet_cxr.pipeline.study.verdict import verdict


@dataclass(frozen=True)
class Asked:
    """What ``score_sanity`` reads of a training."""

    checking: Path
    classifier: str
    seed: int = 0


def kept(
    folder: Path, name: str, *, seed: int = 0, left=0.1, ssim=0.1, noise=0.9, shift=0.8
) -> Asked:
    """As ``ask_sanity`` keeps it, of two images."""
    rows = []
    for image in "ab":
        steps = [(FORGOTTEN, 0.2, 0.7, 0.7), (FORGOTTEN, 1.0, left, ssim),
                 ("noise", 0.0, noise, noise), ("shift", 0.0, shift, shift)]  # fmt: skip
        rows += [(image, *step) for step in steps]
    own = Asked(folder / name / str(seed), name, seed)
    own.checking.mkdir(parents=True)
    frame = pd.DataFrame(rows, columns=["image_id", "kind", "share", "rank", "ssim"])
    frame.to_csv(own.checking / FILE, index=False)
    return own


def test_who_shows_the_image_alone_fails_and_who_shows_what_was_learned_passes(tmp_path):
    trainings = [
        kept(tmp_path, "real"),
        kept(tmp_path, "edges", left=0.99, ssim=0.98),
        kept(tmp_path, "pictures", left=0.3, ssim=0.9),
        kept(tmp_path, "jumpy", shift=0.2),
    ]
    found = score_sanity(trainings)
    assert {name for name, own in found.items() if own["stays"]} == {"edges", "pictures"}
    assert {name for name, own in found.items() if own["unsteady"]} == {"jumpy"}
    said = {name: (sentence, fine) for name, sentence, fine in sanity_sentences(found)}
    assert [name for name, (_, fine) in said.items() if fine] == ["real"]
    assert "not what was learned" in said["edges"][0]
    assert "regions, not pixels" in said["jumpy"][0]
    (sentence,) = verdict({"sanity": found})
    assert sentence.startswith("Do not read the heatmaps of edges, pictures")
    assert verdict({"sanity": score_sanity(trainings[:1])}) == []


def test_figures_are_means_over_images_and_seeds(tmp_path):
    trainings = [
        kept(tmp_path, "isnet", seed=seed, left=left) for seed, left in ((0, 0.1), (1, 0.3))
    ]
    own = score_sanity(trainings)["isnet"]
    assert own["images"] == 2
    assert [step["share"] for step in own[FORGOTTEN]] == [0.2, 1.0]
    assert own[FORGOTTEN][-1]["rank"] == pytest.approx(0.2)
    assert [one[FORGOTTEN][-1]["rank"] for one in own["seeds"].values()] == [0.1, 0.3]


def test_heatmaps_that_vanish_do_not_fail_and_are_told_without_a_number(tmp_path):
    found = _plain(score_sanity([kept(tmp_path, "gone", left=np.nan, ssim=np.nan, noise=np.nan)]))
    assert not found["gone"]["stays"]
    assert found["gone"][FORGOTTEN][-1]["rank"] is None
    ((_, sentence, fine),) = sanity_sentences(found)
    assert fine
    assert "nan" not in sentence.lower()
    plot_sanity(found)


def test_a_classifier_that_was_not_checked_is_left_out(tmp_path):
    assert score_sanity([Asked(tmp_path / "nothing", "isnet")]) == {}


def test_the_plot_has_a_curve_for_every_classifier_and_the_limit(tmp_path):
    found = score_sanity([kept(tmp_path, "real"), kept(tmp_path, "edges", left=0.99)])
    figure = plot_sanity(found)
    assert len(figure.axes) == 3
    for panel in figure.axes[:2]:
        curves = [line for line in panel.lines if line.get_label() in found]
        assert len(curves) == 2
        assert all(line.get_ydata()[0] == 1 for line in curves), "it begins with the whole network"
    assert len(figure.axes[2].patches) == 2 * 2


def test_a_package_is_asked_and_no_image_leaves_nothing(write_images, classifier_package, tmp_path):
    images = write_images("here", count=3)
    ask_sanity(classifier_package, images, tmp_path / "s" / FILE, cache=None)
    found = pd.read_csv(tmp_path / "s" / FILE)
    assert set(found["kind"]) == {FORGOTTEN, "noise", "shift"}
    assert found["share"].max() == 1
    assert (found.groupby(["kind", "share"]).size() == 3).all()
    ask_sanity(classifier_package, images, tmp_path / "t" / FILE, cache=None)
    pd.testing.assert_frame_equal(found, pd.read_csv(tmp_path / "t" / FILE))
    own = score_sanity([Asked(tmp_path / "s", "untrained")])["untrained"]
    assert not own["stays"]
