"""Who made an object, and the numbers it is known by.

The same image, model and kind give the same numbers: a job that is begun anew writes the same
objects, and a PACS that has one already gets no second.
"""

from dataclasses import dataclass
from typing import Any

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from isnet_cxr.data.pacs.source import Source

MANUFACTURER = "isnet-cxr"
RESEARCH_ONLY = "Research use only - not for diagnosis"
FAMILY = codes.DCM.ArtificialIntelligence
SHOWN_DIGITS = 12
SERIES_NUMBERS = {"seg": 9101, "sc": 9102, "sr": 9103}
"""High, so that results stand after the images of a study."""


@dataclass(frozen=True)
class Algorithm:
    """What made a result.

    Attributes:
        name: Of the method.
        version: Of this software.
        digest: SHA-256 of the model, 64 hex digits; empty where it has none.
    """

    name: str
    version: str
    digest: str = ""

    @property
    def full_version(self) -> str:
        """Of software and model together."""
        return f"{self.version}, model {self.digest[:SHOWN_DIGITS] or 'unknown'}"

    def in_image(self) -> AlgorithmIdentificationSequence:
        """Return it as image objects have it."""
        return AlgorithmIdentificationSequence(
            name=self.name,
            family=FAMILY,
            version=self.full_version,
            source=MANUFACTURER,
            parameters={"model_sha256": self.digest} if self.digest else None,
        )

    def in_report(self) -> AlgorithmIdentification:
        """Return it as reports have it."""
        return AlgorithmIdentification(
            name=self.name,
            version=self.full_version,
            parameters=[f"model_sha256={self.digest}"] if self.digest else None,
            family=FAMILY,
            manufacturer=MANUFACTURER,
        )


@dataclass(frozen=True)
class Identity:
    """The numbers of one object.

    Attributes:
        kind: "seg", "sc" or "sr".
        source: The image it is of.
        algorithm: What made it.
        content: What else decides what is in it.
    """

    kind: str
    source: Source
    algorithm: Algorithm
    content: str = ""

    def uid(self, what: str) -> str:
        """Return a UID: the same for the same object, and no other object's."""
        made_by = (self.algorithm.name, self.algorithm.version, self.algorithm.digest)
        of = (self.source.sop_uid, self.source.digest(), self.content)
        return str(generate_uid(entropy_srcs=["isnet-cxr", self.kind, what, *made_by, *of]))

    def arguments(self, description: str) -> dict[str, Any]:
        """Return what every object's constructor wants to know."""
        return {
            "series_instance_uid": self.uid("series"),
            "series_number": SERIES_NUMBERS[self.kind],
            "sop_instance_uid": self.uid("instance"),
            "instance_number": 1,
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": self.algorithm.name,
            "software_versions": self.algorithm.full_version,
            "device_serial_number": self.algorithm.digest[:SHOWN_DIGITS] or "none",
            "series_description": f"{description}, research use only",
            "content_qualification": "RESEARCH",
        }
