"""Where objects are sent: a DICOM node, or a DICOMweb service."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from isnet_cxr.data.errors import InputError

TITLE = r"(?P<title>[!-?A-\[\]-~]{1,16})"
HOST = r"(?P<host>\[[0-9a-fA-F:.]+\]|[^@:/\s]+)"
NODE = re.compile(rf"{TITLE}@{HOST}:(?P<port>[0-9]{{1,5}})")
LARGEST_PORT = 65535
EXPECTED = "expected AET@host:port, or http(s)://host/dicom-web"


@dataclass(frozen=True)
class Node:
    """A DICOM node that takes objects by C-STORE.

    Attributes:
        title: Its application entity's title.
        host: Name or address.
        port: 1 to 65535.
    """

    title: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it was typed."""
        return f"{self.title}@{self.host}:{self.port}"


@dataclass(frozen=True)
class Service:
    """A DICOMweb service that takes objects by STOW-RS.

    Attributes:
        url: Of the service, without the part ``/studies``.
    """

    url: str

    def __str__(self) -> str:
        """Return it as it was typed."""
        return self.url


def read_address(text: str) -> Node | Service:
    """Read an address as a user types it.

    Raises:
        InputError: If it is neither.
    """
    if text.startswith(("http://", "https://")):
        return _service(text)
    found = NODE.fullmatch(text)
    if not found or not 1 <= int(found["port"]) <= LARGEST_PORT:
        raise InputError(f"{text}: no address, {EXPECTED}")
    return Node(found["title"], found["host"].strip("[]"), int(found["port"]))


def _service(text: str) -> Service:
    parts = urlsplit(text)
    if not parts.hostname:
        raise InputError(f"{text}: no host in this address, {EXPECTED}")
    if parts.username or parts.password:
        raise InputError(
            f"{parts.hostname}: a name or password in the address would be kept in lists and logs; "
            "write them into ~/.netrc"
        )
    return Service(text.rstrip("/"))
