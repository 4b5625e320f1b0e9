"""What the jobs of ``test_parallel`` do: a spawned process must find them by import."""

import os
import signal
import time


def chat(_job, tell):
    for number in range(3):
        tell("epoch", (number, {"loss": number / 2}))


def mistake(_job, _tell):
    import pandas as pd

    from isnet_cxr.data.manifests.manifest import validate

    validate(pd.DataFrame({"x": [1]}))


def crash(_job, _tell):
    _ = 1 / 0


def tell_waiting(_job, tell):
    tell("policy", os.environ.get("OMP_WAIT_POLICY"))


def die(_job, _tell):
    os._exit(7)


def sleep_and_tell(_job, tell):
    tell("pid", os.getpid())
    time.sleep(300)


def tell_what_is_blocked(_job, tell):
    tell("blocked", sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))
