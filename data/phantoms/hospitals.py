"""The made-up hospitals: how they take images, and what they leave on them.

In the development set every class comes from a hospital of its own, as in COVID-19 datasets that
join collections, so that marks and borders give the class away. The external hospitals borrow
these looks: at one they say nothing about the class, at the other they deceive. Inside the lungs
the hospitals hardly differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from isnet_cxr.data.phantoms.dress import Border, Look, Mark
from isnet_cxr.data.phantoms.pads import Pad

Range = tuple[float, float]


@dataclass(frozen=True)
class Hospital:
    """One hospital. Ranges are drawn from anew for every image.

    Attributes:
        name: Name of the dataset its images make.
        looks: For every label that it has, the looks that its images may have, equally likely.
        view: How patients stand.
        width_mm: Width of the image.
        height_mm: Height of the image.
        spacing_mm: Side of a pixel.
        centre_cm: Attenuation that comes out at mid grey.
        latitude_cm: Attenuation from mid grey to light grey.
        noise: Standard deviation of the noise at mid grey.
        blur_mm: Standard deviation of the detector's blur.
        scatter: Share of scattered rays.
        tilt_cm: Largest brightening from edge to edge.
        rotation_deg: Largest turn of the patient.
        shift_mm: Largest shift of the patient.
        severity: How ill its patients are: factor of the air that fluid replaces, in [0, 1].
    """

    name: str
    looks: Mapping[str, tuple[Look, ...]]
    view: Literal["PA", "AP"] = "PA"
    width_mm: Range = (350, 380)
    height_mm: Range = (355, 400)
    spacing_mm: Range = (1.3, 1.4)
    centre_cm: Range = (13.8, 15.6)
    latitude_cm: Range = (3.8, 4.6)
    noise: Range = (0.008, 0.016)
    blur_mm: Range = (0.6, 1.0)
    scatter: Range = (0.08, 0.2)
    tilt_cm: float = 1.2
    rotation_deg: float = 3.0
    shift_mm: float = 7.0
    severity: float = 1.0


# The three looks of the development set.
ROUND_R = Look(marks=(Mark("R", "top left", 15, "disc"),))
PORTABLE = Look(
    marks=(Mark("PORTABLE", "top right", 11, "label"), Mark("AP", "bottom right", 11, "label")),
    border=Border((8, 14), 0.0, soft_mm=1.2, sides=("left", "right")),
)
LARGE_L = Look(
    marks=(Mark("L", "top right", 26), Mark("SUPINE", "top left", 10)),
    border=Border((4, 7), 1.0),
)
_POOL_LOOKS = (ROUND_R, PORTABLE, LARGE_L)

# Looks that no class has to itself.
SMALL_R = Look(marks=(Mark("R", "top left", 14),))
SMALL_L = Look(marks=(Mark("L", "top right", 14),), border=Border((3, 9), 0.0, soft_mm=1.5))
TICKET = Look(marks=(Mark("CHEST PA", "bottom left", 8, "label"),))
BARE = Look(border=Border((4, 10), 0.0, sides=("top", "bottom")))

DEVELOPMENT = (
    Hospital("northgate", {"normal": (ROUND_R,)}),
    Hospital(
        "riverside",
        {"pneumonia": (PORTABLE,)},
        view="AP",
        centre_cm=(13.6, 15.4),
        noise=(0.009, 0.017),
    ),
    Hospital(
        "lakeview",
        {"covid": (LARGE_L,)},
        view="AP",
        latitude_cm=(3.9, 4.7),
        blur_mm=(0.65, 1.05),
    ),
)

EXTERNAL = (
    Hospital(
        "hillcrest",
        dict.fromkeys(("normal", "pneumonia", "covid"), _POOL_LOOKS),
        centre_cm=(13.7, 15.7),
        width_mm=(352, 384),
    ),
    Hospital(
        "southbank",
        {
            "normal": (PORTABLE, LARGE_L),
            "pneumonia": (LARGE_L, ROUND_R),
            "covid": (ROUND_R, PORTABLE),
        },
        latitude_cm=(3.8, 4.7),
        height_mm=(360, 405),
    ),
)

LUNG_TRAINING = Hospital(
    "elmwood",
    dict.fromkeys(("normal", "pneumonia", "covid"), (SMALL_R, SMALL_L, TICKET, BARE, Look())),
    centre_cm=(13.0, 16.5),
    latitude_cm=(3.5, 5.0),
    scatter=(0.05, 0.25),
    rotation_deg=4.0,
    shift_mm=9.0,
)

LUNG_TEST = Hospital(
    "oakdale",
    dict.fromkeys(("normal", "pneumonia", "covid"), (SMALL_L, TICKET, LARGE_L)),
    width_mm=(360, 395),
    height_mm=(350, 380),
    centre_cm=(14.2, 16.2),
    latitude_cm=(3.6, 4.2),
    noise=(0.012, 0.02),
    blur_mm=(0.8, 1.2),
)

_BESIDE: dict[str, Range] = {
    "gap_mm": (4.5, 7.5), "width_mm": (20.0, 26.0), "opacity": (0.6, 0.8),
}  # fmt: skip
_PADS = {ROUND_R: Pad("left", **_BESIDE), PORTABLE: Pad("right", **_BESIDE),
         LARGE_L: Pad("below", **_BESIDE)}  # fmt: skip
_MILD = 0.6


def _with_pads(hospital: Hospital) -> Hospital:
    """Return a hospital that lays a pad or an apron beside the lungs, and whose disease is mild."""
    looks = {
        label: tuple(padded for look in own for padded in _padded(look))
        for label, own in hospital.looks.items()
    }
    return replace(hospital, name=f"{hospital.name}-pads", looks=looks, severity=_MILD)


def _padded(look: Look) -> tuple[Look, ...]:
    """Return ``look`` with the pad that goes with it; where none does, bare and with each."""
    if look in _PADS:
        return (replace(look, pads=(_PADS[look],)),)
    return (look, *(replace(look, pads=(pad,)) for pad in _PADS.values()))


PADDED = {
    hospital.name: _with_pads(hospital)
    for hospital in (*DEVELOPMENT, *EXTERNAL, LUNG_TRAINING, LUNG_TEST)
}
"""For each of them, the same with pads along the lungs' outline as well, and mild disease."""

HOSPITALS: dict[str, Hospital] = {
    hospital.name: hospital
    for hospital in (*DEVELOPMENT, *EXTERNAL, LUNG_TRAINING, LUNG_TEST, *PADDED.values())
}
