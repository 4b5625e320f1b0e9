"""Choose how far lungs may run out of an image: ``tests/data/gate/limits.py PACKAGE SET...``.

By development sets alone, folders of upright frontal images. Pairs of limits, above and below, are
tried in steps. A pair is allowed if on each set it doubts at most 1 % of the images that no other
evidence speaks against, and if at least 95 % of the halves and thirds of its images are flagged. Of
the allowed pairs the one is taken that flags most of the same parts squashed to a square, whose
shape says nothing any more.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isnet_cxr.data.gate import framing
from isnet_cxr.data.gate.gate import judge_scores
from isnet_cxr.data.gate.lungs import judge_lungs
from isnet_cxr.data.readers import is_image_file, read_image
from isnet_cxr.pipeline.prediction.gate_rates import CUTS
from isnet_cxr.pipeline.prediction.predictor import Predictor

STEPS = (0.1, 0.2, 0.3, 0.4, 0.5)
MOST_DOUBTED, LEAST_FLAGGED = 0.01, 0.95
Rows = NDArray[np.float64]


def measure(pixels: NDArray[np.float32], predictor: Predictor) -> tuple[float, float, float]:
    """Return whether other evidence speaks against an image, and how far its lungs run out."""
    seen = predictor.look(pixels, predictor.segment(pixels))
    mask = np.zeros_like(seen.image) if seen.mask is None else seen.mask
    found = framing.measure_framing(seen.image, mask)
    statistics = predictor.gate.statistics
    others = [
        *judge_lungs(seen.image, mask),
        *(judge_scores(statistics.scores(seen.image, mask), statistics.thresholds)),
    ]
    usual = framing.LOWEST <= found.aspect <= framing.HIGHEST
    return float(bool(others) or not usual), found.cut_above, found.cut_below


def squashed(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch an image (1, H, W) to a square."""
    side = max(pixels.shape)
    square = Image.fromarray(pixels[0]).resize((side, side), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(square), 0, 1)[np.newaxis]


def some(files: list[Path], count: int) -> list[Path]:
    """Take so many files, evenly spaced."""
    places = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[place] for place in places]


def parts(file: Path) -> Iterator[NDArray[np.float32]]:
    """Yield halves and thirds of an image."""
    pixels = read_image(file).pixels
    yield from (np.ascontiguousarray(cut(pixels)) for cut in CUTS.values())


def flagged(rows: Rows, above: float, below: float) -> NDArray[np.bool_]:
    """Tell for each row whether anything speaks against it."""
    return (rows[:, 0] > 0) | (rows[:, 1] > above) | (rows[:, 2] > below)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=300, help="of each set")
    parser.add_argument("--cut", type=int, default=40, help="of each set, in parts")
    asked = parser.parse_args()
    predictor = Predictor.load(asked.package)
    measured: list[dict[str, Rows]] = []
    for folder in asked.sets:
        files = sorted(filter(is_image_file, folder.rglob("*")))
        pieces = [part for file in some(files, asked.cut) for part in parts(file)]
        whole = [read_image(file).pixels for file in some(files, asked.images)]
        groups = {"whole": whole, "parts": pieces, "squashed": list(map(squashed, pieces))}
        measured.append(
            {
                name: np.array([measure(one, predictor) for one in images])
                for name, images in groups.items()
            }
        )
    chosen = (0.0, (0.0, 0.0))
    print("above below  doubted in each set      parts flagged            squashed, all sets")
    for above, below in product(STEPS, STEPS):
        doubted = [(flagged(m["whole"], above, below) & (m["whole"][:, 0] == 0)) for m in measured]
        shares = [one.mean() for one in doubted]
        found = [flagged(m["parts"], above, below).mean() for m in measured]
        square = np.mean([flagged(m["squashed"], above, below).mean() for m in measured])
        allowed = max(shares) <= MOST_DOUBTED and min(found) >= LEAST_FLAGGED
        if allowed:
            chosen = max(chosen, (float(square), (above, below)))
        line = [" ".join(f"{share:7.2%}" for share in group) for group in (shares, found)]
        print(f"{above:5} {below:5}  {line[0]}  {line[1]}  {square:.1%}{'' if allowed else '  no'}")
    print(f"chosen: {chosen[1][0]} above, {chosen[1][1]} below")


if __name__ == "__main__":
    main()
