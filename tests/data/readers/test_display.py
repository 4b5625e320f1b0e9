"""Display attributes are applied where they hold, and only there."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from isnet_cxr.data.readers import UnreadableImage, read_image

SIZES = [(9, 14), (31, 8), (16, 24)]
LITTLE, BIG, IMPLICIT = (f"1.2.840.10008.1.2{end}" for end in (".1", ".2", ""))
SYNTAXES = [LITTLE, BIG, IMPLICIT]


def order(syntax):
    return ">" if syntax == BIG else "<"


def lut(entries, *, first, bits, syntax):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first % 65536, bits])
    item.add_new("LUTData", "OW", np.asarray(entries).astype(f"{order(syntax)}u2").tobytes())
    return Sequence([item])


@pytest.fixture
def write(write_frame):
    """Write whole values as native pixel data."""

    def make(values, *, bits, syntax=LITTLE, signed=False, **header):
        kind = f"{order(syntax)}{'i' if signed else 'u'}{1 if bits <= 8 else 2}"
        content = values.astype(kind).tobytes()
        return write_frame(
            content + bytes(len(content) % 2), rows=values.shape[0], columns=values.shape[1],
            bits=bits, syntax=syntax, PixelRepresentation=int(signed), **header,
        )  # fmt: skip

    return make


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("bits", "stated"), [(10, 16), (12, 16), (12, 12), (8, 16), (14, 16)])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_voi_lut_is_white_at_its_brightest_entry(wedge, write, size, bits, stated, syntax):
    values = wedge(*size, bits)
    table = lut(np.arange(2**bits), first=0, bits=stated, syntax=syntax)
    read = read_image(write(values, bits=max(9, bits), syntax=syntax, VOILUTSequence=table))
    np.testing.assert_allclose(read.pixels[0], values / (2**bits - 1), atol=1e-4)


@pytest.mark.parametrize("first", [-1024, -2000, -1, 0, 500])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_first_value_of_a_voi_lut_is_signed_after_a_rescale(wedge, write, first, syntax):
    values = wedge(16, 24, 12)
    entries = np.minimum(np.arange(4096) * 2, 4095)
    path = write(
        values, bits=12, syntax=syntax, RescaleSlope=1, RescaleIntercept=first,
        VOILUTSequence=lut(entries, first=first, bits=12, syntax=syntax),
    )  # fmt: skip
    np.testing.assert_allclose(read_image(path).pixels[0], entries[values] / 4095, atol=1e-4)


@pytest.mark.parametrize("signed", [False, True])
def test_the_first_value_has_the_sign_that_meets_the_values(wedge, write, signed):
    values = wedge(16, 24, 16).astype(np.int32) - (2**15 if signed else 0)
    first = int(np.median(values))
    table = lut(np.arange(2**15), first=first, bits=16, syntax=LITTLE)
    read = read_image(write(values, bits=16, signed=signed, VOILUTSequence=table))
    expected = np.clip(values - first, 0, 2**15 - 1) / (2**15 - 1)
    np.testing.assert_allclose(read.pixels[0], expected, atol=1e-4)


@pytest.mark.parametrize("colours", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("size", SIZES)
def test_windows_and_tables_are_for_grey_alone(wedge, write_frame, size, colours):
    values = wedge(*size, 8)
    rgb = np.stack([values] * 3, axis=-1).astype(np.uint8)
    if colours == "YBR_FULL":
        rgb[..., 1:] = 128
    left = {
        "WindowCenter": 2048, "WindowWidth": 4096, "RescaleSlope": 2, "RescaleIntercept": -100,
        "VOILUTSequence": lut(np.arange(4096), first=0, bits=12, syntax=LITTLE),
        "PresentationLUTShape": "INVERSE",
    }  # fmt: skip
    path = write_frame(
        rgb.tobytes(), rows=size[0], columns=size[1], bits=8, SamplesPerPixel=3,
        PlanarConfiguration=0, PhotometricInterpretation=colours, **left,
    )  # fmt: skip
    read = read_image(path)
    np.testing.assert_allclose(read.pixels[0], values / 255, atol=1e-2)
    assert "window ignored: in colour" in read.steps


def test_colours_of_more_bits_are_measured_by_their_own_white(wedge, write_frame):
    values = wedge(16, 24, 12)
    header = {
        "rows": 16, "columns": 24, "bits": 12, "SamplesPerPixel": 3, "PlanarConfiguration": 0,
        "PhotometricInterpretation": "RGB",
    }  # fmt: skip
    rgb = np.stack([values] * 3, axis=-1).astype("<u2")
    read = read_image(write_frame(rgb.tobytes(), **header))
    np.testing.assert_allclose(read.pixels[0], values / 4095, atol=1e-4)
    rgb[..., 0] = 0
    with pytest.raises(UnreadableImage, match="no copy of a grey one"):
        read_image(write_frame(rgb.tobytes(), **header))


@pytest.mark.parametrize(("entry_bits", "deepest"), [(8, 8), (16, 8), (16, 10), (16, 12), (16, 16)])
@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("size", SIZES)
def test_a_palette_is_as_deep_as_its_entries(wedge, write, entry_bits, deepest, syntax, size):
    indices = wedge(*size, 8)
    entries = np.rint(np.linspace(2**deepest - 1, 0, 256)).astype(np.uint16)  # falls
    header = {"PhotometricInterpretation": "PALETTE COLOR"}
    path = write(indices, bits=8, syntax=syntax, **header)
    dataset = pydicom.dcmread(path)
    for channel in ("Red", "Green", "Blue"):
        keyword = f"{channel}PaletteColorLookupTable"
        dataset.add_new(f"{keyword}Descriptor", "US", [256, 0, entry_bits])
        stored = entries.astype(f"{order(syntax)}u2").tobytes()
        if entry_bits == 8:  # packed, the first entry in the low byte of a word
            packed = entries.astype(np.uint8).view("<u2").astype(f"{order(syntax)}u2")
            stored = packed.tobytes()
        dataset.add_new(f"{keyword}Data", "OW", stored)
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.save_as(path)
    read = read_image(path)
    np.testing.assert_allclose(read.pixels[0], entries[indices] / (2**deepest - 1), atol=3e-3)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_padding_is_found_under_an_overlay(wedge, write, size, signed):
    values = wedge(*size, 12).astype(np.int32) - (2048 if signed else 0)
    values[:3] = padding = -2048 if signed else 4000
    values[3:][values[3:] == padding] += 1
    overlaid = (values & 0xFFF) | np.where(np.arange(size[1]) % 2, 0x3000, 0)
    plain = {"WindowCenter": 0 if signed else 2048, "WindowWidth": 4096}
    path = write(overlaid, bits=12, **plain, PhotometricInterpretation="MONOCHROME1")
    dataset = pydicom.dcmread(path)
    dataset.PixelRepresentation = int(signed)
    dataset.add_new("PixelPaddingValue", "SS" if signed else "US", padding)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.save_as(path)
    read = read_image(path)
    assert "padding set to black" in read.steps
    assert read.pixels[0, :3].max() == 0
    expected = 1 - (values[3:] + (2048 if signed else 0)) / 4095
    np.testing.assert_allclose(read.pixels[0, 3:], expected, atol=1e-3)


def test_padding_beyond_the_bits_of_a_value_is_found_among_all(wedge, write):
    values = wedge(16, 24, 12).astype(np.int32)
    values[:2] = 63536  # -2000 of a writer that thought in signed numbers
    values[5, 5] = 63536 & 0xFFF
    path = write(values, bits=12, WindowCenter=2048, WindowWidth=4096)
    dataset = pydicom.dcmread(path)
    dataset.add_new("PixelPaddingValue", "US", 63536)
    dataset.save_as(path)
    pixels = read_image(path).pixels[0]
    assert pixels[:2].max() == 0
    assert pixels[5, 5] > 0.4


def macro(name, **attributes):
    item, group = Dataset(), Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    setattr(group, name, Sequence([item]))
    return Sequence([group])


SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


@pytest.mark.parametrize("place", [SHARED, PER_FRAME])
@pytest.mark.parametrize("size", SIZES)
def test_functional_groups_speak_for_the_one_frame(wedge, write, place, size):
    values = wedge(*size, 12)
    groups = macro("PixelValueTransformationSequence", RescaleSlope=2, RescaleIntercept=-100)
    groups[0].FrameVOILUTSequence = macro(
        "FrameContentSequence", WindowCenter=2000, WindowWidth=3000
    )[0].FrameContentSequence
    groups[0].PixelMeasuresSequence = macro("FrameContentSequence", PixelSpacing=[0.1, 0.2])[
        0
    ].FrameContentSequence
    groups[0].FrameAnatomySequence = macro("FrameContentSequence", FrameLaterality="L")[
        0
    ].FrameContentSequence
    read = read_image(write(values, bits=12, NumberOfFrames=1, **{place: groups}))
    expected = np.clip((2.0 * values - 100 - 1999.5) / 2999 + 0.5, 0, 1)
    np.testing.assert_allclose(read.pixels[0], expected, atol=1e-4)
    assert read.spacing_mm == (0.1, 0.2)
    assert read.laterality == "L"


def test_groups_of_several_frames_are_refused(wedge, write):
    groups = macro("FrameVOILUTSequence", WindowCenter=1, WindowWidth=2)
    two = Sequence([groups[0], groups[0]])
    with pytest.raises(UnreadableImage, match="2 frames in one file"):
        read_image(write(wedge(9, 14, 12), bits=12, **{PER_FRAME: two}))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE", None])
def test_a_contradiction_of_photometric_and_shape_is_warned_of(wedge, write, photometric, shape):
    header = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    steps = read_image(write(wedge(9, 14, 12), bits=12, **header)).steps
    agrees = shape is None or (photometric == "MONOCHROME1") == (shape == "INVERSE")
    assert any("contradict" in step for step in steps) != agrees
