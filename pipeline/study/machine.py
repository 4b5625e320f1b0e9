"""What a study uses of the machine it runs on."""

import os

MAX_WORKERS = 4


def number_of_workers() -> int:
    """Return how many processes read images."""
    return min(MAX_WORKERS, os.cpu_count() or 1)


def automatic_device() -> str:
    """Return where networks run: "cuda" where there is one, "cpu" otherwise."""
    import torch  # not for every command

    return "cuda" if torch.cuda.is_available() else "cpu"
