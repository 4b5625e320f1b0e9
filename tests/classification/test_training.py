"""Training on small images: it learns, resumes exactly, refuses bad rows, keeps its package."""

import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from isnet_cxr.classification.batches import ImageRows, as_batch
from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.baseline import Baseline
from isnet_cxr.classification.methods.exchange import ExchangeSettings
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.classification.training import train_classifier
from isnet_cxr.data.learning.cache import PreparedImages
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.manifests.manifest import COLUMNS, validate
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.writers import write_mask, write_png
from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier

CLASSES = ["normal", "covid"]
SETTINGS = ClassifierSettings(
    method="isnet",
    preprocessing=Preprocessing(size_px=32, exposure="none"),
    epochs=2,
    batch_size=8,
    method_settings=IsnetSettings(calibration_epochs=1),
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """Images of two discs, the lungs; one class has bright lungs."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    rows_, columns = np.mgrid[:32, :32]
    mask = (np.hypot(rows_ - 16, columns - 9) < 6) | (np.hypot(rows_ - 16, columns - 23) < 6)
    write_mask(mask.astype(np.uint8), folder / "mask.png")
    rows = []
    for number in range(48):
        label = CLASSES[number % 2]
        image = 0.6 + 0.1 * generator.random((32, 32))
        image[mask] -= 0.3 if label == "normal" else 0.1
        path = folder / f"{number}.png"
        write_png(np.rint(255 * image).astype(np.uint8), path)
        rows.append(
            {
                "image_id": image_id(image[None].astype(np.float32)),
                "path": str(path),
                "dataset": "made",
                "site": "made",
                "patient_id": f"made/{number:012x}",
                "label": label,
                "height_px": 32,
                "width_px": 32,
                "split": "train" if number < 32 else "val",
                "lung_mask": str(folder / "mask.png"),
            }
        )
    frame = pd.DataFrame(rows)
    for name, column in COLUMNS.items():
        if name not in frame:
            frame[name] = column.default
    return validate(frame)


def train(manifest, out, settings=SETTINGS, **options):
    return train_classifier(
        manifest, settings, out, classes=CLASSES, seed=3, cache=None, progress=False, **options
    )


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    return train(manifest, out)


def of_method(method: str, **options) -> ClassifierSettings:
    """The settings with another method, whose own are its defaults unless they are given."""
    own = SETTINGS.method_settings if method == "isnet" else None
    return replace(SETTINGS, method=method, **{"method_settings": own, **options})


def weights(package):
    return Classifier.load(package).network.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    ["baseline", "masked_input", "exchange", "isnet", "rrr", "group_dro", "actdiff",
     "energy_pointing", "gradient_input", "corm", "gain", "multitask", "sononet", "ham", "vit"],
)  # fmt: skip
def test_every_method_learns(manifest, tmp_path, method):
    settings = of_method(method, epochs=8)
    if method == "isnet":  # with the published weight it has not begun to learn the class by then
        own = replace(settings.method_settings, weight_start=0.2, weight_end=0.3)
        settings = replace(settings, method_settings=own, epochs=12)
    two_hospitals = manifest.assign(site=["east", "east", "west", "west"] * 12)
    package = train(two_hospitals, tmp_path, settings)
    predictions = evaluate_classifier(package, manifest, cache=None, progress=False)
    assert (predictions["predicted"] == predictions["label"]).mean() > 0.9
    assert predictions["relevance_inside_lungs"].between(0, 1).all()
    heatmaps = "input x gradient" if method in {"ham", "vit"} else "relevance (LRP)"
    assert f"Heatmaps: {heatmaps}" in (package / "model-card.md").read_text()


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(manifest, trained, tmp_path):
    class Killed(Exception):  # noqa: N818
        pass

    def kill(epoch: int, metrics: dict[str, float]) -> None:
        if epoch == 1:
            raise Killed

    with pytest.raises(Killed):
        train(manifest, tmp_path, on_epoch=kill)
    resumed = weights(train(manifest, tmp_path))
    for name, value in weights(trained).items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_a_finished_training_is_not_repeated(manifest, trained):
    def fail(epoch: int, metrics: dict[str, float]) -> None:
        raise AssertionError("trained again")

    assert train(manifest, trained.parent, on_epoch=fail) == trained


def test_another_training_does_not_overwrite_the_one_begun(manifest, trained):
    with pytest.raises(ValueError, match="settings of the training begun there differ"):
        train(manifest, trained.parent, replace(SETTINGS, epochs=3))


def test_the_package_holds_what_rebuilds_the_classifier(manifest, trained):
    classifier = Classifier.load(trained)
    assert classifier.settings == SETTINGS
    assert classifier.classes == CLASSES
    card = (trained / "model-card.md").read_text()
    assert "not a medical device" in card
    assert "made/" not in card
    assert json.loads((trained / "metrics.json").read_text())["foreground_range"][0] > 0


def test_explaining_does_not_change_predictions(manifest, trained):
    classifier = Classifier.load(trained)
    images = np.random.default_rng(0).integers(256, size=(5, 32, 32), dtype=np.uint8)
    before = classifier.predict(images)
    explanation = classifier.explain(images, explained="covid")
    np.testing.assert_allclose(explanation.probabilities, before, atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(images), before)
    assert np.isnan(explanation.share_inside_lungs).all()
    assert (explanation.explained == CLASSES.index("covid")).all()


def test_the_class_to_explain_must_exist(trained):
    images = np.zeros((1, 32, 32), np.uint8)
    with pytest.raises(ValueError, match="unknown class 'flu'"):
        Classifier.load(trained).explain(images, explained="flu")


def test_an_unknown_label_names_the_image_and_the_classes(manifest, tmp_path):
    wrong = manifest.copy()
    wrong.loc[5, "label"] = "flu"
    with pytest.raises(ValueError, match=rf"image {wrong['image_id'][5]} has the unknown class"):
        train(wrong, tmp_path)


def test_an_image_without_label_is_refused(manifest, tmp_path):
    wrong = manifest.copy()
    wrong.loc[5, "label"] = ""
    with pytest.raises(ValueError, match="has no label: expected one of"):
        train(wrong, tmp_path)


@pytest.mark.parametrize("method", ["masked_input", "exchange", "isnet"])
def test_what_reads_masks_needs_masks_that_are_not_empty(manifest, tmp_path, method):
    settings = of_method(method)
    bare = manifest.copy()
    bare.loc[2, "lung_mask"] = ""
    with pytest.raises(ValueError, match="needs a lung mask for every image: 1 of split 'train'"):
        train(bare, tmp_path / "bare", settings)
    write_mask(np.zeros((32, 32), np.uint8), tmp_path / "empty.png")
    empty = manifest.copy()
    empty.loc[2, "lung_mask"] = str(tmp_path / "empty.png")
    with pytest.raises(ValueError, match="1 lung masks of split 'train' are empty"):
        train(empty, tmp_path / "empty", settings)


def test_exchange_differs_from_the_baseline_by_the_backgrounds_alone(manifest, tmp_path):
    def trained_by(settings: ClassifierSettings, name: str) -> dict[str, torch.Tensor]:
        return weights(train(manifest, tmp_path / name, settings))

    baseline = trained_by(of_method("baseline"), "baseline")
    nothing, all_of_it = (
        trained_by(of_method("exchange", method_settings=ExchangeSettings(share=share)), str(share))
        for share in (0.0, 1.0)
    )
    for name, weight in nothing.items():
        torch.testing.assert_close(weight, baseline[name], rtol=0, atol=0)
    assert any(not weight.equal(baseline[name]) for name, weight in all_of_it.items())


def test_a_method_registered_elsewhere_is_trained(manifest, tmp_path):
    seen = []

    class CountsGroups(Baseline):
        def build(self, setup):
            seen.append(setup.groups)
            return super().build(setup)

    METHODS.register("counts_groups", CountsGroups())
    package = train(manifest, tmp_path, of_method("counts_groups"))
    assert seen == [2]  # two classes of one hospital
    assert Classifier.load(package).settings.method == "counts_groups"


def test_batches_know_the_group_of_every_image():
    labels = np.asarray([0, 1, 1], dtype=np.int64)
    pixels = np.zeros((3, 8, 8), np.uint8)
    images = PreparedImages(pixels, pixels, pd.DataFrame(index=range(3)), [])
    rows = ImageRows(images, labels, groups=np.asarray([0, 2, 3], dtype=np.int64))
    assert as_batch(rows[[2, 0]]).groups.tolist() == [3, 0]


def test_the_best_epoch_is_counted_from_one(manifest, trained):
    lines = [
        json.loads(line) for line in (trained.parent / "epochs.jsonl").read_text().splitlines()
    ]
    best = min(range(len(lines)), key=lambda n: lines[n]["val_loss"])
    assert json.loads((trained / "metrics.json").read_text())["best_epoch"] == best + 1
    assert f"best_epoch: {best + 1}" in (trained / "model-card.md").read_text()


def test_other_users_may_read_the_weights(trained):
    mask = os.umask(0)
    os.umask(mask)
    assert (trained / "weights.safetensors").stat().st_mode & 0o777 == 0o666 & ~mask


def test_images_without_lungs_are_trained_on_when_asked(manifest, tmp_path):
    bare = manifest.copy()
    bare.loc[[2, 40], "lung_mask"] = ""
    isnet = IsnetSettings(empty_masks="skip", foreground_range=(1.0, 25.0))
    package = train(bare, tmp_path, replace(SETTINGS, method_settings=isnet))
    assert json.loads((package / "metrics.json").read_text())["best_val_heatmap_loss"] > 0


@pytest.mark.parametrize("explained", ["dual", "all"])
def test_every_supervised_layer_keeps_a_range_of_its_own(manifest, tmp_path, explained):
    layers = ("3", "10")
    isnet = replace(
        SETTINGS.method_settings,
        target_class=explained,
        attribution_target="logit",
        deep_layers=layers,
    )
    package = train(manifest, tmp_path, replace(SETTINGS, method_settings=isnet))
    measured = json.loads((package / "metrics.json").read_text())
    ranges = [measured["foreground_range"], *measured["deep_foreground_ranges"].values()]
    assert list(measured["deep_foreground_ranges"]) == list(layers)
    assert all(0 < low < high for low, high in ranges)
    assert len({low for low, _ in ranges}) == 3
    assert Classifier.load(package).settings.method_settings == isnet


def test_a_layer_that_cannot_be_supervised_is_named_before_anything_is_trained(manifest, tmp_path):
    isnet = replace(SETTINGS.method_settings, deep_layers=("nothing",))
    with pytest.raises(ValueError, match="no layer 'nothing', its layers are 0, 1,"):
        train(manifest, tmp_path, replace(SETTINGS, method_settings=isnet))
    assert not (tmp_path / "first-stage").exists()


def test_a_missing_split_and_a_class_without_image_are_refused(manifest, tmp_path):
    with pytest.raises(ValueError, match="training needs rows of split 'val'"):
        train(manifest[manifest["split"] == "train"], tmp_path / "a")
    one = manifest[(manifest["split"] == "val") | (manifest["label"] == "normal")]
    with pytest.raises(ValueError, match="class 'covid' has no image of split 'train'"):
        train(one, tmp_path / "b")


def test_the_package_holds_gate_statistics_of_the_images_without_planted_marks(
    manifest, tmp_path, monkeypatch
):
    from isnet_cxr.data.gate import statistics
    from isnet_cxr.data.gate.package import read_gate

    monkeypatch.setattr(statistics, "FEWEST_TRAINING", 8)
    settings = replace(SETTINGS, method="baseline", method_settings=None, epochs=1)
    found = {}
    for bias in (None, "corners"):
        own = replace(settings, bias=bias)
        package = train_classifier(
            manifest, own, tmp_path / str(bias), classes=CLASSES, seed=0, cache=None, progress=False
        )
        found[bias] = read_gate(package)
    assert found[None].images[1] == 16
    assert found["corners"].thresholds == found[None].thresholds
