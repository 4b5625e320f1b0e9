"""Packages of every schema are read and predict what they did; others are refused in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from make_package import described

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.package import NUMBERS, TENSORS
from isnet_cxr.data.learning.package import (
    CONFIG,
    LUNGS,
    WEIGHTS,
    add_lungs,
    read_package,
    write_package,
)
from isnet_cxr.data.learning.seal import SEAL
from isnet_cxr.pipeline.errors import is_users, one_line
from isnet_cxr.pipeline.prediction.predictor import Predictor
from isnet_cxr.segmentation.segmenter import LungSegmenter

PACKAGES = Path(__file__).parent / "packages"
SCHEMAS = ("schema-1", "schema-2")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of the newest schema, to be changed."""
    return Path(shutil.copytree(PACKAGES / SCHEMAS[-1], tmp_path / "package"))


def refusal(package: Path) -> str:
    """Return the one line by which a package is refused."""
    with pytest.raises((InputError, FileNotFoundError)) as refused:
        Predictor.load(package)
    assert is_users(refused.value)
    assert "\n" not in one_line(refused.value)
    return one_line(refused.value)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_stored_package_predicts_what_it_did(schema):
    expected = json.loads((PACKAGES / f"{schema}.json").read_text())["images"]
    for one, stored in zip(described(PACKAGES / schema)["images"], expected, strict=True):
        np.testing.assert_allclose(one["probabilities"], stored["probabilities"], atol=1e-4)
        if stored["calibrated"] is not None:
            np.testing.assert_allclose(one["calibrated"], stored["calibrated"], atol=1e-4)
        assert (one["calibrated"] is None) == (stored["calibrated"] is None)
        assert one["inside"] == pytest.approx(stored["inside"], abs=0.01)
        assert one["lung_px"] == pytest.approx(stored["lung_px"], rel=0.02)
        assert (one["classes"], one["gate"]) == (stored["classes"], stored["gate"])


def test_calibrated_probabilities_keep_the_order_of_the_classes():
    one = described(PACKAGES / "schema-2")["images"][0]
    assert np.argsort(one["calibrated"]).tolist() == np.argsort(one["probabilities"]).tolist()
    assert one["calibrated"] != one["probabilities"]
    assert sum(one["calibrated"]) == pytest.approx(1, abs=1e-5)


def sealed_files() -> list[str]:
    newest = PACKAGES / SCHEMAS[-1]
    return [str(p.relative_to(newest)) for p in sorted(newest.rglob("*")) if p.is_file()]


