"""The gate before stage 2: what is known of an image and what is seen of it become one verdict.

>>> gate = Gate(read_gate("package"))
>>> gate.judge(seen, pixels=image.pixels, header=image.header).name

Evidence: the header (``header``), grey values (``grey``), the frame (``framing``), the lung mask
(``lungs``), and the out-of-distribution scores of the package's development set (``statistics``).
What is not at hand is left out, and the verdict says so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.gate.framing import judge_framing
from isnet_cxr.data.gate.grey import judge_grey
from isnet_cxr.data.gate.header import judge_header
from isnet_cxr.data.gate.lungs import judge_lungs
from isnet_cxr.data.gate.statistics import GateStatistics, Scores, Thresholds
from isnet_cxr.data.gate.verdict import DOUBTFUL, REFUSED, Finding, Verdict, conclude
from isnet_cxr.data.readers.header import Header

NO_STATISTICS = "not compared with a development set: the model package has no gate statistics"
NO_MASK = "lungs not judged: no lung segmenter"


@dataclass(frozen=True)
class Seen:
    """An image as the classifier's network sees it.

    Attributes:
        image: Prepared, uint8 (S, S).
        mask: 1 in the lungs, uint8 (S, S); all 0 where there are none. None without a segmenter.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None


class Gate:
    """Judges images one by one; the same image gets the same verdict in any company."""

    def __init__(self, statistics: GateStatistics | None = None) -> None:
        """Go by a development set's statistics, or by the other evidence alone."""
        self.statistics = statistics

    def judge(
        self,
        seen: Seen,
        *,
        pixels: NDArray[np.float32] | None = None,
        header: Header | None = None,
    ) -> Verdict:
        """Return the verdict on an image.

        Args:
            seen: As the network sees it.
            pixels: As it was read, (1, H, W); None where it came prepared.
            header: What its file says of it, if anything.
        """
        findings = [] if header is None else judge_header(header)
        empty = [] if pixels is None else judge_grey(pixels)
        findings += empty
        if empty:  # there is nothing to see
            return conclude(findings)
        findings += judge_framing(seen.image, seen.mask)
        if seen.mask is not None:
            findings += judge_lungs(seen.image, seen.mask)
        if self.statistics is not None:
            mask = np.zeros_like(seen.image) if seen.mask is None else seen.mask
            scores = self.statistics.scores(seen.image, mask)
            findings += judge_scores(scores, self.statistics.thresholds)
        missing = {NO_MASK: seen.mask, NO_STATISTICS: self.statistics}
        return conclude(findings, [note for note, thing in missing.items() if thing is None])


def judge_scores(scores: Scores, thresholds: Thresholds) -> list[Finding]:
    """List what the out-of-distribution scores of an image speak against it."""
    found = []
    if scores.uprightness < thresholds.refused_uprightness:
        found.append(Finding(REFUSED, f"looks as if it {scores.turned}, or is no frontal chest"))
    elif scores.uprightness < thresholds.doubtful_uprightness:
        found.append(Finding(DOUBTFUL, "hardly tells up from down, or light from dark"))
    if scores.strangeness > thresholds.refused_strangeness:
        found.append(Finding(REFUSED, "unlike any image of the development set"))
    elif scores.strangeness > thresholds.doubtful_strangeness:
        found.append(Finding(DOUBTFUL, "unlike most images of the development set"))
    return found
