"""The garbage collector is off while modules are imported, and on again whatever happens."""

import gc
import subprocess
import sys

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


def test_what_is_left_at_the_end_of_the_program_is_not_collected():
    """Objects in a cycle, made by a command, are not finalised by a last collection."""
    code = (
        "import sys\n"
        "class Ring:\n"
        "    def __init__(self): self.ring = self\n"
        "    def __del__(self): print('collected')\n"
        "from isnet_cxr.pipeline import cli\n"
        "sys.argv = ['isnet-cxr', '--version']\n"
        "kept = Ring()\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("isnet-cxr ")
    assert "collected" not in ended.stdout
