"""What the finder says of one file, and of all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isnet_cxr.data.manifests.failures import Failure

Outcome = Literal["image", "failed", "ignored"]


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a file.

    Attributes:
        outcome: Whether it is to be read.
        reason: Why not, one line; free of the file's name and content.
        is_dicom: Whether an image is DICOM.
    """

    outcome: Outcome
    reason: str = ""
    is_dicom: bool = False


def failed(reason: str) -> Verdict:
    """Say that a file cannot be used."""
    return Verdict("failed", reason)


def ignored(reason: str) -> Verdict:
    """Say that a file is none to be used."""
    return Verdict("ignored", reason)


@dataclass(frozen=True)
class Found:
    """One file: on its own, or in a zip archive.

    Attributes:
        path: Where it lies; of a member, its archive.
        verdict: What is to be done with it.
        depth: How many of the last parts of ``path`` stand below the input that it was found in.
        member: Its name in the archive, as stored; empty for a file on its own.
        index: Its place in the archive's list.
        name: What results call it: relative to the input, or longer where names are equal.
    """

    path: Path
    verdict: Verdict
    depth: int
    member: str = ""
    index: int = -1
    name: str = ""


@dataclass(frozen=True)
class Findings:
    """Every file of the inputs.

    Attributes:
        images: To be read, in the order of the inputs and by path.
        failed: What could not be used, and why.
        ignored: What is no image, and why.
    """

    images: Sequence[Found] = ()
    failed: Sequence[Found] = ()
    ignored: Sequence[Found] = ()

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.images) + len(self.failed) + len(self.ignored)


def listed(files: Iterable[Found]) -> list[Failure]:
    """Return names and reasons, for a table."""
    return [Failure(Path(one.name), one.verdict.reason) for one in files]
