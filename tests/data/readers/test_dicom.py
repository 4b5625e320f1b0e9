"""The grey scale of DICOM, by cases done by hand and by the standard's formulas."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.writers import write_dicom


@pytest.fixture
def make(tmp_path):
    """Write stored values with any header, and return the path."""

    def write(stored, *, signed=False, bits=12, **header):
        path = tmp_path / "f.dcm"
        write_dicom(np.zeros((1, 2, 2), np.float32), path, None)
        dataset = pydicom.dcmread(path)
        stored = np.asarray(stored, dtype=np.int16 if signed else np.uint16)
        dataset.Rows, dataset.Columns = stored.shape
        dataset.PixelRepresentation = int(signed)
        dataset.BitsStored, dataset.HighBit = bits, bits - 1
        dataset.PixelData = stored.tobytes()
        for keyword, value in header.items():
            if value is None:
                delattr(dataset, keyword)
            elif keyword == "PixelPaddingValue":  # its type goes with the pixels'
                dataset.add_new(keyword, "SS" if signed else "US", value)
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path)
        return path

    return write


def table(entries, first, bits):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", list(entries))
    return Sequence([item])


X = np.array([[0, 100, 200, 300], [400, 500, 600, 700]])


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("LINEAR", lambda x, c, w: np.clip((x - (c - 0.5)) / (w - 1) + 0.5, 0, 1)),
        ("LINEAR_EXACT", lambda x, c, w: np.clip((x - c) / w + 0.5, 0, 1)),
        ("SIGMOID", lambda x, c, w: 1 / (1 + np.exp(-4 * (x - c) / w))),
    ],
)
def test_window_follows_the_standard(make, function, formula):
    path = make(X, WindowCenter=[350, 9], WindowWidth=[400, 9], VOILUTFunction=function)
    np.testing.assert_allclose(read_image(path).pixels[0], formula(X, 350, 400), atol=1e-6)


def test_window_is_in_units_after_rescaling(make):
    rescaled = make(X, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=600, WindowWidth=800)
    expected = np.clip((2 * X - 100 - 599.5) / 799 + 0.5, 0, 1)
    np.testing.assert_allclose(read_image(rescaled).pixels[0], expected, atol=1e-6)


def test_signed_values_keep_their_order(make):
    path = make(X - 400, signed=True, WindowCenter=0.5, WindowWidth=801)
    np.testing.assert_allclose(read_image(path).pixels[0], (X - 400 + 400) / 800, atol=1e-6)


def test_voi_lut_maps_by_table_and_clips_at_its_ends(make):
    lut = table([0, 512, 1023], first=200, bits=10)
    pixels = read_image(make([[0, 200], [201, 4000]], VOILUTSequence=lut)).pixels[0]
    np.testing.assert_allclose(pixels, np.array([[0, 0], [512, 1023]]) / 1023, atol=1e-6)


def test_modality_lut_comes_before_the_window(make):
    lut = table([0, 10, 30], first=0, bits=16)
    path = make([[0, 1], [2, 3]], ModalityLUTSequence=lut, WindowCenter=15.5, WindowWidth=31)
    np.testing.assert_allclose(read_image(path).pixels[0], [[0, 1 / 3], [1, 1]], atol=1e-6)


@pytest.mark.parametrize(
    "header",
    [
        {"WindowWidth": 0},
        {"WindowCenter": 90000},
        {"WindowCenter": 32768, "WindowWidth": 65536},  # of 16 bits: the image would be black
        {"WindowCenter": 64, "WindowWidth": 128},  # of 8 bits: white
        {"WindowCenter": 0, "WindowWidth": 1e6},
    ],
)
def test_an_unusable_window_falls_back_to_percentiles(make, header):
    values = np.arange(10000).reshape(100, 100) % 4096
    read = read_image(make(values, **header))
    assert "percentiles" in read.steps[1]
    low, high = np.percentile(values, [0.5, 99.5])
    np.testing.assert_allclose(
        read.pixels[0], np.clip((values - low) / (high - low), 0, 1), atol=1e-5
    )


@pytest.mark.parametrize("usable", [1, 2])
@pytest.mark.parametrize("blank", [(90000, 10), (32768, 65536), (64, 128), (5, -1)])
def test_of_several_windows_the_first_that_shows_something_is_taken(make, usable, blank):
    windows = [blank] * usable + [(2048, 4096), (1000, 500)]
    centres, widths = (list(numbers) for numbers in zip(*windows, strict=True))
    values = np.arange(10000).reshape(100, 100) % 4096
    read = read_image(make(values, WindowCenter=centres, WindowWidth=widths))
    np.testing.assert_allclose(read.pixels[0], values / 4095, atol=1e-6)
    assert f"window linear (number {usable + 1} of {usable + 2})" in read.steps


@pytest.mark.parametrize(
    ("keyword", "warning"),
    [
        ("PhotometricInterpretation", "no photometric interpretation, MONOCHROME2 assumed"),
        ("PixelRepresentation", "no pixel representation, unsigned values assumed"),
        ("SamplesPerPixel", ""),
    ],
)
@pytest.mark.parametrize("empty", [False, True])
def test_what_a_header_leaves_unsaid_is_the_usual_and_warned_of(make, keyword, warning, empty):
    path = make(X, WindowCenter=400.5, WindowWidth=801)
    plain = read_image(path)
    dataset = pydicom.dcmread(path)
    del dataset[keyword]
    if empty:
        setattr(dataset, keyword, None)
    dataset.save_as(path)
    read = read_image(path)
    np.testing.assert_array_equal(read.pixels, plain.pixels)
    found = [step for step in read.steps if step not in plain.steps]
    assert found == ([f"warning: {warning}"] if warning else [])


def test_padding_is_black_and_does_not_move_the_grey(make):
    values = np.arange(400).reshape(20, 20) + 100
    padded = np.pad(values, 10, constant_values=4095)
    nowindow = {"WindowCenter": None, "WindowWidth": None}
    plain = read_image(make(values, **nowindow)).pixels[0]
    inner = read_image(make(padded, PixelPaddingValue=4095, **nowindow)).pixels[0]
    np.testing.assert_allclose(inner[10:-10, 10:-10], plain, atol=1e-6)
    assert inner[:10].max() == 0


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE", None])
def test_at_most_one_inversion(make, photometric, shape):
    header = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    pixels = read_image(make([[0, 4095], [0, 0]], **header)).pixels[0]
    inverted = photometric == "MONOCHROME1" or shape == "INVERSE"
    assert pixels[0].tolist() == ([1, 0] if inverted else [0, 1])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.3, 0.4]}, (0.1, 0.2)),
        ({"ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": [1e9, 1e9], "ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [1e-9, 0.2]}, None),
    ],
)
def test_spacing_in_the_patient_wins_if_it_is_one(make, header, expected):
    assert read_image(make(X, **header)).spacing_mm == expected


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"NumberOfFrames": 2}, "2 frames in one file"),
        ({"PixelData": None}, "without pixel data"),
        ({"PhotometricInterpretation": "MONOCHROMATIC"}, "unknown colour space; grey is read"),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 0}, "3 samples per pixel"),
        ({"BitsStored": 7}, "values of 7 bits in 16; 8 to 16 are read"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "values of 32 bits"),
        ({"Rows": 60000, "Columns": 60000}, "60000 x 60000 pixels"),
        ({"Rows": 3}, "cannot be decoded"),
    ],
)
def test_what_is_no_radiograph_is_refused_by_name(make, header, message):
    path = make(X, **header)
    with pytest.raises(UnreadableImage, match=message):
        read_image(path)


def test_colour_is_read_only_as_a_copy_of_grey(make, tmp_path):
    path = make(X)
    for tint in (0, 40):
        dataset = pydicom.dcmread(path)
        rgb = np.repeat(np.arange(8, dtype=np.uint8).reshape(2, 4, 1) * 20, 3, axis=2)
        rgb[..., 0] += tint
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PhotometricInterpretation = "RGB"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        del dataset.WindowCenter, dataset.WindowWidth
        dataset.PixelData = rgb.tobytes()
        dataset.save_as(tmp_path / f"{tint}.dcm")
    np.testing.assert_allclose(
        read_image(tmp_path / "0.dcm").pixels[0] * 255, rgb[..., 1], atol=1e-4
    )
    with pytest.raises(UnreadableImage, match="no copy of a grey one"):
        read_image(tmp_path / "40.dcm")


@pytest.mark.parametrize("entry_bits", [8, 16])
def test_a_palette_is_read_if_it_is_grey(make, tmp_path, entry_bits):
    dataset = pydicom.dcmread(make(X))
    indices = np.arange(8, dtype=np.uint8).reshape(2, 4)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PhotometricInterpretation, dataset.PixelData = "PALETTE COLOR", indices.tobytes()
    del dataset.WindowCenter, dataset.WindowWidth
    grey = np.arange(8, dtype="<u2")[::-1] * (30 if entry_bits == 8 else 30 * 257)
    for channel, tint in (("Red", 0), ("Green", 0), ("Blue", 0), ("Blue", 1)):
        table = grey if not tint else grey[::-1]
        keyword = f"{channel}PaletteColorLookupTable"
        dataset.add_new(f"{keyword}Descriptor", "US", [8, 0, entry_bits])
        dataset.add_new(f"{keyword}Data", "OW", table.astype(f"<u{entry_bits // 8}").tobytes())
        dataset.save_as(tmp_path / f"{tint}.dcm")
    pixels = read_image(tmp_path / "0.dcm").pixels[0]
    np.testing.assert_allclose(pixels * 255, (7 - indices) * 30.0, atol=1e-4)
    with pytest.raises(UnreadableImage, match="no copy of a grey one"):
        read_image(tmp_path / "1.dcm")


@pytest.mark.parametrize("signed", [False, True])
def test_bits_beyond_the_value_are_ignored(make, signed):
    """Old files keep an overlay there, and a few their value at the top."""
    values = X - 400 if signed else X
    window = {"WindowCenter": 0.5 if signed else 400.5, "WindowWidth": 801}
    plain = read_image(make(values, signed=signed, **window)).pixels
    overlaid = (values.astype(np.uint16) & 0xFFF) | 0x5000
    shifted = values.astype(np.uint16) << 4
    for stored, high in ((overlaid, 11), (shifted, 15)):
        path = make(stored.view(np.int16) if signed else stored, signed=signed, **window)
        dataset = pydicom.dcmread(path)
        dataset.HighBit = high
        dataset.save_as(path)
        np.testing.assert_array_equal(read_image(path).pixels, plain)


def test_padding_has_the_sign_of_the_pixels(make):
    path = make([[-2000, 0], [50, 100]], signed=True, bits=16, WindowCenter=50.5, WindowWidth=101)
    dataset = pydicom.dcmread(path)
    dataset.add_new("PixelPaddingValue", "US", 2**16 - 2000)  # the wrong one of US and SS
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.save_as(path)
    assert read_image(path).pixels[0, 0].tolist() == [0, 1]


def test_a_blank_voi_lut_leaves_the_window(make):
    lut = table([5, 5], first=0, bits=10)
    read = read_image(make(X, VOILUTSequence=lut, WindowCenter=[350.5, 9], WindowWidth=[701, 9]))
    np.testing.assert_allclose(read.pixels[0], X / 700, atol=1e-6)
    assert "window linear (first of 2)" in read.steps


def test_eight_bits_in_sixteen_stand_as_they_are(make):
    path = make([[0, 51], [102, 255]], bits=8, WindowCenter=None, WindowWidth=None)
    np.testing.assert_allclose(read_image(path).pixels[0], [[0, 0.2], [0.4, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("header", "view"),
    [
        ({"ViewPosition": "LL"}, "lateral"),
        ({"ViewPosition": "DOE JANE"}, ""),
        ({"ViewPosition": "", "code": "R-10214"}, "PA"),
        ({"ViewPosition": "", "code": "399348003"}, "AP"),
        ({"ViewPosition": "AP", "code": "399173006"}, "AP"),
        ({"ViewPosition": "", "code": "1"}, ""),
    ],
)
def test_view_is_read_from_position_or_code(make, header, view):
    code = header.pop("code", None)
    item = Dataset()
    item.CodeValue = code
    sequence = {"ViewCodeSequence": Sequence([item])} if code else {}
    assert read_image(make(X, **header, **sequence)).view == view


def test_laterality_and_warnings_are_kept(make):
    image = read_image(
        make(X, ImageLaterality="L", BurnedInAnnotation="YES", PatientOrientation=["R", "F"])
    )
    assert image.laterality == "L"
    assert image.steps[-3:] == (
        "laterality L",
        "warning: burnt-in annotation, which may name the patient",
        "warning: stored mirrored or upside down, says the patient orientation",
    )
    plain = read_image(
        make(X, Laterality="U", BurnedInAnnotation="NO", PatientOrientation=["L", "F"])
    )
    assert plain.laterality == ""
    assert not [step for step in plain.steps if step.startswith(("laterality", "warning"))]
