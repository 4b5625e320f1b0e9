"""A verdict on every predicted mask, from its shape and from how sure the network was.

There is no reference on a hospital's images: the verdict says which masks a person should look at.
``failed`` masks should not train or explain a classifier.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from isnet_cxr.segmentation.neighbours import PLUS, disk, grow, shrink

Pixel = TypeVar("Pixel", bound=np.generic)
Quality = Literal["good", "doubtful", "failed"]
JUDGED_SIZE_PX = 128  # longest side at which masks are judged
PAIR = 2
POOR, SOUND = 0.85, 0.95  # Dice below which a verdict should flag a mask, and above, not
BRIDGE = PLUS  # what joins lungs that touch is narrower, at that size
BAND = disk(3)  # how far the band along the outline reaches, at that size
Places = tuple[tuple[int, int], ...]
EDGES: Places = ((0, 1), (2, 1), (1, 0), (1, 2))  # neighbours, from the upper left one
CORNERS: Places = ((0, 0), (0, 2), (2, 0), (2, 2))


@dataclass(frozen=True)
class MaskFeatures:
    """What a verdict rests on. Shares are of the image's area unless said otherwise.

    Attributes:
        lungs: Regions of the mask, once lungs that touch are parted.
        area_share: Area of the mask.
        symmetry: Area of the smaller lung over that of the larger, 0 with one lung.
        off_centre: Distance of the mask's centre from the image's, in parts of the image's
            diagonal.
        border_share: Share of the mask's outline that runs along the image's edge.
        compactness: 4 pi area / perimeter^2 of the least compact region, 1 for a disc.
        side_by_side: Whether the lungs' centres lie farther apart across than along the body.
        expected_dice: Dice that the network expects of its mask: against what each pixel is by its
            probability, on average. What is 0.5 over an area, such as an opaque lung whose end
            it cannot see, counts half. NaN without probabilities.
        sureness: Mean of |2p - 1| in a band along the outline, 1 when the network is sure of
            every pixel; NaN without probabilities or without outline.
    """

    lungs: int
    area_share: float
    symmetry: float
    off_centre: float
    border_share: float
    compactness: float
    side_by_side: bool
    expected_dice: float
    sureness: float


@dataclass(frozen=True)
class Limit:
    """Range of a feature: outside ``doubtful`` look at the mask, outside ``failed`` drop it."""

    feature: str
    doubtful: tuple[float, float]
    failed: tuple[float, float]
    reason: str


# Inner ranges hold 98 % of the masks on images of two hospitals, mean Dice 0.95 to 0.96;
# sureness rises with Dice there (rank correlation 0.5 to 0.7). The limits of expected_dice are from
# held-out images that were made ill: no mask of Dice above 0.95 expected less than 0.94 there, and
# of those under 0.85 none expected more than 0.92.
LIMITS = (
    Limit("lungs", (2, 2), (1, math.inf), "not two separate lungs"),
    Limit("area_share", (0.09, 0.55), (0.03, 0.8), "unusual area"),
    Limit("symmetry", (0.5, 1), (-math.inf, 1), "lungs of unequal size"),
    Limit("side_by_side", (1, 1), (-math.inf, 1), "lungs not side by side"),
    Limit("off_centre", (0, 0.15), (0, 0.25), "far from the image's centre"),
    Limit("border_share", (0, 0.1), (0, 0.5), "touches the image's edge"),
    Limit("compactness", (0.3, math.inf), (0.08, math.inf), "ragged outline"),
    Limit("expected_dice", (0.92, 1), (0.75, 1), "network unsure of where the lungs are"),
    Limit("sureness", (0.65, 1), (0.35, 1), "network unsure of the outline"),
)


@dataclass(frozen=True)
class _Region:
    """One connected region: as cut out, its pixels, and their mean row and column."""

    image: NDArray[np.bool_]
    area: int
    centroid: tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """Quality of a mask, and why it is not good (empty when it is)."""

    quality: Quality
    reasons: tuple[str, ...]


def judge_mask(
    mask: NDArray[np.uint8], probabilities: NDArray[np.float32] | None = None
) -> Verdict:
    """Judge a mask.

    Args:
        mask: 1 in the lungs, (H, W), as it came from cleaning.
        probabilities: The network's probability of lung, (H, W), thinned out or not.

    Returns:
        ``failed`` when the mask is empty or a feature is outside its outer range, ``doubtful``
        when one is outside its inner range. A NaN feature is not judged.
    """
    if not thin_out(mask).any():
        return Verdict("failed", ("no lung found",))
    features = measure_features(mask, probabilities)
    doubts, failures = [], []
    for limit in LIMITS:
        value = float(getattr(features, limit.feature))
        if _is_outside(value, limit.failed):
            failures.append(f"{limit.reason} ({limit.feature} {value:.2g})")
        elif _is_outside(value, limit.doubtful):
            doubts.append(f"{limit.reason} ({limit.feature} {value:.2g})")
    quality: Quality = "failed" if failures else "doubtful" if doubts else "good"
    return Verdict(quality, (*failures, *doubts))


def measure_features(
    mask: NDArray[np.uint8], probabilities: NDArray[np.float32] | None = None
) -> MaskFeatures:
    """Measure a mask with at least one lung pixel; arguments as in ``judge_mask``.

    Large images are thinned first: the features hardly depend on the resolution.
    """
    thin = thin_out(mask)
    height, width = thin.shape
    outlines = list(_regions(label(thin)[0]))
    parted = list(_regions(label(_parted(thin))[0]))
    lungs = sorted(parted, key=lambda lung: -lung.area)[:PAIR]
    rows, columns = np.nonzero(thin)
    offset = (rows.mean() - (height - 1) / 2, columns.mean() - (width - 1) / 2)
    across, along = 0.0, 1.0
    if len(lungs) == PAIR:
        along, across = np.abs(np.subtract(lungs[0].centroid, lungs[1].centroid))
    unsure = None if probabilities is None else thin_out(probabilities)
    return MaskFeatures(
        lungs=len(parted),
        area_share=float(thin.mean()),
        symmetry=lungs[1].area / lungs[0].area if len(lungs) == PAIR else 0.0,
        off_centre=float(np.hypot(*offset) / math.hypot(height, width)),
        border_share=_border_share(thin),
        compactness=min(_compactness(outline.image) for outline in outlines),
        side_by_side=bool(across > along),
        expected_dice=math.nan if unsure is None else _expected_dice(thin, unsure),
        sureness=math.nan if unsure is None else _sureness(thin, unsure),
    )


def _parted(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Part lungs that touch along a narrow bridge, if something of the mask is left then."""
    lungs = mask != 0
    grown = grow(shrink(lungs, BRIDGE, beyond=False), BRIDGE) & lungs
    return grown.astype(np.uint8) if grown.any() else mask