@pytest.mark.parametrize("name", sealed_files())
def test_any_file_that_was_changed_cut_or_removed_is_named(package, name):
    path = package / name
    whole = path.read_bytes()
    turned = bytes([whole[len(whole) // 2] ^ 1])
    path.write_bytes(whole[: len(whole) // 2] + turned + whole[len(whole) // 2 + 1 :])
    assert str(path) in refusal(package)
    path.write_bytes(whole[: len(whole) // 2])
    assert str(path) in refusal(package)
    path.unlink()
    assert path.name in refusal(package)


def test_other_weights_of_the_right_shape_are_told_from_the_right_ones(package):
    from safetensors.numpy import load, save

    tensors = load((package / WEIGHTS).read_bytes())
    (package / WEIGHTS).write_bytes(save({name: value + 1 for name, value in tensors.items()}))
    said = refusal(package)
    assert "expected SHA-256 " in said
    assert ", got " in said


def test_a_later_schema_is_told(package):
    content = json.loads((package / SEAL).read_text())
    (package / SEAL).write_text(json.dumps(content | {"schema": 3}))
    assert "schema 3, expected at most 2: written by a later version" in refusal(package)


def test_a_later_schema_without_a_seal_is_told(package):
    (package / SEAL).unlink()
    config = yaml.safe_load((package / CONFIG).read_text())
    (package / CONFIG).write_text(yaml.safe_dump(config | {"schema": 3}))
    assert "schema 3, expected at most 2" in refusal(package)


@pytest.mark.parametrize("came", [[NUMBERS], [NUMBERS, TENSORS]])
def test_what_came_to_a_package_later_is_not_read(classifier_package, tmp_path, came):
    package = Path(shutil.copytree(classifier_package, tmp_path / "package"))
    for name in came:
        shutil.copy(PACKAGES / "schema-2" / name, package)
    assert "came to the package later" in refusal(package)


def test_lungs_that_came_later_are_not_used(classifier_package, tmp_path):
    package = Path(shutil.copytree(classifier_package, tmp_path / "package"))
    shutil.copytree(PACKAGES / "schema-2" / LUNGS, package / LUNGS)
    assert "came to the package later" in refusal(package)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_lungs_of_any_schema_are_added_and_sealed(classifier_package, tmp_path, schema):
    package = Path(shutil.copytree(classifier_package, tmp_path / "package"))
    for _ in range(2):  # as after an interruption
        add_lungs(package, PACKAGES / schema / LUNGS)
    assert Predictor.load(package).segmenter is not None
    weights = package / LUNGS / WEIGHTS
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert str(weights) in refusal(package)


def test_a_changed_package_is_not_sealed_anew(classifier_package, tmp_path):
    package = Path(shutil.copytree(classifier_package, tmp_path / "package"))
    (package / CONFIG).write_text((package / CONFIG).read_text() + "# changed\n")
    with pytest.raises(InputError, match=r"config\.yaml: damaged or changed"):
        add_lungs(package, PACKAGES / "schema-2" / LUNGS)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("kind", "lung-segmenter", "expected a package of kind 'classifier', got 'lung-segmenter'"),
        ("settings", None, "settings: expected dict, got NoneType"),
        ("classes", "covid", "classes: expected list, got str"),
        ("calibration", {"temperature": 0}, "calibration.temperature: expected a number from"),
        ("settings", {"method": "vit", "wrong": 1}, "settings.wrong"),
    ],
)
def test_a_configuration_that_is_no_classifiers_is_told(tmp_path, key, value, said):
    package = Path(shutil.copytree(PACKAGES / "schema-1", tmp_path / "package"))
    config = yaml.safe_load((package / CONFIG).read_text())
    (package / CONFIG).write_text(yaml.safe_dump(config | {key: value}))
    assert said in refusal(package)


@pytest.mark.parametrize("key", ["network", "preprocessing", "threshold", "test_time_mirror"])
def test_a_configuration_that_is_no_segmenters_is_told(tmp_path, key):
    package = Path(shutil.copytree(PACKAGES / "schema-1" / LUNGS, tmp_path / "package"))
    config = yaml.safe_load((package / CONFIG).read_text())
    del config[key]
    (package / CONFIG).write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match=f"{key}: expected"):
        LungSegmenter.load(package)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', "\0", '{"schema": true}'])
def test_a_damaged_seal_is_told(package, content):
    (package / SEAL).write_text(content)
    assert str(package / SEAL) in refusal(package)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_a_seal_names_nothing_outside(package, name):
    content = json.loads((package / SEAL).read_text())
    content["files"][name] = {"sha256": "0", "bytes": 1}
    (package / SEAL).write_text(json.dumps(content))
    assert "names a file outside the package" in refusal(package)


def test_the_stored_packages_are_small():
    for schema in SCHEMAS:
        files = [path for path in (PACKAGES / schema).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 100_000


def test_a_segmenter_written_into_a_package_is_sealed_with_it(classifier_package, tmp_path):
    package = Path(shutil.copytree(classifier_package, tmp_path / "package"))
    lungs = read_package(PACKAGES / "schema-2" / LUNGS, kind="lung-segmenter")
    write_package(lungs, package / LUNGS)
    assert Predictor.load(package).segmenter is not None
