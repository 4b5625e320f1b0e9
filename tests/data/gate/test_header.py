"""What a DICOM header says of the kind of image is read, and held against it."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from isnet_cxr.data.gate.header import judge_header
from isnet_cxr.data.gate.verdict import DOUBTFUL, FRONTAL, REFUSED, conclude
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.readers.header import BODY_PARTS, Header
from isnet_cxr.data.writers import write_dicom

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")  # what is written, not read
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def read(tmp_path):
    """Write a file with any header, valid or not, and return what its reader says of it."""

    def make(**header):
        path = tmp_path / "f.dcm"
        write_dicom(np.random.default_rng(0).random((1, 40, 50), np.float32), path, None)
        dataset = pydicom.dcmread(path)
        for keyword, value in {"BodyPartExamined": "", **header}.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)
        return read_image(path).header

    return make


def verdict(header):
    return conclude(judge_header(header)).name


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}, FRONTAL),
        ({"BodyPartExamined": "PORT CHEST"}, FRONTAL),
        ({"BodyPartExamined": "Thorax", "ViewPosition": "AP"}, FRONTAL),
        ({"BodyPartExamined": "OUR OWN PART"}, FRONTAL),
        ({"BodyPartExamined": ""}, FRONTAL),
        ({"Modality": "OT"}, FRONTAL),
        ({"BodyPartExamined": "KNEE"}, REFUSED),
        ({"BodyPartExamined": "L Knee 2 views"}, REFUSED),
        ({"BodyPartExamined": "HIP"}, REFUSED),
        ({"BodyPartExamined": "THORACIC SPINE"}, REFUSED),
        ({"BodyPartExamined": "CHEST ABDOMEN"}, DOUBTFUL),
        ({"BodyPartExamined": "RIBS"}, DOUBTFUL),
        ({"ViewPosition": "LL"}, REFUSED),
        ({"ViewPosition": "LATERAL", "BodyPartExamined": "CHEST"}, REFUSED),
        ({"ViewPosition": "RAO"}, DOUBTFUL),
        ({"ViewPosition": "LLD"}, DOUBTFUL),
        ({"Modality": "CT", "BodyPartExamined": "CHEST"}, REFUSED),
        ({"Modality": "MG"}, REFUSED),
        ({"Modality": "RF"}, DOUBTFUL),
        ({"Modality": "DX", "SOPClassUID": CT_STORAGE}, REFUSED),
        ({"PatientOrientation": ["L", "F"]}, FRONTAL),
        ({"PatientOrientation": ["P", "F"]}, DOUBTFUL),
        ({"PatientOrientation": ["L", "P"]}, REFUSED),
        ({"PatientOrientation": ["L", "H"]}, DOUBTFUL),
        ({"PatientOrientation": ["H", "L"]}, DOUBTFUL),
        ({"PatientOrientation": ["?", "F"]}, FRONTAL),
        ({"BurnedInAnnotation": "YES"}, DOUBTFUL),
        ({"BurnedInAnnotation": "NO"}, FRONTAL),
        ({"ImageLaterality": "L"}, DOUBTFUL),
        ({"ImageLaterality": "L", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}, FRONTAL),
        ({"ImageLaterality": "B"}, FRONTAL),
    ],
)
def test_known_words_decide_and_unknown_ones_count_for_nothing(read, header, expected):
    assert verdict(read(**header)) == expected


def test_a_coded_region_counts_where_no_body_part_is_written(read):
    code = Dataset()
    code.CodeValue = "72696002"
    assert verdict(read(AnatomicRegionSequence=[code])) == REFUSED
    assert verdict(read(AnatomicRegionSequence=[code], BodyPartExamined="CHEST")) == FRONTAL


def test_no_text_of_a_header_is_quoted(read):
    header = read(BodyPartExamined="KNEE OF JANE DOE", ViewPosition="JANE", Modality="DOE")
    said = repr(header) + "".join(one.reason for one in judge_header(header))
    assert "JANE" not in said.upper()
    assert "DOE" not in said.upper()


def test_every_known_word_names_a_part(read):
    for word, part in BODY_PARTS.items():
        assert read(BodyPartExamined=word).body_part == part


def test_an_empty_header_says_nothing():
    assert judge_header(Header()) == []