def _regions(labels: NDArray[np.integer[Any]]) -> Iterator[_Region]:
    """Yield the regions of ``labels``, (H, W), by number from 1."""
    for number, box in enumerate(find_objects(labels), 1):
        image = labels[box] == number
        rows, columns = np.nonzero(image)
        centroid = rows.mean() + box[0].start, columns.mean() + box[1].start
        yield _Region(image, int(image.sum()), centroid)


def thin_out(plane: NDArray[Pixel]) -> NDArray[Pixel]:
    """Take every n-th row and column of (H, W), so that no side is longer than judged.

    What is thin already stays as it is.
    """
    step = max(1, math.ceil(max(plane.shape) / JUDGED_SIZE_PX))
    return plane[::step, ::step]


def _is_outside(value: float, bounds: tuple[float, float]) -> bool:
    return value < bounds[0] or value > bounds[1]  # False for NaN


def _border_share(mask: NDArray[np.uint8]) -> float:
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).sum()
    return float(min(1.0, edge / max(1.0, _perimeter(mask))))


def _compactness(region: NDArray[np.bool_]) -> float:
    outline = max(1.0, _perimeter(region))  # 0 for a single pixel
    return float(4 * math.pi * region.sum() / outline**2)


def _perimeter(region: NDArray[Any]) -> float:
    """Return the length of a region's outline in px, by the estimate that ``skimage`` has too.

    Each pixel of the outline counts 1, sqrt(2) or their mean, by how its neighbours go on (Benkrid,
    Crookes and Benkrid 2000). Beyond the edge is background. ``skimage.measure.perimeter`` would
    import half of scipy for it, and small planes are added faster than they are convolved.
    """
    grown = np.zeros((region.shape[0] + 4, region.shape[1] + 4), np.uint8)
    grown[2:-2, 2:-2] = region != 0
    outline = grown[1:-1, 1:-1] & ~_beside(grown, np.bitwise_and, EDGES)
    sums = 2 * _beside(outline, np.add, EDGES) + 10 * _beside(outline, np.add, CORNERS)
    sums += outline[1:-1, 1:-1]
    weights = np.zeros(50)
    weights[[5, 7, 15, 17, 25, 27]] = 1
    weights[[21, 33]] = math.sqrt(2)
    weights[[13, 23]] = (1 + math.sqrt(2)) / 2
    return float(np.bincount(sums.ravel(), minlength=50)[:50] @ weights)


def _beside(plane: NDArray[np.uint8], combine: np.ufunc, places: Places) -> NDArray[np.uint8]:
    """Combine four neighbours of every pixel, (H, W) to (H - 2, W - 2)."""
    height, width = plane.shape
    parts = [plane[row : height - 2 + row, column : width - 2 + column] for row, column in places]
    found: NDArray[np.uint8] = combine(combine(parts[0], parts[1]), combine(parts[2], parts[3]))
    return found


def _expected_dice(mask: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> float:
    shared = float((mask * probabilities).sum())
    return 2 * shared / float(mask.sum() + probabilities.sum())


def _sureness(mask: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> float:
    lungs = mask != 0
    band = grow(lungs, BAND) & ~shrink(lungs, BAND, beyond=True)
    return float(np.abs(2 * probabilities[band] - 1).mean()) if band.any() else math.nan
