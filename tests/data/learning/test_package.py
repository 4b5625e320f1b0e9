"""Model packages come back as they were, hold no pickles, and refuse what they are not."""

import pytest
import torch

from isnet_cxr.data.learning.package import WEIGHTS, Package, read_package, write_package

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
