"""JSRT: frontal radiographs with and without a lung nodule, with lung masks (SCR).

Source: Japanese Society of Radiological Technology; masks of the SCR database.
Licence: research and education with citation.
Cite: Shiraishi et al. 2000, doi:10.2214/ajr.174.1.1740071;
van Ginneken et al. 2006, doi:10.1016/j.media.2005.02.002.
Content: 247 digitised films, PA: 93 normal (JPCNN), 154 with a nodule (JPCLN); both lungs in one
mask, heart excluded. One image per patient.
Layout: images/JPCNN001.png, masks/JPCNN001.png.
Spacing: every film is 2048 x 2048 pixels of 0.175 mm, so resized copies have a known spacing too.
Known bias: digitised film, 14 institutions of one country.
"""

from pathlib import Path

from data.datasets.layout import Listing, existing_folder, list_images
from data.records import Record

LAYOUT = "images/JPC{NN,LN}*.png and masks/ of the same names"
LABELS = {"JPCNN": "normal", "JPCLN": "nodule"}
PREFIX_LENGTH = 5
FILM_MM = 2048 * 0.175


def read_jsrt(root: Path) -> Listing:
    """List the images under ``root``; those without a mask have none.

    Raises:
        FileNotFoundError: If a folder is missing or holds no image.
    """
    masks = existing_folder(root / "masks", layout=LAYOUT)
    records = []
    left_out: dict[str, int] = {}
    for path in list_images(root / "images", layout=LAYOUT):
        label = LABELS.get(path.stem[:PREFIX_LENGTH])
        if label is None:
            reason = "the name begins with neither JPCNN nor JPCLN"
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        mask = masks / path.name
        records.append(
            Record(
                path=path,
                dataset="jsrt",
                site="JSRT",
                patient=path.stem,
                label=label,
                view="PA",
                lung_mask=mask if mask.is_file() else None,
                extent_mm=(FILM_MM, FILM_MM),
            )
        )
    return Listing(records, left_out)
