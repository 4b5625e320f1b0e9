"""A network of the user's own, named by its import path, with weights of their own."""

import sys

import pytest
import torch
from safetensors.torch import save_file

from isnet_cxr.classification.networks import build_network, check_network
from isnet_cxr.data.errors import InputError

SOURCE = """
from torch import nn


def small(*, classes):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


def wide(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2 * classes))


def fails(*, classes):
    return {}["nothing"]


def smooth(*, classes):
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, classes))


class Pair(nn.Module):
    def forward(self, images):
        return images, images


def pair(*, classes):
    return Pair()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "hospital_networks.py").write_text(SOURCE)
    (tmp_path / "hospital_broken.py").write_text("def small(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "hospital_networks"
    sys.modules.pop("hospital_networks", None)


def test_it_is_built_with_seeded_weights(module):
    one, same, other = (
        build_network(f"{module}:small", classes=3, seed=seed).state_dict()["0.weight"]
        for seed in (1, 1, 2)
    )
    assert one.equal(same)
    assert not one.equal(other)


def test_its_weights_come_from_a_file_and_must_fit(module, tmp_path):
    given = build_network(f"{module}:small", classes=3, seed=5)
    save_file(given.state_dict(), tmp_path / "w.safetensors")
    weights = str(tmp_path / "w.safetensors")
    loaded = build_network(f"{module}:small", classes=3, seed=0, weights=weights)
    torch.testing.assert_close(loaded.state_dict(), given.state_dict())
    check_network(f"{module}:small", classes=3, size_px=8, weights=weights)
    with pytest.raises(InputError, match=r"network_weights.*does not fit"):
        check_network(f"{module}:small", classes=2, size_px=8, weights=weights)
    (tmp_path / "w.safetensors").write_bytes(b"torn off")
    with pytest.raises(InputError, match=r"network_weights.*no safetensors file"):
        check_network(f"{module}:small", classes=3, size_px=8, weights=weights)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module_x:small", "cannot be imported"),
        ("hospital_networks:smal", "no callable 'smal'"),
        ("hospital_networks:wide", r"to \(2, 6\), expected \(2, 3\)"),
        ("hospital_networks:fails", "KeyError: 'nothing'"),
        ("hospital_networks:smooth", "cannot be explained: .*GELU, which relevance cannot pass"),
        ("hospital_networks:pair", r"to tuple, expected \(2, 3\)"),
        ("hospital_broken:small", "cannot be imported: SyntaxError"),
    ],
)
def test_what_cannot_be_had_is_found_before_anything_runs(module, name, said):
    with pytest.raises(InputError, match=said):
        check_network(name, classes=3, size_px=8)


def test_a_package_does_not_make_us_import_what_the_user_has_not(module):
    with pytest.raises(InputError, match="name its module as an extension"):
        build_network(f"{module}:small", classes=3, seed=0, trusted=False)
    __import__(module)
    build_network(f"{module}:small", classes=3, seed=0, trusted=False)
