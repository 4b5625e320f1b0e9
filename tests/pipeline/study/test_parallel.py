"""Jobs run in processes of their own, errors come back, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests_jobs import (  # beside this file, see conftest
    chat,
    crash,
    die,
    mistake,
    sleep_and_tell,
    tell_waiting,
    tell_what_is_blocked,
)

from isnet_cxr.pipeline.study.parallel import run_jobs

pytestmark = pytest.mark.slow  # processes are spawned


def ignore(_job, _kind, _content):
    pass


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pid: int) -> bool:
    until = time.monotonic() + 60
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.1)
    return not is_alive(pid)


def test_every_message_of_every_job_arrives_in_order():
    heard = {}
    run_jobs(
        chat,
        ["a", "b", "c"],
        at_once=2,
        on_message=lambda job, kind, content: heard.setdefault(job, []).append((kind, content)),
    )
    assert heard == {job: [("epoch", (n, {"loss": n / 2})) for n in range(3)] for job in "abc"}


def test_wrong_input_in_a_job_is_the_users_error():
    with pytest.raises(ValueError, match=r"^manifest: unknown column 'x'"):
        run_jobs(mistake, [1], at_once=1, on_message=ignore)


def test_a_bug_in_a_job_brings_its_traceback():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_jobs(crash, [1], at_once=1, on_message=ignore)


def test_threads_of_a_job_do_not_spin_while_they_wait(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    heard = []
    run_jobs(tell_waiting, [1], at_once=1, on_message=lambda *message: heard.append(message[2]))
    assert heard == ["PASSIVE"]


def test_a_process_that_dies_is_noticed():
    with pytest.raises(RuntimeError, match="exit code 7"):
        run_jobs(die, [1], at_once=1, on_message=ignore)


def test_a_failing_job_stops_the_others():
    pids = []

    def hear(_job, _kind, content):
        pids.append(content)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(sleep_and_tell, [1, 2], at_once=2, on_message=hear)
    assert all(wait_until_gone(pid) for pid in pids)


def test_jobs_do_not_hear_ctrl_c_which_a_terminal_sends_to_all():
    heard = []
    run_jobs(tell_what_is_blocked, [1], at_once=1, on_message=lambda *told: heard.append(told[2]))
    assert heard == [[int(signal.SIGINT)]]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_jobs_end_when_their_study_is_killed():
    script = (
        "from isnet_cxr.pipeline.study.parallel import run_jobs\n"
        "from tests_jobs import sleep_and_tell\n"
        "if __name__ == '__main__':\n"
        "    run_jobs(sleep_and_tell, [1], at_once=1,\n"
        "             on_message=lambda j, k, content: print(content, flush=True))\n"
    )
    folder = Path(__file__).parent
    study = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert study.stdout is not None
    pid = int(study.stdout.readline())
    study.kill()
    study.wait()
    study.stdout.close()
    assert wait_until_gone(pid)
