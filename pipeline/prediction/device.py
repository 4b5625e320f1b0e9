"""The device a command runs on."""

import torch

from isnet_cxr.data.errors import InputError


def choose_device(name: str) -> torch.device:
    """Return the device of this name; "auto" takes the GPU where there is one.

    Raises:
        InputError: If there is no such device on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise InputError(
            f"device {name!r} is unknown or not on this machine, expected auto, cpu or cuda"
        ) from None
    return device
