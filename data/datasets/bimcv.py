"""BIMCV-COVID19+ and BIMCV-COVID19-: patients tested for COVID-19 in the Valencian Region, Spain.

Source: Valencian Region Medical ImageBank. Licence: the BIMCV research use agreement.
Cite: de la Iglesia Vaya et al. 2020, arXiv:2006.01174; 2021, doi:10.21227/m4j2-ap59 (negatives).
Content: CR and DX images (and CT, which is not used) of 11 hospitals; the first iteration of the
positives has 1,380 CR and 885 DX studies of 1,311 patients.
Label: images of the positive part are ``covid19_posi``, covid by the patient's test, whatever the
image shows. The negative part goes by the findings of the report: pneumonia (also atypical and
viral), normal if that is the only one. To go by reports in the positive part too, map
``covid19_posi`` to nothing and ``COVID 19`` to covid.
Layout: covid19_posi/ or covid19_neg/ or both, as their archives unpack, with
sub-*/ses-*/mod-rx/*_bp-chest_vp-{pa,ap}_{cr,dx}.png, the DICOM header beside each image as .json,
derivatives/labels/*abels_covid*.tsv and participants.tsv.
Known bias: the PNGs hold stored values without window, and images stored as negatives (MONOCHROME1
in the header) are negatives in the PNG too: an import turns these round. A patient may be in both
parts under two ids, which the parts' tables do not tell.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import (
    only_file,
    parse_age,
    parse_findings,
    parse_sex,
    read_table,
)
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "covid19_posi/ or covid19_neg/ with sub-*/ses-*/mod-rx/*.png, derivatives/ and a table"
LABELS = {
    "covid19_posi": "covid",
    "pneumonia": "pneumonia",
    "atypical pneumonia": "pneumonia",
    "viral pneumonia": "pneumonia",
    "normal": "normal",
}
PARTS = ("covid19_posi", "covid19_neg")
VIEWS = {"_vp-pa_": "PA", "_vp-ap_": "AP"}
PHOTOMETRIC = "00280004"


def read_bimcv(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal images of the parts that are under ``root``.

    Raises:
        FileNotFoundError: If there is no part, or a part has no image or table.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    parts = [root / part for part in PARTS if (root / part).is_dir()]
    if not parts:
        raise FileNotFoundError(f"{root}: neither {' nor '.join(PARTS)}; expected {LAYOUT}")
    chosen = Selection(LABELS, labels)
    for part in parts:
        _read_part(part, chosen)
    return chosen.listing()


def _read_part(part: Path, chosen: Selection) -> None:
    findings = _findings(part)
    patients = _patients(part)
    paths = sorted(part.glob("sub-*/ses-*/mod-rx/*.png"))
    if not paths:
        raise FileNotFoundError(f"{part}: no image in it; expected {LAYOUT}")
    for path in paths:
        view = next((view for mark, view in VIEWS.items() if mark in path.name), "")
        if not view or "_bp-chest_" not in path.name:
            chosen.leave_out(NOT_FRONTAL)
            continue
        patient, session = path.parts[-4], path.parts[-3]
        own = [part.name] if part.name == "covid19_posi" else []
        label = chosen.classify([*own, *findings.get(session, [])])
        if label:
            described = patients.get(patient, {})
            chosen.use(
                Record(
                    path=path,
                    dataset="bimcv",
                    site="BIMCV",
                    patient=patient,
                    label=label,
                    view=view,
                    age=parse_age(next(iter(parse_findings(described.get("age", ""))), "")),
                    sex=parse_sex(described.get("gender", "")),
                    negative=_is_negative(path.with_suffix(".json")),
                )
            )


def _findings(part: Path) -> dict[str, list[str]]:
    """Return the findings of each session's report; ``normal`` only where nothing else is found."""
    table = only_file(part / "derivatives" / "labels", "*abels_covid*.tsv", layout=LAYOUT)
    rows = read_table(table, columns=("ReportID", "Labels"), layout=LAYOUT, delimiter="\t")
    found = {row["ReportID"]: parse_findings(row["Labels"]) for row in rows}
    return {
        session: names if len(set(names)) == 1 else [name for name in names if name != "normal"]
        for session, names in found.items()
    }


def _patients(part: Path) -> dict[str, dict[str, str]]:
    table = part / "participants.tsv"
    columns = ("participant", "age", "gender")
    rows = read_table(table, columns=columns, layout=LAYOUT, delimiter="\t")
    return {row["participant"]: row for row in rows}


def _is_negative(header: Path) -> bool:
    """Tell by the DICOM header, in DICOM's JSON; an image without header is taken as it is."""
    try:
        return bool(json.loads(header.read_text("utf-8"))[PHOTOMETRIC]["Value"] == ["MONOCHROME1"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
