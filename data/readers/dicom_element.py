"""How a DICOM data set begins where nothing says that it is one (PS3.5 7.1)."""

import struct

FIRST_GROUPS = (0x0002, 0x0004, 0x0008)
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
IMPLICIT_HEADER, SHORT_HEADER, LONG_HEADER = 8, 8, 12
LONGEST_FIRST = 2**10
"""Length of a first element, at most: it holds a length, a character set or a code."""


def starts_with_elements(head: bytes) -> bool:
    """Claim that a file starts with two data elements of a DICOM data set, in ascending order."""
    return any(_starts(head, order) for order in "<>")


def _starts(head: bytes, order: str) -> bool:
    if len(head) < IMPLICIT_HEADER:
        return False
    group, element = struct.unpack(f"{order}HH", head[:4])
    if group not in FIRST_GROUPS:
        return False
    after = _end_of_first(head, order)
    if not after or len(head) < after + IMPLICIT_HEADER:
        return False
    following = struct.unpack(f"{order}HH", head[after : after + 4])
    return (group, element) < following <= (max(group, FIRST_GROUPS[-1]) + 0x18, 0xFFFF)


def _end_of_first(head: bytes, order: str) -> int:
    """Return where the second element begins, 0 if the first is none."""
    representation = head[4:6]
    if representation in LONG_VRS:
        if len(head) < LONG_HEADER:
            return 0
        (length,) = struct.unpack(f"{order}I", head[8:12])
        header = LONG_HEADER
    elif representation in SHORT_VRS:
        (length,) = struct.unpack(f"{order}H", head[6:8])
        header = SHORT_HEADER
    else:
        (length,) = struct.unpack(f"{order}I", head[4:8])
        header = IMPLICIT_HEADER
    return header + length if length <= LONGEST_FIRST else 0
