"""Films with another film's background: the lungs keep what they show, the rest says nothing."""

import torch
from torch import Tensor


def mix_backgrounds(
    films: Tensor, masks: Tensor, *, share: float, generator: torch.Generator
) -> Tensor:
    """Give some films of a batch the background of another one.

    Args:
        films: (B, 1, H, W).
        masks: 1 in the lungs, 0 outside, (B, 1, H, W).
        share: Chance of each film, in [0, 1]; a film without lung pixels is left alone.
        generator: Source of all randomness, on the CPU.

    Returns:
        Films, (B, 1, H, W); pixels inside each film's own mask are its own.
    """
    count = len(films)
    if count < 2 or share <= 0:  # noqa: PLR2004  a film alone has no other
        return films
    chosen = (torch.rand(count, generator=generator) < share).to(films.device)
    chosen &= masks.flatten(1).sum(dim=1) > 0
    step = int(torch.randint(1, count, (1,), generator=generator))
    others = films.roll(step, dims=0)
    return torch.where((chosen[:, None, None, None]) & (masks == 0), others, films)
