"""Any tree of DICOM files, such as a hospital's export: no labels, everything else from headers.

Files are known by their content, whatever their names; DICOMDIR, reports and all others are left
out, counted and listed. The dataset and the site have the root's name, so give that folder
the hospital's name and no patient's. What is no radiograph fails when it is read and is listed.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.datasets.tree import find_images
from isnet_cxr.data.manifests.records import Record

LAYOUT = "a folder with DICOM files, at any depth"
LABELS: dict[str, str] = {}


def read_dicom_tree(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the DICOM files under ``root``.

    Raises:
        FileNotFoundError: If there is none.
        InputError: If ``labels`` names any: there are no labels here.
    """
    name = existing_folder(root, layout=LAYOUT).resolve().name
    chosen = Selection(LABELS, labels)
    for one in find_images(root, chosen):
        if one.verdict.is_dicom:
            chosen.use(Record(path=one.path, dataset=name, site=name, patient=""))
        else:
            chosen.ignore(one.path, "not a DICOM image")
    listing = chosen.listing()
    if not listing.records:
        raise FileNotFoundError(f"{root}: no DICOM file in it; expected {LAYOUT}")
    return listing
