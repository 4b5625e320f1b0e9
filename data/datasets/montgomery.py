"""Montgomery County chest X-ray set: frontal radiographs for tuberculosis, with lung masks.

Source: U.S. National Library of Medicine, with the county's health department.
Licence: research with citation; not to be passed on.
Cite: Jaeger et al. 2014, doi:10.3978/j.issn.2223-4292.2014.11.20;
Candemir et al. 2014, doi:10.1109/TMI.2013.2290491.
Content: tuberculosis screening, PA; 138 images of 4020 x 4892 or 4892 x 4020 px and 12 bits, 80 of
them normal and 58 with tuberculosis; a mask for each lung, by hand (heart excluded).
Label: the name's last digit: 0 normal, 1 tuberculosis. One image per patient.
Layout: CXR_png/MCUCXR_0001_0.png, the masks of the same name in ManualMask/leftMask/ and
ManualMask/rightMask/, and age and sex in ClinicalReadings/MCUCXR_0001_0.txt.
Spacing: 0.0875 mm, of the images as published. A copy of another size has the spacing that follows
from it; one of other proportions (squashed, cropped) has none.
Known bias: one county; black borders at the sides of many images.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, list_images, parse_age, parse_sex
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "CXR_png/MCUCXR_*_{0,1}.png and ManualMask/{leftMask,rightMask}/ of the same names"
LABELS = {"0": "normal", "1": "tuberculosis"}
SPACING_MM = 0.0875
PUBLISHED_PX = ((4020, 4892), (4892, 4020))
"""Heights and widths."""

READING = re.compile(r"Patient's (Sex|Age):\s*(\w+)")


def read_montgomery(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``; those without both masks have none.

    Raises:
        FileNotFoundError: If a folder is missing or holds no image.
        InputError: If a label of ``labels`` does not occur.
    """
    sides = [
        existing_folder(root / "ManualMask" / side, layout=LAYOUT)
        for side in ("leftMask", "rightMask")
    ]
    chosen = Selection(LABELS, labels)
    for path in list_images(root / "CXR_png", layout=LAYOUT):
        label = chosen.classify(path.stem.rpartition("_")[2])
        if not label:
            continue
        masks = tuple(side / path.name for side in sides)
        reading = _reading(root / "ClinicalReadings" / f"{path.stem}.txt")
        chosen.use(
            Record(
                path=path,
                dataset="montgomery",
                site="Montgomery County",
                patient=path.stem,
                label=label,
                view="PA",
                age=parse_age(reading.get("Age", "")),
                sex=parse_sex(reading.get("Sex", "")),
                lung_masks=masks if all(mask.is_file() for mask in masks) else (),
                spacing_mm=(SPACING_MM, SPACING_MM),
                published_px=PUBLISHED_PX,
            )
        )
    return chosen.listing()


def _reading(path: Path) -> dict[str, str]:
    """Return what the radiologist's note says of the patient; nothing when there is no note."""
    return dict(READING.findall(path.read_text("utf-8", "replace"))) if path.is_file() else {}
