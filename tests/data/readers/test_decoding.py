"""Frames are decoded by processes that are used again, and ended once they hold too much; whole."""

import io

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGBaseline8Bit

from isnet_cxr.data.readers import UnreadableImage, decoding, read_image
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


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "name", ["JPGExtended.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"]
)
def test_a_frame_that_ends_too_early_is_refused(tmp_path, name, share):
    source = pydicom.data.get_testdata_file(name, read=True, download=False)
    (frame,) = generate_frames(source.PixelData, number_of_frames=1)
    path = tmp_path / "frame.dcm"
    source.save_as(path)
    read_image(path)
    source.PixelData = encapsulate([frame[: int(len(frame) * share)] + b"\xff\xd9"])
    source.save_as(path)
    with pytest.raises(UnreadableImage):
        read_image(path)


def test_a_sound_frame_is_read_after_a_damaged_one(tmp_path, begun, write_frame):
    stream = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(stream, "JPEG")
    content, shape = stream.getvalue(), {"rows": 30, "columns": 40, "bits": 8}
    for _ in range(3):
        with pytest.raises(UnreadableImage):
            read_image(write_frame(content[:-99] + b"\xff\xd9", syntax=JPEGBaseline8Bit, **shape))
        assert read_image(write_frame(content, syntax=JPEGBaseline8Bit, **shape)).pixels.any()
    assert len(begun) == 1
