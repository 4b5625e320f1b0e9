"""What goes with the class and is no disease: counts by class, and how strong the tie is.

A column that has a value for one class only (a hospital, a view) gives the class away to whoever
can read it off the image.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

UNKNOWN = "unknown"
AGE_LIMITS = (18, 40, 60, 80)
SIZE_LIMITS_PX = (512, 1024, 2048)
SQUARE = (0.95, 1.05)
"""Height over width between which an image counts as square."""


@dataclass(frozen=True)
class Association:
    """A column of the manifest against the class.

    Attributes:
        column: What is counted.
        counts: Images by value (rows) and label (columns); the most frequent values first.
        cramers_v: 0 when the value says nothing about the class, 1 when it decides it; NaN where
            there is one value or one label only.
    """

    column: str
    counts: pd.DataFrame
    cramers_v: float


def tabulate(images: pd.DataFrame) -> list[Association]:
    """Count the labelled images of a manifest by class and every column that could give it away."""
    labelled = images[images["label"] != ""]
    return [
        _associate(name, values(labelled), labelled["label"]) for name, values in COLUMNS.items()
    ]


def cramers_v(counts: NDArray[np.int64]) -> float:
    """Measure how strongly rows and columns of a table of counts go together.

    With the correction for chance of Bergsma (2013, doi:10.1016/j.jkss.2012.10.002): without it, a
    column of a hundred rare values seems to know the class.

    Args:
        counts: (R, C).

    Returns:
        0 to 1, NaN where fewer than two rows or columns have a count.
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(np.float64)
    total, (rows, columns) = table.sum(), table.shape
    if min(rows, columns) < 2 or total < 2:  # noqa: PLR2004 - nothing to tell apart
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    phi2 = float(((table - expected) ** 2 / expected).sum() / total)
    by_chance = (rows - 1) * (columns - 1) / (total - 1)
    rows_left = rows - (rows - 1) ** 2 / (total - 1)
    columns_left = columns - (columns - 1) ** 2 / (total - 1)
    smaller = min(rows_left, columns_left) - 1
    if smaller <= 0:  # every image has a value of its own
        return 0.0
    return float(np.sqrt(min(1.0, max(0.0, phi2 - by_chance) / smaller)))


def _associate(column: str, values: "pd.Series[Any]", labels: "pd.Series[Any]") -> Association:
    counts = pd.crosstab(values.astype(str), labels.astype(str))
    order = counts.sum(axis=1).sort_values(ascending=False, kind="stable").index
    counts = counts.loc[order]
    counts.index.name, counts.columns.name = column, "label"
    return Association(column, counts, cramers_v(counts.to_numpy(dtype=np.int64)))


def _known(column: str) -> Callable[[pd.DataFrame], "pd.Series[Any]"]:
    return lambda images: images[column].replace("", UNKNOWN)


def _ages(images: pd.DataFrame) -> "pd.Series[Any]":
    limits = (0, *AGE_LIMITS)
    names = [f"{a} to {b - 1}" for a, b in zip(limits, AGE_LIMITS, strict=False)]
    names.append(f"{AGE_LIMITS[-1]} and more")
    places = np.searchsorted(AGE_LIMITS, images["age"].to_numpy(dtype=float), side="right")
    known = pd.Series(np.array(names)[np.minimum(places, len(names) - 1)], index=images.index)
    return known.where(images["age"].notna(), UNKNOWN)


def _sizes(images: pd.DataFrame) -> "pd.Series[Any]":
    longest = images[["height_px", "width_px"]].max(axis=1).to_numpy()
    names = [f"up to {limit} px" for limit in SIZE_LIMITS_PX]
    names.append(f"above {SIZE_LIMITS_PX[-1]} px")
    return pd.Series(np.array(names)[np.searchsorted(SIZE_LIMITS_PX, longest)], index=images.index)


def _shapes(images: pd.DataFrame) -> "pd.Series[Any]":
    ratio = (images["height_px"] / images["width_px"]).to_numpy(dtype=float)
    names = np.array(["wider than high", "square", "higher than wide"])
    return pd.Series(names[np.searchsorted(SQUARE, ratio)], index=images.index)


COLUMNS: dict[str, Callable[[pd.DataFrame], "pd.Series[Any]"]] = {
    "source": _known("dataset"),
    "site": _known("site"),
    "view": _known("view"),
    "sex": _known("sex"),
    "age": _ages,
    "size": _sizes,
    "shape": _shapes,
    "split": _known("split"),
}
"""What is counted against the class, and how its values are made from a manifest."""
