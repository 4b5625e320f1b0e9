"""Made trees in the publishers' layouts: tiny images and tables."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isnet_cxr.data.writers import write_mask, write_png


@pytest.fixture
def touch() -> Callable[..., None]:
    """Make images of 4 x 3 px, with their folders."""

    def make(*paths: Path) -> None:
        for path in paths:
            write_png(np.zeros((4, 3), np.uint8), path)

    return make


@pytest.fixture
def touch_mask() -> Callable[..., None]:
    """Make masks of 4 x 3 px, all lung."""

    def make(*paths: Path) -> None:
        for path in paths:
            write_mask(np.ones((4, 3)), path)

    return make


@pytest.fixture
def write_table() -> Callable[..., Path]:
    """Write rows as a table with a header."""

    def write(path: Path, rows: list[dict[str, Any]], *, delimiter: str = ",") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write
