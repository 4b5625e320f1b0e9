"""The program that ``decoding`` runs: one encoded DICOM frame in, its values or an error out.

It is run by its path and imports nothing of this project, so that it starts in a fraction of a
second. Memory is limited anew for every frame, by what its header says it may need.
"""

import json
import os
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import get_decoder
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit

EIGHT_BITS = 8
SPARE_BYTES, BLOCK = 2**28, 2**16
MESSAGES = 2  # the file descriptor on which libjpeg, which GDCM uses, says what is wrong
MISSING = (b"premature end", b"Premature end", b"bad Huffman code", b"instead of RST")
BYTES_PER_SAMPLE = 24
"""More than JPEG 2000 needs, the hungriest: its samples are 32 bits wide, and copied."""


def serve(connection: Connection) -> None:
    """Answer requests, each a JSON header and the encoded frame, until the other end is closed."""
    heard, said = os.pipe()
    os.dup2(said, MESSAGES)
    os.set_blocking(heard, False)
    os.set_blocking(MESSAGES, False)  # what finds no room is dropped
    while True:
        try:
            options = json.loads(connection.recv_bytes())
            encoded = connection.recv_bytes()
        except EOFError:
            return
        answer: dict[str, Any]
        try:
            limit_memory(options["rows"] * options["columns"] * options["samples_per_pixel"])
            messages_of(heard)
            values = np.ascontiguousarray(decode(options, encoded))
            messages = messages_of(heard)
            if any(words in messages for words in MISSING):
                raise EOFError  # libjpeg fills what is missing with grey
            answer = {"dtype": values.dtype.str, "shape": values.shape}
            content = values.tobytes()
        except Exception as error:  # each decoder fails in its own way
            answer, content = {"error": type(error).__name__}, b""
        answer["resident"] = resident_bytes()
        connection.send_bytes(json.dumps(answer).encode())
        connection.send_bytes(content)


def messages_of(heard: int) -> bytes:
    """Return what was said since the last time."""
    try:
        return os.read(heard, BLOCK)
    except BlockingIOError:
        return b""


def decode(options: dict[str, Any], encoded: bytes) -> NDArray[Any]:
    """Return the stored values, (H, W) or (H, W, 3), colours as RGB.

    Args:
        options: What pydicom's decoders take, and ``transfer_syntax``.
        encoded: The value of PixelData, encapsulated.
    """
    syntax, plugin = UID(options["transfer_syntax"]), ""
    if syntax == JPEGExtended12Bit and options["bits_stored"] > EIGHT_BITS:
        # pydicom holds that GDCM cannot decode 12 bits, which was so. GDCM reads the depth in the
        # codestream; only the name of the transfer syntax stands in the way.
        syntax, plugin = UID(JPEGBaseline8Bit), "gdcm"
    settings = {name: value for name, value in options.items() if name != "transfer_syntax"}
    settings["photometric_interpretation"] = PhotometricInterpretation(
        settings["photometric_interpretation"]
    )
    values, _ = get_decoder(syntax).as_array(
        encoded, decoding_plugin=plugin, correct_unused_bits=False, **settings
    )
    return np.asarray(values)


def limit_memory(samples: int) -> None:
    """Let the process have as much more address space as a frame of ``samples`` may need."""
    if not sys.platform.startswith("linux"):
        return  # elsewhere the size of the process is unknown, or the limit without effect
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES + BYTES_PER_SAMPLE * samples
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def resident_bytes() -> int:
    """Memory that this process holds; 0 where it cannot be known."""
    if not sys.platform.startswith("linux"):
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
