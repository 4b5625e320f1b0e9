"""JSRT: frontal radiographs with and without a lung nodule, with lung masks (SCR).

Source: Japanese Society of Radiological Technology; masks of the SCR database.
Licence: research and education with citation; SCR's masks may be neither passed on nor sold.
Cite: Shiraishi et al. 2000, doi:10.2214/ajr.174.1.1740071;
van Ginneken et al. 2006, doi:10.1016/j.media.2005.02.002.
Content: 247 digitised images, PA: 93 normal (JPCNN), 154 with one nodule each (JPCLN); the lungs
without mediastinum, heart, aorta and what lies below the diaphragm. One image per patient.
Layout, as published: All247images/JPCNN001.IMG (raw, 12 bits), and SCR's masks unpacked beside it:
fold1 and fold2 with masks/left lung/JPCNN001.gif and masks/right lung/ (smaller than the image).
Or as PNG: images/JPCNN001.png, masks/JPCNN001.png, both lungs in one mask.
Spacing: every image is 2048 x 2048 pixels of 0.175 mm, so resized copies have a known spacing too.
Known bias: digitised image, of 13 institutions in Japan and one in the United States.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, list_images
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "All247images/JPC{NN,LN}*.IMG and SCR's masks, or images/JPC{NN,LN}*.png and masks/"
LABELS = {"JPCNN": "normal", "JPCLN": "nodule"}
PREFIX_LENGTH = 5
IMAGE_MM = 2048 * 0.175


def read_jsrt(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``; those without a mask have none.

    Raises:
        FileNotFoundError: If a folder is missing or holds no image.
        InputError: If a label of ``labels`` does not occur.
    """
    raw = root / "All247images"
    images = raw if raw.is_dir() else root / "images"
    masks = _scr_masks(root) if raw.is_dir() else _joined_masks(root)
    chosen = Selection(LABELS, labels)
    for path in list_images(images, layout=LAYOUT):
        label = chosen.classify(path.stem[:PREFIX_LENGTH])
        if label:
            chosen.use(
                Record(
                    path=path,
                    dataset="jsrt",
                    site="JSRT",
                    patient=path.stem,
                    label=label,
                    view="PA",
                    lung_masks=masks.get(path.stem, ()),
                    extent_mm=(IMAGE_MM, IMAGE_MM),
                )
            )
    return chosen.listing()


def _joined_masks(root: Path) -> dict[str, tuple[Path, ...]]:
    folder = existing_folder(root / "masks", layout=LAYOUT)
    return {path.stem: (path,) for path in folder.iterdir()}


def _scr_masks(root: Path) -> dict[str, tuple[Path, ...]]:
    lefts = sorted(root.glob("**/masks/left lung/*.gif"))
    return {left.stem: (left, left.parents[1] / "right lung" / left.name) for left in lefts}
