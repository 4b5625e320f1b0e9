"""DICOM files with any header and any pixel data, and an image that no turn leaves as it is."""

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from isnet_cxr.data.writers import write_dicom


@pytest.fixture
def wedge():
    """Make whole values up to ``2**bits - 1``, (rows, columns), like no turned copy of them."""

    def make(rows, columns, bits):
        down, across = np.mgrid[:rows, :columns]
        values = down**2 * 3 + across * (5 + down % 3)
        return np.rint(values / values.max() * (2**bits - 1)).astype(np.uint16)

    return make


@pytest.fixture
def write_frame(tmp_path):
    """Write pixel data as it comes under a header that may say something else."""

    def write(pixel_data, *, rows, columns, bits, syntax="1.2.840.10008.1.2.1", **header):
        path = tmp_path / "frame.dcm"
        write_dicom(np.zeros((1, 2, 2), np.float32), path, None)
        dataset = pydicom.dcmread(path)
        del dataset.WindowCenter, dataset.WindowWidth
        dataset.Rows, dataset.Columns = rows, columns
        dataset.BitsAllocated = 8 if bits <= 8 else 16
        dataset.BitsStored, dataset.HighBit = bits, bits - 1
        for keyword, value in header.items():
            setattr(dataset, keyword, value)
        syntax = UID(syntax)
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax.is_encapsulated:
            fragments = pixel_data if isinstance(pixel_data, list) else [pixel_data]
            dataset.PixelData = encapsulate(fragments)
            dataset["PixelData"].is_undefined_length = True
        else:
            dataset.PixelData = pixel_data
        implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
        dataset["PixelData"].VR = "OB" if syntax.is_encapsulated or bits <= 8 else "OW"
        copy = pydicom.Dataset(dataset)  # free of the encoding that it was read in
        copy.file_meta, copy.preamble = dataset.file_meta, dataset.preamble
        copy.save_as(path, implicit_vr=implicit, little_endian=little)
        return path

    return write
