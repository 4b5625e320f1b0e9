"""What a development set says of chest radiographs: models, and thresholds from its own images.

No image of anything else, and no external test, takes part. Models are fitted to the training
images; the held-out ones say how large a strangeness is still usual. How far beyond that an image
becomes doubtful or refused was chosen once, on two public development sets, each as the other's
unknown hospital (see ``docs/howto-gate.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.appearance import Appearance, Looks, crops_of, fit_appearance
from isnet_cxr.data.gate.crops import Crops

FEWEST_TRAINING, FEWEST_HELD_OUT = 60, 15
MOST = 4000  # images that are fitted; more change nothing that can be seen
JITTER = 0.08  # of a box's side: how differently hospitals frame
USUAL = 0.99  # share of held-out images whose distances are usual
LEAST_USUAL = 1.5  # distances average 1: less says that held-out images are few or much alike
DOUBTFUL_STRANGENESS, REFUSED_STRANGENESS = 1.6, 3.0
DOUBTFUL_UPRIGHTNESS, REFUSED_UPRIGHTNESS = 1.3, 1.0
LEAST_UPRIGHT = 0.005  # so many held-out images may be doubted for their position
ROUNDS = 2  # images that do not stand upright leave the fit after a round
Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Thresholds:
    """From where on an image is doubtful or refused.

    Attributes:
        usual: Distance that one in a hundred held-out images reaches, by model.
        doubtful_strangeness: Largest distance over its usual one, from here on doubtful.
        refused_strangeness: From here on refused; above ``doubtful_strangeness``.
        doubtful_uprightness: Below it doubtful.
        refused_uprightness: Below it refused; at most ``doubtful_uprightness``.
    """

    usual: Mapping[str, float]
    doubtful_strangeness: float = DOUBTFUL_STRANGENESS
    refused_strangeness: float = REFUSED_STRANGENESS
    doubtful_uprightness: float = DOUBTFUL_UPRIGHTNESS
    refused_uprightness: float = REFUSED_UPRIGHTNESS

    def __post_init__(self) -> None:
        """Check the order of the thresholds.

        Raises:
            InputError: If one is not a number, or refuses what is not even doubtful.
        """
        values = [*self.usual.values(), self.doubtful_strangeness, self.doubtful_uprightness]
        if not all(np.isfinite(value) and value > 0 for value in values):
            raise InputError("gate thresholds must be numbers above 0")
        if not self.doubtful_strangeness <= self.refused_strangeness:
            raise InputError("gate thresholds: refused_strangeness is below doubtful_strangeness")
        if not self.refused_uprightness <= self.doubtful_uprightness:
            raise InputError("gate thresholds: refused_uprightness is above doubtful_uprightness")


@dataclass(frozen=True)
class Scores:
    """The out-of-distribution scores of one image.

    Attributes:
        strangeness: 1 is unusual, see ``appearance``.
        uprightness: Above 1 for an upright image.
        turned: What would explain it best if it is not.
    """

    strangeness: float
    uprightness: float
    turned: str


@dataclass(frozen=True)
class GateStatistics:
    """Models and thresholds of a development set.

    Attributes:
        appearance: The fitted models.
        thresholds: From its held-out images.
        images: How many images were fitted, and how many held out.
    """

    appearance: Appearance
    thresholds: Thresholds
    images: tuple[int, int]

    def scores(self, image: Images, mask: Images) -> Scores:
        """Score one prepared image (S, S) with its lung mask, all 0 where none is known."""
        looks = self.appearance.look(crops_of(image[np.newaxis], mask[np.newaxis]))
        strange = _strangeness(looks, self.thresholds.usual)
        return Scores(float(strange[0]), float(looks.uprightness[0]), looks.turned[0])


def fit_statistics(
    training: tuple[Images, Images], held_out: tuple[Images, Images], *, seed: int
) -> GateStatistics | None:
    """Fit a development set.

    Args:
        training: Prepared images and lung masks, (N, S, S) each; masks all 0 where unknown.
        held_out: Others of the same development set.
        seed: Of the jitter.

    Returns:
        The statistics; None where there are too few images to fit any.
    """
    generator = np.random.default_rng(seed)
    images, masks = _some(*training, generator)
    held = crops_of(*_some(*held_out, generator))
    if len(images) < FEWEST_TRAINING or len(held) < FEWEST_HELD_OUT:
        return None
    shifts = generator.uniform(-JITTER, JITTER, (len(images), 4))
    pairs = list(zip(crops_of(images, masks), crops_of(images, masks, shifts=shifts), strict=True))
    kept = pairs
    for _ in range(ROUNDS):
        appearance = fit_appearance([crops for pair in kept for crops in pair])
        upright = appearance.look([plain for plain, _ in pairs]).uprightness > REFUSED_UPRIGHTNESS
        kept = [pair for pair, keep in zip(pairs, upright, strict=True) if keep]
        if len(kept) < FEWEST_TRAINING:
            return None
    return GateStatistics(appearance, _thresholds(appearance, held), (len(kept), len(held)))


def _some(images: Images, masks: Images, generator: np.random.Generator) -> tuple[Images, Images]:
    """Draw at most ``MOST`` images, in their order."""
    rows = np.sort(generator.permutation(len(images))[:MOST])
    return np.asarray(images[rows]), np.asarray(masks[rows])


def _thresholds(appearance: Appearance, held: list[Crops]) -> Thresholds:
    looks = appearance.look(held)
    upright = looks.uprightness > REFUSED_UPRIGHTNESS
    if not upright.any():
        upright = np.ones(len(held), dtype=bool)
    usual = {
        name: max(LEAST_USUAL, float(np.nanquantile(values[upright], USUAL)))
        for name, values in looks.distances.items()
        if name in appearance.models and not np.isnan(values[upright]).all()
    }
    least = float(np.quantile(looks.uprightness[upright], LEAST_UPRIGHT))
    doubtful = min(DOUBTFUL_UPRIGHTNESS, max(least, REFUSED_UPRIGHTNESS))
    return Thresholds(usual, doubtful_uprightness=doubtful)


def _strangeness(looks: Looks, usual: Mapping[str, float]) -> NDArray[np.float64]:
    """Return each image's largest distance over its usual one, (N,)."""
    ratios = [looks.distances[name] / limit for name, limit in usual.items()]
    return np.asarray(np.nanmax(ratios, axis=0), dtype=np.float64)
