"""Messages about names that are not known, with the one that was probably meant."""

import difflib
from collections.abc import Iterable


def name_unknown(kind: str, unknown: Iterable[str], known: Iterable[str]) -> str:
    """Return one line such as ``unknown column 'pth' (did you mean 'path'?)``.

    Args:
        kind: What the names are, in the singular.
        unknown: The names that came, at least one.
        known: The names that are allowed, which the message lists.
    """
    choices = list(known)
    named = []
    for name in unknown:
        close = difflib.get_close_matches(name.lower(), choices, n=1)
        named.append(f"{name!r} (did you mean {close[0]!r}?)" if close else repr(name))
    return f"unknown {kind} {', '.join(named)}; known: {', '.join(choices)}"
