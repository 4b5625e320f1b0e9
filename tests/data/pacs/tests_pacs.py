"""Objects as a job makes them, and a program that knows the standard."""

import shutil
import subprocess

import numpy as np
import pytest

pytest.importorskip("highdicom", reason="the extra dicom is not installed")

from isnet_cxr.data.pacs.capture import make_capture
from isnet_cxr.data.pacs.drawing import Caption, captioned, outlined
from isnet_cxr.data.pacs.files import encoded, object_name, write_object
from isnet_cxr.data.pacs.identity import RESEARCH_ONLY, Algorithm
from isnet_cxr.data.pacs.report import Result, make_report
from isnet_cxr.data.pacs.segmentation import make_segmentation
from isnet_cxr.data.pacs.source import read_source
from isnet_cxr.data.readers import read_image

ALGORITHM = Algorithm("isnet-cxr tested", "0.1", "ab" * 32)
RESULT = Result(
    probabilities={"normal": 0.25, "covid": 0.7, "größer\\kleiner": 0.05},
    predicted="covid",
    explained="covid",
    relevance_inside_lungs=0.875,
    coded={"gate verdict": "doubtful", "mask quality": "good"},
    reasons={"gate reasons": "grey values: few", "mask reasons": "", "review flags": "upright?"},
)


def make_all(path, mask, result=RESULT, algorithm=ALGORITHM):
    """Return the three objects of an image, by kind."""
    source = read_source(path)
    grey = np.rint(read_image(path).pixels[0] * 255).astype(np.uint8)
    picture = outlined(np.repeat(grey[..., None], 3, axis=2), mask)
    scale = np.array([[33, 102, 172], [127, 127, 127], [215, 48, 31]], np.uint8)
    caption = Caption(RESEARCH_ONLY, ("predicted: covid",), scale, ("-1", "1"))
    picture = captioned(picture, caption)
    return {
        "seg": make_segmentation(source, mask, algorithm),
        "sc": make_capture(source, picture, algorithm, scale=1.0),
        "sr": make_report(source, result, algorithm),
    }


def write_all(objects, folder, image_id="0123456789abcdef"):
    """Write objects as a job does; return their paths by kind."""
    paths = {
        kind: folder / object_name(image_id, kind, dataset.SOPInstanceUID)
        for kind, dataset in objects.items()
    }
    for kind, path in paths.items():
        write_object(encoded(objects[kind]), path)
    return paths


def errors_of(path):
    """Return what dciodvfy calls an error of a file."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian package dicom3tools)")
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert said, "dciodvfy said nothing at all"
    return [line for line in said if line.startswith("Error")]
