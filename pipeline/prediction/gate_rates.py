"""How many images of a folder pass the gate, as they are, turned, inverted or cut.

The figures that a hospital wants before it relies on the gate: on its own chest radiographs, and on
images that are none.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.verdict import Verdict
from isnet_cxr.data.readers import Radiograph, UnreadableImage, is_image_file, read_image
from isnet_cxr.pipeline.prediction.predictor import NoLungsError, Predictor

Pixels = NDArray[np.float32]
AS_IT_IS = "as it is"
TURNS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "turned left": lambda pixels: np.rot90(pixels, 1, (1, 2)),
    "turned right": lambda pixels: np.rot90(pixels, 3, (1, 2)),
    "turned by 180": lambda pixels: np.rot90(pixels, 2, (1, 2)),
    "upside down": lambda pixels: pixels[:, ::-1],
    "inverted": lambda pixels: 1 - pixels,
}
CUTS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "left half": lambda pixels: pixels[:, :, : -(-pixels.shape[2] // 2)],
    "right half": lambda pixels: pixels[:, :, pixels.shape[2] // 2 :],
    "upper half": lambda pixels: pixels[:, : -(-pixels.shape[1] // 2)],
    "lower half": lambda pixels: pixels[:, pixels.shape[1] // 2 :],
    "upper third": lambda pixels: pixels[:, : -(-pixels.shape[1] // 3)],
    "lower third": lambda pixels: pixels[:, 2 * pixels.shape[1] // 3 :],
}


@dataclass
class Rates:
    """Counts of one folder, shown one way.

    Attributes:
        folder: Where the images are.
        shown: ``AS_IT_IS``, or one of ``TURNS`` or ``CUTS``.
        verdicts: Images by verdict.
        reasons: Files by reason; one image may have several, those that pass have none.
        unread: Files that could not be used.
    """

    folder: Path
    shown: str
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unread: int = 0

    @property
    def images(self) -> int:
        """How many were judged."""
        return sum(self.verdicts.values())


@dataclass(frozen=True)
class Judged:
    """One file's verdict, in a folder and shown one way.

    Attributes:
        folder: Or file, as it was named.
        shown: As of ``Rates``.
        file: The image.
        verdict: None where the file could not be used.
        problem: Why not; empty where it could.
    """

    folder: Path
    shown: str
    file: Path
    verdict: Verdict | None
    problem: str = ""


def judge_folders(
    folders: Sequence[Path],
    predictor: Predictor,
    *,
    turned: bool,
    cut: bool = False,
    at_most: int | None = None,
) -> Iterator[Judged]:
    """Judge the images of folders.

    Args:
        folders: Or single files.
        predictor: Its segmenter and its gate are asked, its classifier is not.
        turned: Judge every image in the positions of ``TURNS`` too.
        cut: And the parts of ``CUTS`` of every image.
        at_most: So many images of each folder, evenly spaced in the order of their names.

    Raises:
        InputError: If there is no image in a folder.
    """
    found = {folder: _images(folder, at_most) for folder in folders}
    shown = {AS_IT_IS: _as_it_is, **(TURNS if turned else {}), **(CUTS if cut else {})}
    for folder, files in found.items():
        for file in files:
            try:
                image = read_image(file)
            except UnreadableImage as error:
                yield Judged(folder, AS_IT_IS, file, None, error.reason)
                continue
            for name, turn in shown.items():
                yield Judged(folder, name, file, *_judge(image, turn, predictor))


def count(judged: Iterable[Judged]) -> list[Rates]:
    """Count verdicts by folder and position, in the order they come."""
    rates: dict[tuple[Path, str], Rates] = {}
    for one in judged:
        key = (one.folder, one.shown)
        row = rates.setdefault(key, Rates(*key))
        if one.verdict is None:
            row.unread += 1
            row.reasons[one.problem] += 1
            continue
        row.verdicts[one.verdict.name] += 1
        row.reasons.update(one.verdict.reasons)
    return list(rates.values())


def _as_it_is(pixels: Pixels) -> Pixels:
    return pixels


def _judge(
    image: Radiograph, turn: Callable[[Pixels], Pixels], predictor: Predictor
) -> tuple[Verdict | None, str]:
    """Return the verdict on an image in some position, or why there is none.

    Its header says nothing of the position.
    """
    shown = replace(image, pixels=np.ascontiguousarray(turn(image.pixels)))
    try:
        return predictor.judge(shown, predictor.segment(shown.pixels)), ""
    except NoLungsError as error:
        return None, str(error)


def _images(folder: Path, at_most: int | None) -> list[Path]:
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such file or folder")
    files = [folder] if folder.is_file() else sorted(filter(is_image_file, folder.rglob("*")))
    if not files:
        raise InputError(f"{folder}: no DICOM, PNG, JPEG, TIFF or NIfTI image in this folder")
    if at_most is None or len(files) <= at_most:
        return files
    return [files[row] for row in np.linspace(0, len(files) - 1, at_most).round().astype(int)]
