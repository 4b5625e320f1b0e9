"""Any folder of class folders: the folder's name is the class.

Images may lie deeper below their class folder, in any format that can be read. The dataset and the
site have the root's name. DICOM files bring their patient and view; any other image is a patient of
its own, so that several images of one patient may be torn apart: use a table (``csv``) for those.
Every other file below the root is left out, counted and listed.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.datasets.tree import find_images
from isnet_cxr.data.manifests.records import Record

LAYOUT = "a folder for each class, with its images"
LABELS: dict[str, str] = {}


def read_folder(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of every class folder under ``root``.

    Raises:
        FileNotFoundError: If there is no class folder or no image.
        InputError: If a label of ``labels`` is no class folder.
    """
    name = existing_folder(root, layout=LAYOUT).resolve().name
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    chosen = Selection({folder: folder for folder in folders}, labels)
    for one in find_images(root, chosen):
        if one.depth == 1:
            chosen.ignore(one.path, "in no class folder")
            continue
        label = chosen.classify(one.path.parts[-one.depth], path=one.path)
        if label:
            chosen.use(Record(path=one.path, dataset=name, site=name, patient="", label=label))
    listing = chosen.listing()
    if not listing.records:
        raise FileNotFoundError(f"{root}: no image in a class folder; expected {LAYOUT}")
    return listing
