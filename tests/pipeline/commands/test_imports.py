"""The garbage collector is off while modules are imported, and on again whatever happens."""

import gc

import pytest

from isnet_cxr.pipeline.commands.imports import imports_uncollected


def test_collector_is_off_inside_and_on_afterwards() -> None:
    with imports_uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_collector_is_on_again_after_an_error() -> None:
    with pytest.raises(ImportError), imports_uncollected():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with imports_uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
