"""V7 COVID-19 X-ray dataset: lung masks, heart included, for the images of two other collections.

Source: V7 Labs with CloudFactory, the repository v7labs/covid-19-xray-dataset. Licence: masks CC
BY 4.0; images as in their sources.
Cite: V7 Labs 2020, the repository; Cohen et al. 2020, arXiv:2006.11988; Kermany et al. 2018,
doi:10.1016/j.cell.2018.02.010.
Content: 6,500 images, AP and PA; 517 of COVID-19 (from ``cohen``), 5,863 of children (``kermany``).
Lateral images and 63 CT slices have no lung mask, or one that is all background, and are left out.
Patient and view unknown.
Label: the annotation's tag, such as Bacterial Pneumonia; an image without a tag that is used has
none and stays, for its mask.
Layout, as Darwin's release: images/, annotations/*.json of the same names, and the repository's
annotations/all-images-semantic-masks/*.png (255 lung, 127 ignored, 0 background).
Known bias: the lungs reach behind the heart and, where they show, below the diaphragm, unlike in
shenzhen, montgomery and jsrt: do not train one segmenter on both conventions. Devices over the lung
are cut out, if thicker than 1 cm. All images are in ``cohen`` or ``kermany`` too.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, list_images
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.records import Record

LAYOUT = "images/, annotations/*.json and annotations/all-images-semantic-masks/*.png"
LABELS = {
    "COVID-19": "covid",
    "Bacterial Pneumonia": "pneumonia",
    "Viral Pneumonia": "pneumonia",
    "Fungal Pneumonia": "pneumonia",
    "Undefined Pneumonia": "pneumonia",
    "No Pneumonia (healthy)": "normal",
}
LUNG = 255
WITHOUT_LUNGS = "no lung mask: a lateral image or a CT slice"


def read_v7(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root`` that have a lung mask; those whose mask is empty go later.

    Raises:
        FileNotFoundError: If a folder is missing or holds no image.
        InputError: If an annotation is damaged, or a label of ``labels`` does not occur.
    """
    annotations = existing_folder(root / "annotations", layout=LAYOUT)
    masks = existing_folder(annotations / "all-images-semantic-masks", layout=LAYOUT)
    chosen = Selection(LABELS, labels)
    for index, path in enumerate(list_images(root / "images", layout=LAYOUT)):
        mask = masks / f"{path.stem}.png"
        if not mask.is_file():
            chosen.leave_out(WITHOUT_LUNGS)
            continue
        chosen.use(
            Record(
                path=path,
                dataset="v7",
                site="v7",
                patient=path.stem,
                label=chosen.find(_tags(annotations / f"{path.stem}.json", index)),
                lung_masks=(mask,),
                without_lungs=WITHOUT_LUNGS,
                lung_value=LUNG,
            )
        )
    return chosen.listing()


def _tags(path: Path, index: int) -> list[str]:
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_text("utf-8"))
        return [str(entry["name"]) for entry in content["annotations"]]
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f"{path.parent}: annotation of image {index}: a list of annotations with names expected"
        ) from None
