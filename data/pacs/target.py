"""What objects can be sent to."""

from typing import Protocol

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.pacs.files import Stored


class UnreachableError(InputError):
    """Nobody takes objects at an address; says why, without the address."""


class Target(Protocol):
    """An address that takes objects."""

    def send(self, one: Stored) -> str:
        """Send an object; return why it was not taken, or nothing.

        Raises:
            UnreachableError: If the address does not answer any more.
        """
