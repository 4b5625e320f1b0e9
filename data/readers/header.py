"""What a DICOM header says of the kind of image, in known words only.

Body parts are written freely in practice ("PORT CHEST", "Knie re."): each word is compared with
known ones, and what is not known counts as unsaid. No text of a header is quoted.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset

Lie = Literal["", "frontal", "lateral", "cross-section", "turned", "upside down"]

RADIOGRAPHS = ("CR", "DX", "DR", "RG")  # DR is no defined term, but is written
FLUOROSCOPY = ("RF", "XA")
OTHERS = (
    "CT", "MR", "US", "NM", "PT", "MG", "IO", "PX", "ES", "OP", "GM", "SM", "XC", "BMD", "OCT",
    "OPT", "IVUS", "IVOCT", "ECG", "DOC", "KO", "PR", "SR", "SEG", "REG", "RTIMAGE", "RTDOSE",
    "RTSTRUCT", "RTPLAN", "DMS", "BI", "TG", "EPS", "HD", "AR", "LEN", "OAM", "VA", "SMR",
)  # fmt: skip
MODALITIES = (*RADIOGRAPHS, *FLUOROSCOPY, *OTHERS)
_CLASSES = "1.2.840.10008.5.1.4.1.1."  # SOP classes of one modality, PS3.4 B.5
SOP_CLASSES = {
    f"{_CLASSES}{end}": modality
    for end, modality in {
        "1.2": "MG", "1.2.1": "MG", "1.3": "IO", "1.3.1": "IO", "2": "CT", "2.1": "CT", "2.2": "CT",
        "3.1": "US", "4": "MR", "4.1": "MR", "6.1": "US", "12.1": "XA", "12.2": "RF", "20": "NM",
        "128": "PT", "130": "PT", "481.1": "RTIMAGE", "481.2": "RTDOSE", "66.4": "SEG",
    }.items()
}  # fmt: skip
CHEST = "chest"
NEAR = ("ribs", "heart", "chest and more")
_WORDS = {
    CHEST: "CHEST THORAX TORAX LUNG LUNGS PULMON PECHO POITRINE BRUSTKORB",
    "ribs": "RIB RIBS STERNUM CLAVICLE",
    "heart": "HEART MEDIASTINUM",
    "chest and more": "CHESTABDOMEN CHESTABDPELVIS WHOLEBODY BABYGRAM",
    "abdomen": "ABDOMEN ABDOMENPELVIS KUB LIVER KIDNEY",
    "pelvis": "PELVIS SACRUM COCCYX SIJOINT",
    "hip": "HIP HIPS",
    "knee": "KNEE KNEES PATELLA KNIE GENOU RODILLA",
    "leg": "LEG LEGS FEMUR TIBIA FIBULA TIBIAFIBULA THIGH CALF",
    "foot": "FOOT FEET TOE TOES ANKLE HEEL CALCANEUS",
    "arm": "ARM ARMS HUMERUS FOREARM ELBOW RADIUS ULNA RADIUSULNA",
    "hand": "HAND HANDS FINGER FINGERS THUMB WRIST SCAPHOID",
    "shoulder": "SHOULDER SHOULDERS SCAPULA ACJOINT",
    "extremity": "EXTREMITY EXTREMITIES UPRLIMB LWRLIMB",
    "spine": "SPINE CSPINE TSPINE LSPINE TLSPINE LSSPINE SSPINE CTSPINE",
    "neck": "NECK LARYNX THYROID",
    "head": "HEAD SKULL BRAIN ORBIT ORBITS SINUS SINUSES FACE NOSE JAW MANDIBLE MAXILLA TMJ",
    "teeth": "TEETH TOOTH DENTAL",
    "breast": "BREAST BREASTS MAMMA",
}
BODY_PARTS = {word: part for part, words in _WORDS.items() for word in words.split()}
_CODES = {  # PS3.16 CID 4031, in SNOMED CT and in the older SNOMED RT
    CHEST: "51185008 816094009 T-D3000",
    "abdomen": "113345001 818981001 T-D4000",
    "pelvis": "12921003 816092008 T-D6000",
    "hip": "24136001 T-15710",
    "knee": "72696002 T-D9200",
    "foot": "56459004 T-D9700 70258002 T-15750",
    "arm": "127949000 T-15430",
    "hand": "85562004 T-D8700 8205005 T-15460",
    "shoulder": "16982005 T-D2220",
    "spine": "122494005 T-11501 122495006 T-11502 122496007 T-11503",
    "head": "69536005 T-D1100 89546000 T-11100",
}
CODES = {code: part for part, codes in _CODES.items() for code in codes.split()}
PROJECTIONS = {
    **dict.fromkeys(("LLD", "RLD"), "decubitus"),
    **dict.fromkeys(("LLO", "RLO", "LAO", "RAO", "LPO", "RPO", "OBLIQUE", "OBL"), "oblique"),
}
SIDES = ("L", "R")
AXES = {
    **dict.fromkeys("LR", "across"),
    **dict.fromkeys("AP", "through"),
    **dict.fromkeys("HF", "along"),
}
LIES: dict[tuple[str, str], Lie] = {
    ("across", "along"): "frontal",
    ("through", "along"): "lateral",
    ("across", "through"): "cross-section",
    ("through", "across"): "cross-section",
    ("along", "across"): "turned",
    ("along", "through"): "turned",
}


@dataclass(frozen=True)
class Header:
    """What a file says of its image; empty where it says nothing that is known.

    Attributes:
        modality: A DICOM term, one of ``MODALITIES``.
        body_part: "chest", "knee", ..., see ``BODY_PARTS``.
        view: PA, AP, lateral, oblique or decubitus.
        side: L or R where the file says that it shows one side of a pair.
        lie: How the patient lies in the image, by PatientOrientation.
        burnt_in: Whether the pixels hold annotations, says the file.
    """

    modality: str = ""
    body_part: str = ""
    view: str = ""
    side: str = ""
    lie: Lie = ""
    burnt_in: bool = False


def read_header(dataset: Dataset, *, view: str, laterality: str) -> Header:
    """Read a dataset; ``view`` and ``laterality`` are what its reader found."""
    return Header(
        modality=_modality(dataset),
        body_part=_body_part(dataset),
        view=view or PROJECTIONS.get(_text(dataset, "ViewPosition"), ""),
        side=laterality if laterality in SIDES else "",
        lie=_lie(dataset),
        burnt_in=_text(dataset, "BurnedInAnnotation") == "YES",
    )


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().upper()


def _modality(dataset: Dataset) -> str:
    """Return the SOP class's modality where it has but one, or else what is written."""
    written = _text(dataset, "Modality")
    known = written if written in MODALITIES else ""
    return SOP_CLASSES.get(str(dataset.get("SOPClassUID") or ""), known)


def _body_part(dataset: Dataset) -> str:
    text = _text(dataset, "BodyPartExamined")
    words = [*re.findall(r"[A-Z]+", text), re.sub(r"[^A-Z]", "", text)]
    parts = {BODY_PARTS[word] for word in words if word in BODY_PARTS}
    if not parts:
        items = dataset.get("AnatomicRegionSequence") or ()
        parts = {CODES[code] for item in items if (code := _text(item, "CodeValue")) in CODES}
    if CHEST in parts:
        return CHEST if len(parts) == 1 else "chest and more"
    return min(parts, default="")


def _lie(dataset: Dataset) -> Lie:
    """Say which way the rows and columns run: L or R, A or P, H or F leads each of the two."""
    orientation = dataset.get("PatientOrientation")
    if np.size(orientation) != len(("row", "column")):
        return ""
    across, down = (str(axis)[:1] for axis in orientation)
    if across not in AXES or down not in AXES:
        return ""
    return LIES.get((AXES[across], AXES[down]), "") if down != "H" else _head_down(across)


def _head_down(across: str) -> Lie:
    return "" if AXES[across] == "along" else "upside down"
