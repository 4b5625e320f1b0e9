"""How far apart an image's pixels are, by what its publisher and the file say."""

from isnet_cxr.data.manifests.records import Record
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.readers.radiograph import Spacing

ROUNDING_PX = 1
"""By how much a copy's height or width may be off its original's proportions."""


def find_spacing(record: Record, image: Radiograph) -> Spacing | None:
    """Return the distance between rows and between columns in mm.

    Args:
        record: What the publisher says of the image as it was published.
        image: The file, which may be a copy of another size.

    Returns:
        The publisher's word for an image of this size, else the file's; None where neither tells,
        or where the image has other proportions than those that were published.
    """
    height, width = image.pixels.shape[1:]
    if record.extent_mm is not None:
        return record.extent_mm[0] / height, record.extent_mm[1] / width
    if record.spacing_mm is None or not record.published_px:
        return record.spacing_mm or image.spacing_mm
    for rows, columns in record.published_px:
        off = abs(height - width * rows / columns), abs(width - height * columns / rows)
        if min(off) <= ROUNDING_PX:
            return record.spacing_mm[0] * rows / height, record.spacing_mm[1] * columns / width
    return None
