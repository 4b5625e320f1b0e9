"""Registries and extensions."""

import sys

import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.registry import Registry, load_extensions


def test_a_registry_keeps_the_order_of_registration():
    registry = Registry("method")
    for name in ("b", "a"):
        registry.register(name, name.upper())
    assert dict(registry) == {"b": "B", "a": "A"}


def test_an_unknown_name_is_the_users_mistake_and_gets_the_nearest_one():
    registry = Registry("method")
    registry.register("baseline", object())
    with pytest.raises(InputError, match=r"method.*baselin.*baseline"):
        registry["baselin"]


def test_a_name_is_registered_once():
    registry = Registry("method")
    entry = registry.register("baseline", object())
    registry.register("baseline", entry)  # a module that is imported twice
    with pytest.raises(ValueError, match="registered already"):
        registry.register("baseline", object())


def test_an_extension_is_a_file_or_a_module(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "added_by_test.py").write_text("VALUE = 3\n")
    load_extensions([str(tmp_path / "added_by_test.py")])
    assert sys.modules.pop("added_by_test").VALUE == 3


def test_a_missing_extension_is_one_line():
    with pytest.raises(InputError, match=r"extension 'no_such_module_x'"):
        load_extensions(["no_such_module_x"])
    with pytest.raises(InputError, match="no such file"):
        load_extensions(["no/such/file.py"])
