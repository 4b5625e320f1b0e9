"""Model packages come back as they were, hold no pickles, and refuse what they are not."""

import pytest
import torch

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.package import (
    CARD,
    CONFIG,
    METRICS,
    WEIGHTS,
    Package,
    read_package,
    write_package,
)
from isnet_cxr.data.learning.seal import SEAL, read_seal

PACKAGE = Package(
    weights={"layer.weight": torch.arange(6.0).reshape(2, 3).t()},
    config={"kind": "thing", "sizes": [1, 2]},
    metrics={"score": 0.5},
    card="# Thing\n",
)


def test_a_package_comes_back_as_it_was(tmp_path):
    read = read_package(write_package(PACKAGE, tmp_path / "package"), kind="thing")
    torch.testing.assert_close(read.weights["layer.weight"], PACKAGE.weights["layer.weight"])
    assert (read.config, read.metrics, read.card) == (
        PACKAGE.config,
        PACKAGE.metrics,
        PACKAGE.card,
    )


def test_a_package_of_another_kind_is_refused(tmp_path):
    write_package(PACKAGE, tmp_path)
    with pytest.raises(ValueError, match="expected a package of kind 'other', got 'thing'"):
        read_package(tmp_path, kind="other")


def test_a_folder_without_weights_is_no_package(tmp_path):
    write_package(PACKAGE, tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(FileNotFoundError, match=f"no model package: {WEIGHTS} is missing"):
        read_package(tmp_path, kind="thing")


def test_files_that_lie_beside_are_sealed_and_hidden_ones_are_not(tmp_path):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "table.csv").write_text("a,b\n")
    (tmp_path / ".hidden").write_text("")
    write_package(PACKAGE, tmp_path)
    assert set(read_seal(tmp_path)) == {WEIGHTS, CONFIG, METRICS, CARD, "beside/table.csv"}
    (tmp_path / ".hidden").write_text("changed")
    read_package(tmp_path, kind="thing")
    (tmp_path / "beside" / "table.csv").write_text("a,c\n")
    with pytest.raises(InputError, match=r"table\.csv: damaged or changed"):
        read_package(tmp_path, kind="thing")


def test_the_same_package_is_written_the_same(tmp_path):
    for name in ("one", "two"):
        write_package(PACKAGE, tmp_path / name)
    assert (tmp_path / "one" / SEAL).read_bytes() == (tmp_path / "two" / SEAL).read_bytes()


def test_a_package_that_is_not_whole_has_no_weights(tmp_path, monkeypatch):
    """Whatever interrupts the writer: the weights are the last to appear."""

    def full(*_):
        raise OSError("no room")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="no room"):
        write_package(PACKAGE, tmp_path)
    assert not (tmp_path / WEIGHTS).exists()
