"""Every format gives back the same image, the same way up."""

import nibabel
import numpy as np
import pytest
from PIL import Image

from isnet_cxr.data.readers import UnreadableImage, is_image_file, read_image, read_mask
from isnet_cxr.data.readers.nifti import read_nifti_labels
from isnet_cxr.data.writers import write_dicom, write_mask, write_nifti, write_png

SPACING = (0.2, 0.3)


@pytest.fixture
def image():
    """No two pixels alike, and no symmetry: 12 rows, 8 columns."""
    ramp = np.linspace(0, 1, 96, dtype=np.float32)
    return np.random.default_rng(0).permutation(ramp).reshape(1, 12, 8)


@pytest.mark.parametrize(
    ("name", "step"),
    [("f.dcm", 2**12 - 1), ("f.nii", 2**16 - 1), ("f.nii.gz", 2**16 - 1), ("f.png", 2**8 - 1)],
)
def test_image_comes_back_as_it_was(tmp_path, image, name, step):
    path = tmp_path / name
    if name.endswith(".dcm"):
        write_dicom(image, path, SPACING, view="PA", patient_id="someone")
    elif name.endswith(".png"):
        write_png(image, path)
    else:
        write_nifti(image, path, SPACING)
    read = read_image(path)
    assert read.pixels.dtype == np.float32
    np.testing.assert_allclose(read.pixels, image, atol=0.51 / step)
    assert read.spacing_mm == (None if name.endswith(".png") else SPACING)


def test_monochrome1_is_the_same_image(tmp_path, image):
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        write_dicom(image, tmp_path / photometric, None, photometric=photometric)
    one, two = (read_image(tmp_path / f"MONOCHROME{n}").pixels for n in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_dicom_needs_no_suffix_and_keeps_view_and_patient(tmp_path, image):
    path = tmp_path / "IM0001"
    write_dicom(image, path, SPACING, view="AP", patient_id="someone")
    read = read_image(path)
    assert is_image_file(path)
    assert (read.view, read.patient) == ("AP", "someone")
    assert "someone" not in repr(read)


def test_image_in_png_and_mask_in_nifti_lie_on_each_other(tmp_path, image):
    mask = image > 0.5
    write_png(image, tmp_path / "image.png")
    write_nifti(mask.astype(np.float32), tmp_path / "mask.nii.gz", None)
    write_mask(mask[0], tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz"), mask[0])
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask[0])


@pytest.mark.parametrize("row_sign", [-1, 1])
@pytest.mark.parametrize("column_sign", [-1, 1])
@pytest.mark.parametrize("plane", ["coronal", "axial", "two axes"])
def test_affine_decides_which_way_up(tmp_path, image, row_sign, column_sign, plane):
    """However the array is stored, the affine that says so brings the image upright."""
    stored = image[0].T
    if column_sign > 0:
        stored = stored[::-1]
    if row_sign > 0:
        stored = stored[:, ::-1]
    affine = np.eye(4)
    affine[0, 0] = column_sign
    if plane == "coronal":
        affine[1:3, 1:3] = [[0, 1], [row_sign, 0]]
    else:
        affine[1, 1] = row_sign
    volume = stored if plane == "two axes" else stored[:, :, None]
    nibabel.save(nibabel.Nifti1Image(volume.copy(), affine), tmp_path / "f.nii")
    np.testing.assert_array_equal(read_nifti_labels(tmp_path / "f.nii"), image[0])


def test_nifti_without_orientation_is_only_transposed(tmp_path, image):
    stored = nibabel.Nifti1Image(image[0].T, None)
    nibabel.save(stored, tmp_path / "f.nii")
    np.testing.assert_array_equal(read_nifti_labels(tmp_path / "f.nii"), image[0])


def test_rows_may_come_before_columns_in_nifti(tmp_path, image):
    affine = np.array([[0, -1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(image[0][:, :, None], affine), tmp_path / "f.nii")
    np.testing.assert_array_equal(read_nifti_labels(tmp_path / "f.nii"), image[0])


@pytest.mark.parametrize("shape", [(4, 5, 2), (4, 5, 1, 3), (4,)])
def test_nifti_volumes_are_refused(tmp_path, shape):
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.float32), np.eye(4)), tmp_path / "f.nii")
    with pytest.raises(UnreadableImage, match="a single slice is read"):
        read_image(tmp_path / "f.nii")


@pytest.mark.parametrize("name", ["f.dcm", "f.nii", "f.nii.gz", "f.png", "f.jpg", "f.tif"])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "missing"])
def test_a_damaged_file_is_one_clear_line(tmp_path, image, name, damage):
    path = tmp_path / name
    if name.endswith(".dcm"):
        write_dicom(np.tile(image, (1, 9, 9)), path, None)
    elif ".nii" in name:
        write_nifti(np.tile(image, (1, 9, 9)), path, None)
    else:
        Image.fromarray((np.tile(image[0], (9, 9)) * 255).astype(np.uint8)).save(path)
    whole = path.read_bytes()
    noise = np.random.default_rng(1).bytes(2000)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "noise": noise}[damage])
    with pytest.raises(UnreadableImage) as error:
        read_image(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_masks_are_binary_whatever_marks_the_lungs(tmp_path):
    lungs = np.zeros((6, 4), np.uint8)
    lungs[1:3, 1], lungs[3:5, 2] = 1, 2
    for name, values in (("labels", lungs), ("grey", (lungs > 0) * np.uint8(255))):
        write_png(values, tmp_path / f"{name}.png")
        np.testing.assert_array_equal(read_mask(tmp_path / f"{name}.png"), lungs > 0)
