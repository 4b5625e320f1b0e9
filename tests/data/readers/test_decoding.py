"""Frames are decoded by processes that are used again, and ended once they hold too much."""

import numpy as np
import pytest

from isnet_cxr.data.readers import decoding, read_image
from tests.data.readers.test_codestream import RLE, packbits

SIZE = (30, 40)


@pytest.fixture
def begun(monkeypatch):
    """How many processes have begun to decode; none is there before."""
    decoding._end_processes()
    processes = []
    begin = decoding._Process.__init__

    def count(self) -> None:
        begin(self)
        processes.append(self)

    monkeypatch.setattr(decoding._Process, "__init__", count)
    return processes


@pytest.mark.parametrize(("limit", "expected"), [(2**40, 1), (1, 3)])
def test_a_process_that_holds_too_much_is_replaced(
    begun, monkeypatch, write_frame, wedge, limit, expected
):
    monkeypatch.setattr(decoding, "RESIDENT_LIMIT", limit)
    words = wedge(*SIZE, 12).astype(np.uint16)
    path = write_frame(packbits(words), syntax=RLE, rows=SIZE[0], columns=SIZE[1], bits=12)
    first, *others = [read_image(path).pixels for _ in range(3)]
    assert len(begun) == expected
    for image in others:
        np.testing.assert_array_equal(image, first)
