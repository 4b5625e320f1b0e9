"""The words of a report as codes: of SNOMED CT and DICOM where they have one, else our own."""

import hashlib
import re

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

SCHEME = "99ISNETCXR"
LONGEST_VALUE, LONGEST_MEANING = 16, 64
FINDINGS = {
    "normal": CodedConcept("17621005", "SCT", "Normal"),
    "pneumonia": CodedConcept("233604007", "SCT", "Pneumonia"),
    "covid": CodedConcept("840539006", "SCT", "COVID-19"),
    "covid-19": CodedConcept("840539006", "SCT", "COVID-19"),
    "tuberculosis": CodedConcept("56717001", "SCT", "Tuberculosis"),
}
"""Class -> code, for names that can mean one thing only."""
PROBABILITY = CodedConcept.from_code(codes.DCM.Probability)
NO_UNIT = CodedConcept.from_code(codes.UCUM.NoUnits)
LUNG = CodedConcept.from_code(codes.SCT.Lung)


def scheme() -> CodingSchemeIdentificationItem:
    """Return what a report says of our own codes."""
    return CodingSchemeIdentificationItem(
        SCHEME, name="isnet-cxr results", responsible_organization="isnet-cxr"
    )


def own(words: str) -> CodedConcept:
    """Return a code of our own for some words: the same words have the same code.

    A short code is legible; of longer words it is a digest.
    """
    words = in_ascii(words)[:LONGEST_MEANING].strip() or "unnamed"
    value = re.sub(r"[^A-Z0-9]+", "_", words.upper()).strip("_")
    if not 0 < len(value) <= LONGEST_VALUE or value.lower() != words.replace(" ", "_"):
        value = "X" + hashlib.blake2b(words.encode(), digest_size=6).hexdigest().upper()
    return CodedConcept(value, SCHEME, words)


def finding(name: str) -> CodedConcept:
    """Return the code of a class."""
    return FINDINGS.get(name.strip().lower()) or own(name)


def in_ascii(text: str) -> str:
    """Return a text that every character set of a DICOM file has, with ? for what it has not."""
    return text.encode("ascii", "replace").decode("ascii").replace("\\", "/")
