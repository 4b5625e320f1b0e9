"""Any tree of DICOM files, such as a hospital's export: no labels, everything else from headers.

Files are known by their suffix or by the DICOM preamble, whatever their names; DICOMDIR and all
others are left out and counted. The dataset and the site have the root's name, so give that folder
the hospital's name and no patient's. What is no radiograph fails when it is read and is listed.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record
from isnet_cxr.data.readers import is_dicom_file

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
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if is_dicom_file(path):
            chosen.use(Record(path=path, dataset=name, site=name, patient=""))
        else:
            chosen.leave_out("not a DICOM image")
    listing = chosen.listing()
    if not listing.records:
        raise FileNotFoundError(f"{root}: no DICOM file in it; expected {LAYOUT}")
    return listing
