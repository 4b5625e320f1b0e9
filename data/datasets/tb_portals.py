"""TB Portals: chest X-rays of tuberculosis patients, many drug-resistant, of some 15 countries.

Source: National Institute of Allergy and Infectious Diseases. Licence: data use agreement.
Cite: Rosenthal et al. 2017, doi:10.1128/JCM.01013-17, and the acknowledgement that it asks for.
Content: de-identified cases of tuberculosis with X-rays and CT in DICOM; one class. Sites are
countries. The view comes from the DICOM header, so that lateral images may be among them: keep the
rows whose column view is PA or AP.
Layout, as in the release of August 2023: one table TB*CXRs*.csv with series_instance_content_url,
condition_id, country and, where it has it, patient_id; and the images at those places below a
folder whose name holds CXR, or below the root. This layout is known from users of the data; the
publisher's own description is given out with the data only.
Known bias: one class; drug-resistant and severe cases are more frequent than in any clinic; the
same patient has images of many months.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import only_file, read_table
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "TB*CXRs*.csv and the DICOM files that its series_instance_content_url names"
LABELS = {"tuberculosis": "tuberculosis"}
FILE, CASE, COUNTRY, PATIENT = (
    "series_instance_content_url",
    "condition_id",
    "country",
    "patient_id",
)


def read_tb_portals(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of the table under ``root``.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = only_file(root, "TB*CXRs*.csv", layout=LAYOUT)
    folders = sorted(path for path in root.glob("*CXR*") if path.is_dir())
    base = folders[0] if folders else root
    chosen = Selection(LABELS, labels)
    rows = read_table(table, columns=(FILE, CASE, COUNTRY), optional=(PATIENT,), layout=LAYOUT)
    for row in rows:
        label = chosen.classify("tuberculosis")
        if label:
            chosen.use(
                Record(
                    path=base / row[FILE],
                    dataset="tb_portals",
                    site=row[COUNTRY] or "TB Portals",
                    patient=row[PATIENT] or row[CASE],
                    label=label,
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()
