"""Both lungs are found however they were marked; what does not say which they are is refused."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from scipy.ndimage import zoom

from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask
from isnet_cxr.data.writers import write_dicom, write_nifti

SIZES = [(40, 50), (61, 37), (96, 128)]


@pytest.fixture(params=SIZES)
def labels(request):
    """Two lungs of unequal size, 1 and 2, on 0: no turned copy is the same."""
    rows, columns = request.param
    down, across = np.mgrid[:rows, :columns]
    marked = np.zeros(request.param, np.uint8)
    for label, (top, left, height, width) in {
        1: (0.5, 0.3, 0.3, 0.15),
        2: (0.4, 0.7, 0.2, 0.1),
    }.items():
        inside = ((down / rows - top) / height) ** 2 + ((across / columns - left) / width) ** 2 < 1
        marked[inside] = label
    return marked


def painted(labels, colours):
    return np.array(colours, np.uint8)[labels]


@pytest.mark.parametrize(
    "levels",
    [(0, 1, 2), (0, 1, 1), (0, 85, 170), (0, 170, 85), (0, 255, 255), (0, 30, 255), (0, 254, 255),
     (0, 127, 255), (0, 255, 127),
     (255, 0, 0), (255, 85, 170), (2, 0, 1), (15, 0, 0), (128, 0, 255), (200, 100, 60)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.bmp", "m.gif"])
def test_grey_levels_are_both_lungs(tmp_path, labels, levels, name):
    Image.fromarray(painted(labels, levels)).save(tmp_path / name)
    np.testing.assert_array_equal(read_mask(tmp_path / name), labels > 0)


@pytest.mark.parametrize("levels", [(0, 85, 170), (0, 255, 255), (255, 0, 0), (0, 255, 128)])
def test_a_lossy_format_moves_only_the_edges(tmp_path, labels, levels):
    Image.fromarray(painted(labels, levels)).save(tmp_path / "m.jpg", quality=85)
    found = read_mask(tmp_path / "m.jpg")
    assert (found == (labels > 0)).mean() > 0.97
    assert found[labels == 1].mean() > 0.9
    assert found[labels == 2].mean() > 0.9


COLOURS = [
    [(0, 0, 0), (0, 0, 128), (0, 128, 0)],
    [(0, 0, 0), (255, 0, 0), (0, 255, 0)],
    [(255, 255, 255), (255, 0, 0), (0, 0, 255)],
    [(255, 255, 255), (0, 0, 0), (0, 0, 0)],
    [(255, 255, 255), (255, 255, 200), (10, 10, 10)],
    [(68, 1, 84), (33, 145, 140), (253, 231, 37)],
]


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_both_lungs_on_any_plain_background(tmp_path, labels, colours, mode):
    if mode == "P":
        image = Image.fromarray(labels).convert("P")
        image.putpalette([value for colour in colours for value in colour])
    else:
        image = Image.fromarray(painted(labels, colours)).convert(mode)
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


@pytest.mark.parametrize("colours", COLOURS[:2])
def test_colours_in_a_lossy_format_are_both_lungs(tmp_path, labels, colours):
    Image.fromarray(painted(labels, colours)).save(tmp_path / "m.jpg", quality=95, subsampling=0)
    found = read_mask(tmp_path / "m.jpg")
    assert found[labels == 1].mean() > 0.9
    assert found[labels == 2].mean() > 0.9
    assert found[labels == 0].mean() < 0.05


def test_a_palette_without_colours_leaves_its_indices(tmp_path, labels):
    image = Image.fromarray(labels).convert("P")
    image.putpalette([0] * 768)
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


@pytest.mark.parametrize("background", [(255, 255, 255, 0), (0, 0, 0, 0), (90, 20, 200, 0)])
@pytest.mark.parametrize("lung", [(255, 255, 255, 255), (0, 0, 0, 255), (200, 30, 0, 255)])
def test_what_is_transparent_is_background(tmp_path, labels, background, lung):
    Image.fromarray(painted(labels, [background, lung, lung])).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


def test_colours_on_a_transparent_background_are_both_lungs(tmp_path, labels):
    colours = [(255, 255, 255, 0), (255, 0, 0, 255), (0, 255, 0, 255)]
    Image.fromarray(painted(labels, colours)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


def test_lungs_cut_out_of_an_opaque_layer_are_lungs(tmp_path, labels):
    colours = [(0, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 0)]
    Image.fromarray(painted(labels, colours)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


def test_a_black_ground_shown_is_the_background_beside_a_transparent_margin(tmp_path, labels):
    rgba = painted(labels, [(0, 0, 0, 255), (255, 255, 255, 255), (255, 255, 255, 255)])
    rgba[:3] = (255, 255, 255, 0)
    Image.fromarray(rgba).save(tmp_path / "m.png")
    found = read_mask(tmp_path / "m.png")
    np.testing.assert_array_equal(found[3:], labels[3:] > 0)
    assert not found[:3].any()


@pytest.mark.parametrize("levels", [(0, 1, 2), (0, 100, 200), (0, 257, 65535)])
def test_deep_files_and_nifti_are_both_lungs(tmp_path, labels, levels):
    values = np.array(levels, np.uint16)[labels]
    Image.fromarray(values).save(tmp_path / "m.png")
    write_nifti(values[np.newaxis].astype(np.float32), tmp_path / "m.nii.gz", None)
    for name in ("m.png", "m.nii.gz"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), labels > 0)


def test_a_map_of_probabilities_is_cut_in_the_middle(tmp_path, labels):
    probability = np.where(labels > 0, 0.9, 0.1 * (labels == 0)).astype(np.float32)
    write_nifti(probability[np.newaxis], tmp_path / "m.nii", None)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.nii"), labels > 0)


def test_blurred_edges_are_cut_in_the_middle(tmp_path, labels):

    smooth = zoom((labels > 0).astype(np.float32), 4, order=1)
    Image.fromarray(np.rint(smooth * 255).astype(np.uint8)).save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png") == (smooth > 0.5)).mean() > 0.99


def test_a_border_of_two_halves_is_ambiguous(tmp_path, labels):
    halves = painted(labels, [(255, 255, 0), (255, 0, 0), (0, 0, 255)])
    halves[:, : labels.shape[1] // 2][labels[:, : labels.shape[1] // 2] == 0] = (0, 255, 255)
    Image.fromarray(halves).save(tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="ambiguous mask"):
        read_mask(tmp_path / "m.png")


def test_a_frame_around_a_mask_is_ambiguous(tmp_path, labels):
    framed = np.pad(painted(labels, (0, 128, 128)), 2, constant_values=255)
    Image.fromarray(framed).save(tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="ambiguous mask"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("share", [0.25, 0.4])
def test_black_lungs_that_touch_the_border_are_not_the_background(tmp_path, share):
    inverted = np.full((50, 60), 255, np.uint8)
    inverted[:, 5:12] = 0
    inverted[: int(share * 50), :5] = inverted[: int(share * 50), -5:] = 0
    Image.fromarray(inverted).save(tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="ambiguous mask"):
        read_mask(tmp_path / "m.png")


def test_a_picture_is_no_mask(tmp_path):
    down, across = np.mgrid[:90, :70]
    for number, picture in enumerate([down * 2 + across, 255 - down * 2, (down * across) % 251]):
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"{number}.png")
        with pytest.raises(UnreadableImage, match="mask"):
            read_mask(tmp_path / f"{number}.png")


def test_what_v7_marks_to_be_ignored_is_no_lung(tmp_path, labels):
    v7 = painted(labels, (0, 255, 255))
    v7[:4, 10:20] = 127
    Image.fromarray(v7).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


def test_an_empty_mask_is_empty(tmp_path):
    Image.new("L", (9, 7)).save(tmp_path / "m.png")
    assert not read_mask(tmp_path / "m.png").any()


def test_a_damaged_mask_is_one_clear_line(tmp_path):
    stream = io.BytesIO()
    Image.new("L", (90, 70)).save(stream, "PNG")
    for content in (b"", stream.getvalue()[:50], b"\0" * 200):
        (tmp_path / "m.png").write_bytes(content)
        with pytest.raises(UnreadableImage) as error:
            read_mask(tmp_path / "m.png")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [1, 2, 128, 255])
def test_one_value_everywhere_is_no_mask_unless_it_is_black(tmp_path, value):
    """All lung or all background: nobody can tell, and neither is what was drawn."""
    Image.fromarray(np.full((40, 30), value, np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="ambiguous mask: one value everywhere"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("side", [1, 3, 5])
def test_white_with_a_few_black_pixels_is_ambiguous(tmp_path, side):
    """Lungs that fill the image, or a speck on white: the speck is no lung."""
    mask = np.full((60, 50), 255, np.uint8)
    mask[20 : 20 + side, 20 : 20 + side] = 0
    Image.fromarray(mask).save(tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="ambiguous mask: nearly all"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("bits", [1, 2, 8])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_segmentation_of_one_bit_is_a_mask_and_no_image(tmp_path, labels, bits, photometric):
    """DICOM keeps binary masks so (PS3.3 A.51), eight pixels in a byte."""
    lungs, path = labels > 0, tmp_path / "m.dcm"
    write_dicom(np.zeros((1, *lungs.shape), np.float32), path, None, photometric=photometric)
    dataset = pydicom.dcmread(path)
    shown = lungs != (photometric == "MONOCHROME1")
    dataset.BitsAllocated = 1 if bits == 1 else 8
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    content = np.packbits(shown.ravel(), bitorder="little") if bits == 1 else shown * (2**bits - 1)
    content = content.astype(np.uint8).tobytes()
    dataset.PixelData = content + bytes(len(content) % 2)
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path)
    np.testing.assert_array_equal(read_mask(path), lungs)
    if bits < 8:
        with pytest.raises(UnreadableImage, match=f"values of {bits} bits"):
            read_image(path)
