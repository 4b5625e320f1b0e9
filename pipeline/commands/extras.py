"""Libraries that come with an extra alone: what needs them says how they are installed."""

from collections.abc import Sequence
from importlib.util import find_spec

from isnet_cxr.data.errors import InputError


def require(what: str, modules: Sequence[str], *, extra: str) -> None:
    """Say that a library is missing before anything is done.

    Args:
        what: Needs them, as the user typed it.
        modules: Names of modules.
        extra: Of this package, which installs them.

    Raises:
        InputError: If one is missing.
    """
    if missing := [name for name in modules if find_spec(name) is None]:
        raise InputError(
            f"{what} needs {' and '.join(missing)}, not installed: pip install 'isnet-cxr[{extra}]'"
        )
