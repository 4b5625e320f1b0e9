"""Gate statistics come back from a package as they were, or it is said what is wrong."""

import json

import numpy as np
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.package import NUMBERS, TENSORS, read_gate, write_gate


def test_they_come_back_as_they_were(statistics, external, tmp_path):
    write_gate(statistics, tmp_path)
    again = read_gate(tmp_path)
    assert (again.thresholds, again.images) == (statistics.thresholds, statistics.images)
    for image, mask in zip(*external, strict=True):
        assert again.scores(image, mask) == statistics.scores(image, mask)
    assert (tmp_path / TENSORS).stat().st_mode & 0o777 == (
        tmp_path / NUMBERS
    ).stat().st_mode & 0o777


def test_a_package_without_them_has_none(tmp_path):
    assert read_gate(tmp_path) is None


@pytest.mark.parametrize("name", [NUMBERS, TENSORS])
def test_half_of_them_or_damaged_ones_are_told(statistics, tmp_path, name):
    write_gate(statistics, tmp_path)
    (tmp_path / name).write_bytes(b"x" * 10)
    with pytest.raises(InputError, match="damaged"):
        read_gate(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match="missing"):
        read_gate(tmp_path)


def test_another_version_is_told(statistics, tmp_path):
    write_gate(statistics, tmp_path)
    content = json.loads((tmp_path / NUMBERS).read_text())
    (tmp_path / NUMBERS).write_text(json.dumps(content | {"version": 99}))
    with pytest.raises(InputError, match="version 99, expected 1"):
        read_gate(tmp_path)


def test_tensors_of_another_shape_are_told(statistics, tmp_path):
    from safetensors.numpy import load_file, save_file

    write_gate(statistics, tmp_path)
    tensors = load_file(tmp_path / TENSORS)
    save_file(tensors | {"whole.mean": np.zeros(7, np.float32)}, tmp_path / TENSORS)
    with pytest.raises(InputError, match="shapes do not fit"):
        read_gate(tmp_path)
