"""Randomness that depends on a key alone, so that a resumed training is the uninterrupted one."""

import numpy as np
import torch


def seeded_generator(*key: int) -> torch.Generator:
    """Return a CPU generator whose state depends on ``key`` alone, as in (seed, epoch, step)."""
    words = np.random.SeedSequence(key).generate_state(2)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
