"""What a bias test is: a background that gives the class away in development, and tests of it.

A classifier that reads the planted shortcut is perfect while the shortcut tells the truth, worse
without it, and worthless when it deceives.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.registry import Registry

Images = NDArray[np.uint8]

CLASS_MARK_TESTS = ("biased", "unbiased", "deceiving")
"""Tests of class marks: the class's own mark, no mark, the mark of the next class."""


class Stamp(Protocol):
    """Changes images as one test of a bias test wants them."""

    def __call__(
        self, images: Images, masks: Images, classes: NDArray[np.int64], *, test: str, count: int
    ) -> Images:
        """Return changed copies.

        Args:
            images: (N, S, S); left as they are.
            masks: 1 in the lungs, (N, S, S); all 0 where an image has no mask.
            classes: Class index of each image, (N,).
            test: Which of the bias test's tests.
            count: Number of classes.

        Raises:
            InputError: If a class is not below ``count``.
            InputError: If there is no such test.
        """
        ...


@dataclass(frozen=True)
class BiasTest:
    """A shortcut that is planted into images, and the tests of who takes it.

    Attributes:
        title: What the report calls it.
        description: One sentence for the report: what is planted, and where.
        tests: Names of its tests, in the report's order; the last is compared with ``development``.
        development: The test whose images training and validation see.
        stamp: Changes images.
    """

    title: str
    description: str
    tests: tuple[str, ...]
    development: str
    stamp: Stamp

    def __post_init__(self) -> None:
        """Check that development is one of the tests.

        Raises:
            InputError: If it is not.
        """
        if self.development not in self.tests:
            raise InputError(f"development must be one of {self.tests}, got {self.development!r}")


BIAS_TESTS: Registry[BiasTest] = Registry("bias test")


def marked_class(classes: NDArray[np.int64], *, test: str, count: int) -> NDArray[np.int64] | None:
    """Say whose mark every image gets, (N,); None where ``test`` has no marks.

    Raises:
        InputError: If a class is not in 0..count - 1.
        InputError: If ``test`` is none of ``CLASS_MARK_TESTS``.
    """
    if test not in CLASS_MARK_TESTS:
        raise InputError(name_unknown("test", [test], CLASS_MARK_TESTS))
    if len(classes) and (classes.min() < 0 or classes.max() >= count):
        raise InputError(f"classes must lie in 0..{count - 1}, got up to {classes.max()}")
    if test == "unbiased":
        return None
    return classes if test == "biased" else (classes + 1) % count
