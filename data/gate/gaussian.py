"""How usual an image is under a Gaussian of few directions: principal components and a remainder.

Probabilistic principal component analysis (Tipping and Bishop 1999, doi:10.1111/1467-9868.00196):
along the leading directions the variance is what was measured, along all others it is one value,
the mean of what is left. That is a covariance with shrinkage, which few images suffice for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError

Vectors = NDArray[np.float32]
LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Gaussian:
    """A fitted model of vectors of D values.

    Attributes:
        mean: (D,).
        directions: Orthonormal, (K, D).
        variances: Along each direction, (K,).
        remainder: Along every other direction, (1,).
    """

    mean: Vectors
    directions: Vectors
    variances: Vectors
    remainder: Vectors

    def __post_init__(self) -> None:
        """Check that the parts fit each other, as they may have come from a file.

        Raises:
            InputError: If a shape is wrong, or a variance is not above 0.
        """
        count, length = self.directions.shape if self.directions.ndim == 2 else (0, 0)  # noqa: PLR2004
        shapes = (self.mean.shape, self.variances.shape, self.remainder.shape)
        if not count or shapes != ((length,), (count,), (1,)):
            raise InputError("gate statistics: shapes do not fit each other")
        if not (self.variances > 0).all() or not (self.remainder > 0).all():
            raise InputError("gate statistics: variances must be above 0")

    def distances(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return squared Mahalanobis distances over D: about 1 for what was fitted.

        Args:
            vectors: (N, D).
        """
        centred = vectors.astype(np.float64) - self.mean
        # No matrix product: for one image, the threads of a BLAS take longer to wake than to work.
        along = np.einsum("nd,kd->nk", centred, self.directions.astype(np.float64))
        beside = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        squared = (along**2 / self.variances).sum(axis=1) + beside / self.remainder[0]
        return np.asarray(squared / len(self.mean), dtype=np.float64)


def fit_gaussian(vectors: NDArray[np.floating], *, directions: int) -> Gaussian:
    """Fit a model of at most so many leading directions to (N, D), N above 1."""
    values = vectors.astype(np.float64)
    count, length = values.shape
    kept = min(directions, count - 1, length - 1)
    mean = values.mean(axis=0)
    _, singular, rows = np.linalg.svd(values - mean, full_matrices=False)
    variances = singular**2 / count
    rest = variances[kept:].sum() / (length - kept)
    return Gaussian(
        mean=mean.astype(np.float32),
        directions=rows[:kept].astype(np.float32),
        variances=np.maximum(variances[:kept], LEAST_VARIANCE).astype(np.float32),
        remainder=np.asarray([max(rest, LEAST_VARIANCE)], dtype=np.float32),
    )
