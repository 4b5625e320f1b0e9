"""Where a DICOM image stands in its archive: what a PACS finds it by.

These identifiers lead to a patient for whoever has the archive. They are kept beside the images
alone, in the same places as the names of files; what has not the form of one is left out, so that
no free text comes along.
"""

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
LONGEST_UID = 64
ACCESSION = re.compile(r"[\w .,:/+#*^-]+", re.ASCII)
LONGEST_ACCESSION = 16


@dataclass(frozen=True)
class Origin:
    """Identifiers of a DICOM image, each empty where its header has none.

    Attributes:
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        sop_uid: SOP Instance UID.
        accession: Accession number of the request.
    """

    study_uid: str = ""
    series_uid: str = ""
    sop_uid: str = ""
    accession: str = ""


def read_origin(dataset: Dataset) -> Origin:
    """Read the identifiers of a DICOM header."""
    return Origin(
        study_uid=_uid(dataset, "StudyInstanceUID"),
        series_uid=_uid(dataset, "SeriesInstanceUID"),
        sop_uid=_uid(dataset, "SOPInstanceUID"),
        accession=_matching(dataset, "AccessionNumber", ACCESSION, LONGEST_ACCESSION),
    )


def _uid(dataset: Dataset, keyword: str) -> str:
    return _matching(dataset, keyword, UID, LONGEST_UID)


def _matching(dataset: Dataset, keyword: str, form: re.Pattern[str], longest: int) -> str:
    value = str(dataset.get(keyword) or "").strip()
    return value if len(value) <= longest and form.fullmatch(value) else ""
