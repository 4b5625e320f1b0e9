"""Ranges of settings, checked where the settings are made; a message names key, range and value."""

import math

from isnet_cxr.data.errors import InputError


def require(
    key: str,
    value: float,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> None:
    """Refuse a value outside its range.

    Args:
        key: The setting's name.
        value: What it was set to.
        at_least: Smallest value allowed.
        above: All values must be greater.
        at_most: Largest value allowed.
        below: All values must be smaller.

    Raises:
        InputError: If the value is outside, or not a number.
    """
    bounds = []
    holds = not math.isnan(value)
    if at_least is not None:
        bounds.append(f"at least {at_least:g}")
        holds = holds and value >= at_least
    if above is not None:
        bounds.append(f"above {above:g}")
        holds = holds and value > above
    if at_most is not None:
        bounds.append(f"at most {at_most:g}")
        holds = holds and value <= at_most
    if below is not None:
        bounds.append(f"below {below:g}")
        holds = holds and value < below
    if not holds:
        raise InputError(f"{key}: expected {' and '.join(bounds)}, got {value!r}")
