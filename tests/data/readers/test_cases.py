"""The small inputs of public bug reports do as ``cases/README.md`` says."""

import os
from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask

REFUSED = {
    "l1_rgb_pixels_monochrome2_header.dcm": "pixel data of 234,270 bytes",
    "l4_two_jpeg_frames_no_number_of_frames.dcm": "2 frames in one file",
    "s2_baseline_3comp_header_1.dcm": "3 samples .* 1 samples",
    "s2_lossless_3comp_header_1.dcm": "3 samples .* 1 samples",
    "s4_baseline_transposed.dcm": "274 x 285 .* 285 x 274",
    "s4_j2k_transposed.dcm": "274 x 285 .* 285 x 274",
    "s5_jls_stream_larger.dcm": "300 x 300 .* 285 x 274",
    "s9_j2k_12bit_values_header_8.dcm": "16 bits .* 8 bits",
}
READ = (
    "01c_rgb_window.dcm",
    "02a_voilut_12_in_16.dcm",
    "04c_palette_8bit_values_in_16.dcm",
    "n17_cal_0_255_on_12bit.nii",
    "s11b_j2k_signed_stream_header_unsigned.dcm",
    "t3_tiff16_miniswhite.tif",
)


@pytest.fixture
def cases():
    """Folder of the files."""
    data = os.environ.get("ISNET_CXR_DATA")
    beside = Path(data).parent if data else Path(__file__).parents[4] / "shared"
    if not (beside / "cases").is_dir():
        pytest.skip("no cases/ beside ISNET_CXR_DATA: no files of bug reports")
    return beside / "cases"


@pytest.fixture
def reference(cases):
    with np.load(cases / "reference_film.npz") as content:
        return {name: content[name] for name in content}


def test_every_file_has_its_row(cases):
    known = {*REFUSED, *READ, "09_MONOCHROME1_IDENTITY.dcm", "v1_sigmoid_lut_implicit.dcm"}
    found = {path.name for path in cases.iterdir() if path.suffix in (".dcm", ".nii", ".tif")}
    assert known == found


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_says_why(cases, name):
    with pytest.raises(UnreadableImage, match=REFUSED[name]) as error:
        read_image(cases / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", READ)
def test_it_shows_the_image_that_it_was_made_from(cases, reference, name):
    pixels, expected = read_image(cases / name).pixels, reference["pixels"]
    assert pixels.shape == expected.shape
    assert np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.999
    assert abs(float(pixels.mean() - expected.mean())) < 0.005
    assert pixels.max() > 0.98


def test_a_contradiction_is_warned_of(cases, reference):
    image = read_image(cases / "09_MONOCHROME1_IDENTITY.dcm")
    np.testing.assert_allclose(image.pixels, 1 - reference["pixels"], atol=1e-3)
    assert any(step.startswith("warning: photometric") for step in image.steps)


def test_a_sigmoid_table_is_applied(cases, reference):
    image = read_image(cases / "v1_sigmoid_lut_implicit.dcm")
    assert "VOI LUT" in image.steps
    order = np.argsort(reference["pixels"].ravel())
    assert (np.diff(image.pixels.ravel()[order]) > -0.01).all()
    assert np.ptp(image.pixels) > 0.98


def test_masks_are_both_lungs(cases, reference):
    paths = [path for path in (cases / "masks").iterdir() if path.name != "film.png"]
    assert len(paths) >= 3
    for path in paths:
        np.testing.assert_array_equal(read_mask(path), reference["mask"])


def test_the_image_itself_is_no_mask(cases):
    with pytest.raises(UnreadableImage, match="no mask"):
        read_mask(cases / "masks" / "film.png")
