"""Shenzhen chest X-ray set: frontal radiographs for tuberculosis, with lung masks.

Source: U.S. National Library of Medicine; masks by Stirenko et al.
Licence: research with citation; masks CC BY-NC-SA 4.0.
Cite: Jaeger et al. 2014, doi:10.3978/j.issn.2223-4292.2014.11.20;
Stirenko et al. 2018, doi:10.1109/ELNANO.2018.8477564.
Content: Shenzhen No. 3 Hospital, PA; 662 images (326 normal, 336 with tuberculosis), 566 of them
with a mask (heart excluded).
Label: the name's last digit: 0 normal, 1 tuberculosis. One image per patient.
Layout: CXR_png/CHNCXR_0001_0.png, mask/CHNCXR_0001_0_mask.png.
Known bias: one hospital; many images are collimated to the chest.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, list_images
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "CXR_png/CHNCXR_*_{0,1}.png and mask/*_mask.png"
LABELS = {"0": "normal", "1": "tuberculosis"}


def read_shenzhen(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``; those without a mask have none.

    Raises:
        FileNotFoundError: If a folder is missing or holds no image.
        InputError: If a label of ``labels`` does not occur.
    """
    masks = existing_folder(root / "mask", layout=LAYOUT)
    chosen = Selection(LABELS, labels)
    for path in list_images(root / "CXR_png", layout=LAYOUT):
        label = chosen.classify(path.stem.rpartition("_")[2])
        if not label:
            continue
        mask = masks / f"{path.stem}_mask.png"
        chosen.use(
            Record(
                path=path,
                dataset="shenzhen",
                site="Shenzhen No. 3 Hospital",
                patient=path.stem,
                label=label,
                view="PA",
                lung_masks=(mask,) if mask.is_file() else (),
            )
        )
    return chosen.listing()
