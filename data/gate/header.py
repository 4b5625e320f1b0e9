"""What a file's header speaks against an image: another modality, body part or view.

Headers err, above all in the body part. A refusal by one names it, so that a person can correct the
file or predict without the gate.
"""

from isnet_cxr.data.gate.verdict import DOUBTFUL, REFUSED, Finding
from isnet_cxr.data.readers.header import CHEST, FLUOROSCOPY, NEAR, OTHERS, Header

LIES = {
    "lateral": Finding(DOUBTFUL, "header: lateral, by the patient orientation"),
    "cross-section": Finding(REFUSED, "header: a cross-section, by the patient orientation"),
    "turned": Finding(DOUBTFUL, "header: lies on its side, by the patient orientation"),
    "upside down": Finding(DOUBTFUL, "header: upside down, by the patient orientation"),
}
VIEWS = {
    "lateral": Finding(REFUSED, "header: lateral view"),
    "oblique": Finding(DOUBTFUL, "header: oblique view"),
    "decubitus": Finding(DOUBTFUL, "header: lateral decubitus"),
}
FRONTAL_VIEWS = ("PA", "AP")


def judge_header(header: Header) -> list[Finding]:
    """List what speaks against an image; nothing where the header says nothing."""
    found = [_modality(header.modality), _body_part(header.body_part), VIEWS.get(header.view)]
    is_frontal_chest = header.body_part == CHEST and header.view in FRONTAL_VIEWS
    if header.side and not is_frontal_chest:
        found.append(Finding(DOUBTFUL, "header: one side of a pair"))
    found.append(LIES.get(header.lie))
    if header.burnt_in:
        found.append(Finding(DOUBTFUL, "header: burnt-in annotation"))
    return [one for one in found if one is not None]


def _modality(modality: str) -> Finding | None:
    if modality in OTHERS:
        return Finding(REFUSED, f"header: modality {modality}, no radiograph")
    return Finding(DOUBTFUL, f"header: modality {modality}") if modality in FLUOROSCOPY else None


def _body_part(part: str) -> Finding | None:
    if part in ("", CHEST):
        return None
    return Finding(DOUBTFUL if part in NEAR else REFUSED, f"header: body part {part}")
