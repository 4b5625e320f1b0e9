"""A NIfTI file's own window is used where it is this image's."""

import nibabel
import numpy as np
import pytest

from isnet_cxr.data.readers import read_image


def save(path, values, low, high):
    image = nibabel.Nifti1Image(values.T[:, :, np.newaxis], None)
    image.header["cal_min"], image.header["cal_max"] = low, high
    nibabel.save(image, path)


@pytest.mark.parametrize("size", [(9, 14), (31, 8), (60, 44)])
@pytest.mark.parametrize("kind", ["<i2", ">i2", "<u2", ">f4"])
@pytest.mark.parametrize("stale", [(0, 255), (0, 1), (0, 2000), (3000, 9000), (9000, 9999)])
def test_a_window_that_saturates_much_is_ignored(tmp_path, wedge, size, kind, stale):
    values = wedge(*size, 12).astype(kind)
    save(tmp_path / "stale.nii", values, *stale)
    save(tmp_path / "none.nii.gz", values, 0, 0)
    read = read_image(tmp_path / "stale.nii")
    np.testing.assert_array_equal(read.pixels, read_image(tmp_path / "none.nii.gz").pixels)
    assert any(step.startswith("warning: cal_min") for step in read.steps)


@pytest.mark.parametrize("size", [(9, 14), (31, 8), (60, 44)])
@pytest.mark.parametrize("kind", ["<i2", ">i2", "<u2", ">f4", "<i4"])
@pytest.mark.parametrize("stale", [(0, 1e9), (0, 65535), (-32768, 32767), (-1e6, 4095)])
def test_a_window_that_leaves_no_contrast_is_ignored(tmp_path, wedge, size, kind, stale):
    values = wedge(*size, 12).astype(kind)
    save(tmp_path / "stale.nii.gz", values, *stale)
    save(tmp_path / "none.nii", values, 0, 0)
    read = read_image(tmp_path / "stale.nii.gz")
    np.testing.assert_array_equal(read.pixels, read_image(tmp_path / "none.nii").pixels)
    assert "warning: cal_min and cal_max ignored, they leave no contrast" in read.steps


@pytest.mark.parametrize("window", [(0, 4095), (500, 4000), (-1000, 8000)])
def test_a_window_of_this_image_is_used(tmp_path, wedge, window):
    values = wedge(31, 18, 12).astype(np.int16)
    save(tmp_path / "f.nii", values, *window)
    read = read_image(tmp_path / "f.nii")
    low, high = window
    np.testing.assert_allclose(
        read.pixels[0], np.clip((values - low) / (high - low), 0, 1), atol=1e-5
    )
    assert not any(step.startswith("warning") for step in read.steps)
