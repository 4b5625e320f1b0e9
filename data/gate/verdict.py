"""What the gate says of an image: a frontal chest radiograph, doubtful, or refused; and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Name = Literal["frontal chest", "doubtful", "refused"]
FRONTAL: Name = "frontal chest"
DOUBTFUL: Name = "doubtful"
REFUSED: Name = "refused"


@dataclass(frozen=True)
class Finding:
    """One thing that speaks against an image.

    Attributes:
        verdict: What it alone would make of the image: ``doubtful`` or ``refused``.
        reason: In words; nothing of it was read as text from a file.
    """

    verdict: Name
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gate made of an image.

    Attributes:
        name: ``frontal chest``, ``doubtful`` (predicted and flagged) or ``refused``.
        reasons: Why, the weightiest first.
        notes: What the verdict could not rest on.
    """

    name: Name
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Reasons and notes in one line, for a table."""
        return "; ".join((*self.reasons, *self.notes))


def conclude(findings: Iterable[Finding], notes: Iterable[str] = ()) -> Verdict:
    """Return the verdict of the weightiest finding, with all reasons."""
    found = list(findings)
    refusals = [one.reason for one in found if one.verdict == REFUSED]
    doubts = [one.reason for one in found if one.verdict != REFUSED]
    name = REFUSED if refusals else DOUBTFUL if doubts else FRONTAL
    return Verdict(name, (*refusals, *doubts), tuple(notes))
