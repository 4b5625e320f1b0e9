"""Whatever goes wrong in one file is that file's one line; what leaves is one grey image."""

import numpy as np
import pytest

from isnet_cxr.data import readers
from isnet_cxr.data.readers import Radiograph, UnreadableImage, read_image, read_mask
from isnet_cxr.data.writers import write_png

GREY = np.full((1, 4, 5), 0.5, np.float32)


@pytest.mark.parametrize(
    "pixels",
    [GREY[0], np.repeat(GREY, 3, 0), GREY[np.newaxis], GREY.astype(np.float64), GREY[:, :0],
     GREY + 1, GREY - 1, GREY * np.nan, GREY * np.inf],
)  # fmt: skip
def test_nothing_but_one_grey_image_leaves(tmp_path, monkeypatch, pixels):
    write_png(GREY, tmp_path / "f.png")
    monkeypatch.setattr(readers, "read_raster", lambda _: Radiograph(pixels))
    with pytest.raises(UnreadableImage) as error:
        read_image(tmp_path / "f.png")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "kind", [MemoryError, RecursionError, KeyError, OSError, SystemError, AssertionError]
)
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_any_error_is_one_line_without_what_it_quotes(tmp_path, monkeypatch, kind, read):
    def fail(_):
        raise kind("DOE^JANE\n1950")

    write_png(GREY, tmp_path / "f.png")
    monkeypatch.setattr(readers, "read_raster", fail)
    monkeypatch.setattr(readers, "read_raster_labels", fail)
    with pytest.raises(UnreadableImage) as error:
        read(tmp_path / "f.png")
    assert "DOE" not in str(error.value)
    assert "\n" not in str(error.value)
    assert kind.__name__ in error.value.reason


@pytest.mark.parametrize("name", ["missing", "folder", "a\0b", "x" * 300, "loop"])
@pytest.mark.parametrize("suffix", ["", ".dcm", ".png", ".nii.gz", ".img"])
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_path_that_is_no_file_is_refused(tmp_path, name, suffix, read):
    path = tmp_path / f"{name}{suffix}"
    if name == "folder":
        path.mkdir()
    if name == "loop":
        path.symlink_to(path)
    with pytest.raises(UnreadableImage):
        read(path)
