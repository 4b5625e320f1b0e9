"""What a study uses of the machine it runs on."""

import os

MAX_WORKERS = 4


def number_of_workers() -> int:
    """Return how many processes read images."""
    return min(MAX_WORKERS, os.cpu_count() or 1)


def automatic_device() -> str:
    """Return where networks run: "cuda" where there is one, "cpu" otherwise."""
    from isnet_cxr.pipeline.prediction.device import choose_device  # torch: not for every command

    return str(choose_device("auto"))
