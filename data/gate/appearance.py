"""The out-of-distribution score: how usual an image looks, and whether it stands upright.

Three Gaussians are fitted to the development images alone, without any image of something else: of
the whole image, of the crop around the lungs, and of the lungs' outline there. Two scores:

- strangeness: the largest of the three distances, each over the value that one in a hundred
  held-out development images reaches; 1 is unusual, 2 is like nothing seen;
- uprightness: the same image is also measured turned by 90, 180 and 270 degrees, upside down and
  as its negative. The score is how many times farther away the nearest of these lies, as the
  geometric mean over the models; below 1 another position or polarity explains the image better
  than the one it is in. The outline has no say about negatives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.gate.crops import SIDE, Crops, crop
from isnet_cxr.data.gate.gaussian import Gaussian, fit_gaussian

DIRECTIONS = {"whole": 32, "lungs": 32, "outline": 16}
PIXELS = SIDE * SIDE
LEAST_DISTANCE = 1e-9
NEGATIVE = "is a negative"
Planes = NDArray[np.float32]
TURNS: Sequence[tuple[str, Callable[[Planes], Planes]]] = (
    ("lies on its side", lambda planes: np.rot90(planes, 1, (1, 2))),
    ("lies on its side", lambda planes: np.rot90(planes, 3, (1, 2))),
    ("is upside down", lambda planes: np.rot90(planes, 2, (1, 2))),
    ("is upside down", lambda planes: planes[:, ::-1]),
    (NEGATIVE, lambda planes: -planes),
)


@dataclass(frozen=True)
class Looks:
    """What the models say of N images.

    Attributes:
        distances: By model, (N,); NaN where an image has no lungs.
        uprightness: (N,), above 1 for an upright image.
        turned: What else would explain the image best, a name in ``TURNS`` each, (N,).
    """

    distances: Mapping[str, NDArray[np.float64]]
    uprightness: NDArray[np.float64]
    turned: Sequence[str]


@dataclass(frozen=True)
class Appearance:
    """The three fitted models, by name: whole, lungs, outline."""

    models: Mapping[str, Gaussian]

    def look(self, images: Sequence[Crops]) -> Looks:
        """Measure images."""
        whole = _whole(images)
        seen = [image for image in images if image.lungs is not None]
        rows = [number for number, image in enumerate(images) if image.lungs is not None]
        distances = {"whole": self.models["whole"].distances(_flat(whole))}
        ratios = [self._ratios("whole", whole)]
        for name in ("lungs", "outline"):
            distances[name] = np.full(len(images), np.nan)
            if seen and name in self.models:
                distances[name][rows] = self.models[name].distances(_flat(_part(seen, name)))
                ratios.append(np.full_like(ratios[0], np.nan))
                ratios[-1][:, rows] = self._ratios(name, _part(seen, name))
        mean = np.exp(np.nanmean(np.log(ratios), axis=0))
        turned = [TURNS[number][0] for number in mean.argmin(axis=0)]
        return Looks(distances, mean.min(axis=0), turned)

    def _ratios(self, name: str, planes: Planes) -> NDArray[np.float64]:
        """Return how many times farther away each turned image lies, (turns, N); NaN: no say."""
        every = [planes, *(turn(planes) for _, turn in TURNS)]
        distances = self.models[name].distances(_flat(np.concatenate(every)))
        upright, *turned = np.maximum(distances, LEAST_DISTANCE).reshape(len(every), -1)
        ratios = np.divide(turned, upright)
        if name == "outline":
            ratios[[what == NEGATIVE for what, _ in TURNS]] = np.nan
        return np.asarray(ratios, dtype=np.float64)


def fit_appearance(images: Sequence[Crops]) -> Appearance:
    """Fit the models to images and their mirror images, at least two; lungs where there are two."""
    models = {"whole": _fit("whole", _whole(images))}
    seen = [image for image in images if image.lungs is not None]
    if len(seen) > 1:
        models |= {name: _fit(name, _part(seen, name)) for name in ("lungs", "outline")}
    return Appearance(models)


def crops_of(
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    *,
    shifts: NDArray[np.float64] | None = None,
) -> list[Crops]:
    """Crop prepared images (N, S, S) by their masks; ``shifts`` (N, 4) moves the boxes."""
    moves = np.zeros((len(images), 4)) if shifts is None else shifts
    return [
        crop(image, mask, shift=(float(a), float(b), float(c), float(d)))
        for image, mask, (a, b, c, d) in zip(images, masks, moves, strict=True)
    ]


def _fit(name: str, planes: Planes) -> Gaussian:
    mirrored = planes[:, :, ::-1]
    both = np.concatenate([planes, mirrored])
    return fit_gaussian(_flat(both), directions=DIRECTIONS[name])


def _whole(images: Sequence[Crops]) -> Planes:
    return np.stack([image.whole for image in images])


def _part(images: Sequence[Crops], name: str) -> Planes:
    return np.stack([getattr(image, name) for image in images])


def _flat(planes: Planes) -> Planes:
    return planes.reshape(len(planes), -1)
