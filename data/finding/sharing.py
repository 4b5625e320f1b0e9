"""Shares of what was found, for jobs that run beside each other and do not know of one another.

Which share a file falls into is decided by its place below the input alone, so that all jobs agree
on it, new files move no other, and every file is in exactly one share.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding.found import Findings, Found

MAX_SHARDS = 100_000


@dataclass(frozen=True)
class Shard:
    """One share of several.

    Attributes:
        number: Which, from 1.
        of: How many there are.
    """

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "2/8".

        Raises:
            InputError: If it is no share.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip(), re.ASCII)
        number, of = (int(part) for part in found.groups()) if found else (0, 0)
        if not 1 <= number <= of <= MAX_SHARDS:
            raise InputError(
                f"shard: expected a number and how many there are, as 1/8 to 8/8, got {text!r}"
            )
        return cls(number, of)

    def __str__(self) -> str:
        """Return it as ``parse`` reads it."""
        return f"{self.number}/{self.of}"

    def takes(self, one: Found) -> bool:
        """Claim that a file is in this share."""
        place = "\0".join([*one.path.parts[-one.depth :], one.member, str(one.index)])
        digest = hashlib.blake2b(place.encode(errors="surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest) % self.of == self.number - 1

    def share(self, found: Findings) -> Findings:
        """Return this share of everything found, images and others."""
        return Findings(self._own(found.images), self._own(found.failed), self._own(found.ignored))

    def _own(self, files: Sequence[Found]) -> list[Found]:
        return [one for one in files if self.takes(one)]
