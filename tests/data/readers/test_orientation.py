"""An asymmetric image lies the same way up in every format, and so does its mask."""

from itertools import product

import numpy as np
import pydicom
import pytest
from PIL import Image

from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.writers import write_dicom, write_mask, write_nifti, write_png

FORMATS = ("f.dcm", "f.png", "f.tif", "f.nii.gz")


@pytest.fixture
def image():
    """A bright right-angled wedge at the top left: turning or mirroring it gives another image."""
    rows, columns = np.mgrid[:13, :9]
    wedge = (rows < 7) & (columns < 5) & (rows + 2 * columns < 8)
    return (0.1 + 0.004 * rows + 0.8 * wedge).astype(np.float32)


@pytest.fixture
def mask(image):
    return image > 0.5


def write(image, path):
    if path.suffix == ".dcm":
        write_dicom(image, path, (0.2, 0.2))
    elif path.suffix == ".tif":
        Image.fromarray(np.round(image * 65535).astype(np.uint16)).save(path)
    elif path.suffix == ".gz":
        write_nifti(image, path, (0.2, 0.2))
    else:
        write_png(image, path)


def test_no_turn_or_mirroring_leaves_the_image_as_it_is(image):
    turned = [np.rot90(side, n) for side in (image, image[:, ::-1]) for n in range(4)][1:]
    assert not any(np.array_equal(image, other) for other in turned)


@pytest.mark.parametrize(("name", "of_mask"), product(FORMATS, FORMATS))
def test_image_and_mask_keep_their_orientation(tmp_path, image, mask, name, of_mask):
    (tmp_path / "image").mkdir()
    (tmp_path / "mask").mkdir()
    write(image, tmp_path / "image" / name)
    write(mask.astype(np.float32), tmp_path / "mask" / of_mask)
    read = read_image(tmp_path / "image" / name).pixels[0]
    np.testing.assert_allclose(read, image, atol=0.003)
    lungs = read_mask(tmp_path / "mask" / of_mask)
    np.testing.assert_array_equal(lungs, mask)
    assert read[lungs == 1].min() > read[lungs == 0].max()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_mask_in_dicom_is_what_is_shown_bright(tmp_path, mask, photometric):
    write_dicom(mask.astype(np.float32), tmp_path / "m", None, photometric=photometric)
    np.testing.assert_array_equal(read_mask(tmp_path / "m"), mask)


def test_labels_in_dicom_are_lungs_whatever_their_window(tmp_path, mask):
    write_dicom(mask.astype(np.float32), tmp_path / "m.dcm", None)
    dataset = pydicom.dcmread(tmp_path / "m.dcm")
    labels = np.where(mask, 2, 0).astype("<u2")
    labels[0, 0] = 1
    dataset.PixelData = labels.tobytes()  # under a window of 4095 both would be black
    dataset.save_as(tmp_path / "m.dcm")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.dcm"), labels > 0)
    write_mask(labels, tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)
