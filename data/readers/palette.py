"""Palettes of DICOM files (PS3.3 C.7.6.3.1.5): from indices to colours in [0, 1]."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from isnet_cxr.data.readers.greyscale import smallest_depth
from isnet_cxr.data.readers.lookup import look_up, read_table
from isnet_cxr.data.readers.radiograph import UnreadableImage

CHANNELS = ("Red", "Green", "Blue")


def palette_colours(path: Path, dataset: Dataset, indices: NDArray[Any]) -> NDArray[np.float32]:
    """Return the colours of the indices, float32 (H, W, 3).

    Entries are often written into more bits than they have, such as values to 255 into 16: white
    is the largest value of the smallest usual depth that holds every entry.

    Raises:
        UnreadableImage: If the palette is empty.
    """
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        colours = np.asarray(apply_color_lut(indices, dataset))
        brightest = int(colours.max())
    else:
        tables = [
            read_table(dataset, dataset, prefix=f"{channel}PaletteColorLookupTable")
            for channel in CHANNELS
        ]
        found = [table for table in tables if table is not None]
        if len(found) < len(CHANNELS):
            raise UnreadableImage(path, "palette without entries")
        colours = np.stack([look_up(table, indices) for table in found], axis=-1)
        brightest = max(int(table.entries.max()) for table in found)
    return (colours / np.float32(2 ** smallest_depth(brightest) - 1)).astype(np.float32)
