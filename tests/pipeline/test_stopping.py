"""Ctrl-C is told in one line, whatever fails while the work is being ended."""

import signal
import subprocess
import sys
import time

import pytest

from isnet_cxr.pipeline.stopping import is_stopped

PATIENCE_S = 180
"""Longer than a machine with much else to do takes."""

HEEDED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
"""The tests may be a background job, which ignores Ctrl-C; what it starts would inherit that."""

MAIN = f"{HEEDED}from isnet_cxr.pipeline.cli import main; main()"

FAILING_THREAD = (
    HEEDED
    + """
import threading
import time
from isnet_cxr.pipeline import cli

@cli.app.command("wait")
def wait():
    ending = threading.Event()

    def fail():
        ending.wait({patience})
        raise KeyError("of a library's thread")

    thread = threading.Thread(target=fail)
    thread.start()
    print("waits", flush=True)
    try:
        time.sleep({patience})
    finally:
        ending.set()
        thread.join()

cli.main()
"""
)
"""A command whose thread fails when it is ended, or after so many seconds."""


def test_an_error_that_comes_up_while_work_is_ended_is_ctrl_c():
    def fails_while_ending():
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("cannot join thread before it is started")

    with pytest.raises(RuntimeError) as raised:
        fails_while_ending()
    assert is_stopped(raised.value)
    assert not is_stopped(RuntimeError("by itself"))


def test_what_fails_in_a_thread_after_ctrl_c_is_not_told():
    with started(FAILING_THREAD.format(patience=60), "wait") as running:
        assert running.stdout.readline() == "waits\n"
        code, said = stop(running)
    assert code == 130, said
    assert said == "isnet-cxr: stopped; the same command begins anew\n"


def test_what_fails_in_a_thread_without_ctrl_c_keeps_its_traceback():
    command = [sys.executable, "-c", FAILING_THREAD.format(patience=0), "wait"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "KeyError" in ended.stderr


IS_IGNORED = """
import signal
from isnet_cxr.pipeline.stopping import quiet_threads

quiet_threads()
print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
"""


def test_ctrl_c_stays_ignored_where_it_is_ignored():
    in_background = 'trap "" INT; exec "$0" -c "$1"'  # as a script's background jobs have it
    command = ["sh", "-c", in_background, sys.executable, IS_IGNORED]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"True\n"


@pytest.mark.slow
def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path):
    with started(MAIN, "demo", "--out", str(tmp_path / "out")) as running:
        deadline = time.monotonic() + PATIENCE_S
        while not (tmp_path / "out" / "manifests").is_dir() and time.monotonic() < deadline:
            time.sleep(0.1)
        code, said = stop(running)
    assert code == 130, said
    assert said.strip().splitlines()[-1] == (
        "isnet-cxr: stopped; the same command goes on from here"
    )
    assert "Traceback" not in said


def started(script, *words):
    """Run a script with these words after it."""
    command = [sys.executable, "-c", script, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop(running):
    """Send Ctrl-C; return the exit code and what was said on standard error."""
    running.send_signal(signal.SIGINT)
    try:
        _, said = running.communicate(timeout=PATIENCE_S)
    finally:
        running.kill()
    return running.returncode, said
