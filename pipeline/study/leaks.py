"""Leaks stop a study before anything is trained, unless its file allows them by name."""

from collections.abc import Sequence

import pandas as pd

from isnet_cxr.data.audit import Leak, find_leaks
from isnet_cxr.data.audit.leaks import roles_of
from isnet_cxr.data.errors import InputError


def refuse_leaks(
    development: pd.DataFrame,
    external: dict[str, pd.DataFrame],
    copies: pd.DataFrame | None,
    *,
    allowed: Sequence[str],
) -> tuple[Leak, ...]:
    """Return the leaks that are allowed.

    Args:
        development: Images classifiers are made from, split.
        external: Images of each external test.
        copies: Pairs of images that are one, where they were looked for.
        allowed: Names of leaks, see ``isnet_cxr.data.audit.leak_names``.

    Raises:
        InputError: If there is another; names the first, and what would allow them all.
    """
    leaks = find_leaks(roles_of(development, external), copies)
    if refused := [leak for leak in leaks if leak.name not in allowed]:
        names = ", ".join(f'"{leak.name}"' for leak in refused)
        first = refused[0]
        raise InputError(
            f"leak: {first.count} {first.name}; remove them, or go on nevertheless with "
            f"allow_leaks: [{names}]"
        )
    return tuple(leaks)
