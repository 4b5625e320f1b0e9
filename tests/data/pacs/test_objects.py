"""Results as DICOM objects: valid, readable, on the right pixels, of the right patient."""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.ndimage import binary_dilation
from tests_pacs import (  # beside this file, see conftest
    ALGORITHM,
    RESULT,
    errors_of,
    make_all,
    write_all,
)

import highdicom as hd  # isort: skip - after tests_pacs, which skips without it
from isnet_cxr.data.pacs.files import encoded
from isnet_cxr.data.pacs.segmentation import make_segmentation
from isnet_cxr.data.pacs.source import NoObjectError, read_source
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_png

CR = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
MULTI_FRAME_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.2"
SOURCES = {
    "no frame of reference": {},
    "a frame of reference": {
        "FrameOfReferenceUID": "1.2.3.4", "PositionReferenceIndicator": "",
    },
    "MONOCHROME1": {"photometric": "MONOCHROME1"},
    "pixels that are not square": {"spacing": (0.4, 0.7)},
    "spacing in the patient": {"PixelSpacing": [0.3, 0.3]},
    "no spacing": {"spacing": None, "PixelAspectRatio": [2, 1]},
    "CR": {"SOPClassUID": CR, "Modality": "CR"},
    "several frames, of which it has one": {
        "SOPClassUID": MULTI_FRAME_CAPTURE, "NumberOfFrames": 1,
    },
    "CT": {"SOPClassUID": CT, "Modality": "CT"},
    "mirrored": {"PatientOrientation": ["R", "F"]},
    "lossy": {
        "LossyImageCompression": "01", "LossyImageCompressionRatio": "10",
        "LossyImageCompressionMethod": "ISO_10918_1",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_the_standard_s_own_rules_find_no_error(name, chest, tmp_path):
    path, mask = chest(**SOURCES[name])
    source = pydicom.dcmread(path)
    for kind, file in write_all(make_all(path, mask), tmp_path / "out").items():
        assert errors_of(file) == [], kind
        elements = pydicom.dcmread(file).iterall()
        classes = {e.value for e in elements if e.keyword == "ReferencedSOPClassUID"}
        assert classes == {source.SOPClassUID}


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_generated_chest_is_a_valid_digital_x_ray_itself(photometric, chest):
    path, _ = chest(photometric=photometric)
    assert errors_of(path) == []


@pytest.mark.slow
def test_real_files_of_other_software_give_valid_objects(tmp_path):
    folder = Path(os.environ.get("ISNET_CXR_DATA", "/nowhere")).parent / "dicom"
    if not folder.is_dir():
        pytest.skip("no real DICOM files beside ISNET_CXR_DATA")
    made = 0
    for path in sorted(folder.glob("R*.dcm")) + sorted(folder.glob("CR-MONO1*.dcm")):
        mask = np.zeros(read_image(path).pixels.shape[1:], np.uint8)
        mask[5:50, 7:30] = 1
        for kind, file in write_all(make_all(path, mask), tmp_path / path.stem).items():
            assert errors_of(file) == [], f"{path.name}, {kind}"
            made += 1
    assert made == 24


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_lungs_lie_on_the_stored_pixels_they_were_found_on(photometric, chest, tmp_path):
    path, mask = chest(photometric=photometric, spacing=(0.4, 0.7))
    assert not np.array_equal(mask, mask[:, ::-1])  # a turned or mirrored mask would be seen
    assert not np.array_equal(mask, mask[::-1])
    stored = pydicom.dcmread(path)
    files = write_all(make_all(path, mask), tmp_path / "out")
    opened = hd.seg.segread(files["seg"])
    (frame,) = opened.get_pixels_by_source_instance([stored.SOPInstanceUID])
    np.testing.assert_array_equal(frame[..., 0], mask)
    # What is around the lungs is brighter than they are, where values are not inverted.
    values = stored.pixel_array.astype(float)
    around = binary_dilation(mask, iterations=8) & (mask == 0)
    difference = values[mask == 1].mean() - values[around].mean()
    assert (difference > 0) == (photometric == "MONOCHROME1")


def test_a_segmentation_says_what_it_marks_and_who_made_it(chest, tmp_path):
    path, mask = chest()
    opened = hd.seg.segread(write_all(make_all(path, mask), tmp_path / "out")["seg"])
    (segment,) = opened.SegmentSequence
    assert segment.SegmentLabel == "Lung"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "39607008"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == ALGORITHM.name
    assert algorithm.AlgorithmSource == "isnet-cxr"
    assert ALGORITHM.digest in algorithm.AlgorithmParameters
    assert "Research use only" in opened.ContentDescription


def test_a_capture_has_the_image_the_outline_and_the_warning(chest, tmp_path):
    path, mask = chest()
    opened = pydicom.dcmread(write_all(make_all(path, mask), tmp_path / "out")["sc"])
    pixels = opened.pixel_array
    height, width = mask.shape
    grey = np.rint(read_image(path).pixels[0] * 255).astype(np.uint8)
    coloured = (pixels[:height, :width] != grey[..., None]).any(axis=2)
    assert coloured.any()
    assert (mask[coloured] == 1).all()  # the outline is the lungs' own outermost pixels
    band = pixels[height:]
    yellow = (band[..., 0] > 150) & (band[..., 1] > 120) & (band[..., 2] < 60)
    assert yellow[: len(band) // 3].sum() > 100  # the warning, in its own colour
    assert (band == (215, 48, 31)).all(axis=2).any()  # the end of the scale
    assert opened.PhotometricInterpretation == "RGB"
    assert opened.ImageComments == "Research use only - not for diagnosis"
    assert opened.ContentQualification == "RESEARCH"
    assert [float(one) for one in opened.NominalScannedPixelSpacing] == [0.5, 0.5]


@pytest.mark.parametrize("said", ["YES", "NO", None])
def test_a_capture_names_the_patient_if_its_image_does(said, chest):
    path, mask = chest(BurnedInAnnotation=said)
    assert make_all(path, mask)["sc"].get("BurnedInAnnotation") == said


def test_a_report_is_read_back_in_numbers_and_words(chest, tmp_path):
    path, mask = chest()
    opened = hd.sr.srread(write_all(make_all(path, mask), tmp_path / "out")["sr"])
    image, *classes = opened.content.get_image_measurement_groups()
    found = {}
    for group in classes:
        (measurement,) = group.get_measurements()
        assert measurement.name.meaning == "Probability"
        assert measurement.unit.value == "1"
        found[group.finding_type.meaning] = measurement.value
    assert found == {"Normal": 0.25, "COVID-19": 0.7, "gr??er/kleiner": 0.05}
    (share,) = image.get_measurements()
    assert (share.name.meaning, share.value) == ("share of relevance inside the lungs", 0.875)
    said = {one.name.meaning: one.value.meaning for one in image.get_qualitative_evaluations()}
    assert said == {
        "predicted class": "COVID-19", "gate verdict": "doubtful", "mask quality": "good",
        "Algorithm Family": "Artificial Intelligence",
    }  # fmt: skip
    texts = {
        item.name.meaning: item.value
        for item in image[0].ContentSequence
        if item.ValueType == "TEXT"
    }
    assert texts["intended use"] == "Research use only - not for diagnosis"
    assert texts["gate reasons"] == RESULT.reasons["gate reasons"]
    assert texts["Algorithm Name"] == ALGORITHM.name
    assert ALGORITHM.digest[:12] in texts["Algorithm Version"]
    assert "mask reasons" not in texts
    assert opened.VerificationFlag == "UNVERIFIED"


def test_a_share_that_nobody_knows_is_left_out(chest, tmp_path):
    from dataclasses import replace

    path, mask = chest()
    result = replace(RESULT, relevance_inside_lungs=float("nan"))
    opened = hd.sr.srread(write_all(make_all(path, mask, result), tmp_path / "out")["sr"])
    assert opened.content.get_image_measurement_groups()[0].get_measurements() == []


def test_patient_study_and_references_are_the_source_s(chest):
    path, mask = chest(AccessionNumber="A-5", PatientSex="F", PatientComments="tall")
    source = pydicom.dcmread(path)
    for dataset in make_all(path, mask).values():
        read = pydicom.dcmread(pydicom.filebase.DicomBytesIO(encoded(dataset)))
        for keyword in (
            "PatientID", "PatientName", "PatientSex", "PatientComments", "StudyInstanceUID",
            "StudyDate", "AccessionNumber", "SpecificCharacterSet",
        ):  # fmt: skip
            assert read[keyword].value == source[keyword].value, keyword
        assert read.SeriesInstanceUID != source.SeriesInstanceUID
        uids = [e.value for e in read.iterall() if e.keyword == "ReferencedSOPInstanceUID"]
        assert set(uids) == {source.SOPInstanceUID}


def test_the_same_image_and_model_give_the_same_numbers(chest):
    from dataclasses import replace

    path, mask = chest()
    first, again = make_all(path, mask), make_all(path, mask)
    assert _uids(first) == _uids(again)
    other_model = make_all(path, mask, algorithm=replace(ALGORITHM, digest="cd" * 32))
    assert not _uids(first) & _uids(other_model)
    path, _ = chest("corrected.dcm", PatientID="18")
    assert not _uids(first) & _uids(make_all(path, mask))


def _uids(objects):
    """Return all numbers that are the objects' own."""
    own = ("SOPInstanceUID", "DimensionOrganizationUID", "TrackingUID")
    series = {one.SeriesInstanceUID for one in objects.values()}
    assert len(series) == len(objects)
    return series | {e.value for d in objects.values() for e in d.iterall() if e.keyword in own}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"SOPInstanceUID": ""}, "no valid SOP Instance UID"),
        ({"StudyInstanceUID": None}, "no valid Study Instance UID"),
        ({"SOPClassUID": "1.2.3.4"}, "SOP Class UID that the standard does not list"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_an_image_that_says_not_which_it_is_gets_no_object(header, reason, chest, monkeypatch):
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
    path, _ = chest(**header)
    with pytest.raises(NoObjectError, match=reason) as refused:
        read_source(path)
    assert "Jane" not in str(refused.value)


def test_an_image_that_is_not_dicom_gets_no_object(tmp_path):
    write_png(np.zeros((4, 4), np.uint8), tmp_path / "image.dcm")
    with pytest.raises(NoObjectError, match="not from a DICOM file"):
        read_source(tmp_path / "image.dcm")


def test_no_lungs_and_a_mask_of_another_size_give_no_segmentation(chest):
    path, mask = chest()
    source = read_source(path)
    with pytest.raises(NoObjectError, match="no lungs"):
        make_segmentation(source, np.zeros_like(mask), ALGORITHM)
    with pytest.raises(NoObjectError, match="pixels for an image of"):
        make_segmentation(source, mask[1:], ALGORITHM)


@pytest.mark.filterwarnings("ignore:.*VR")
def test_malformed_optional_attributes_are_left_out_and_needed_ones_kept(
    chest, tmp_path, monkeypatch
):
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
    path, mask = chest(
        PatientAge="62", PatientSex="weiblich", PatientID="1" * 80, FrameOfReferenceUID="1.2.3.a"
    )
    for dataset in make_all(path, mask).values():
        assert "PatientAge" not in dataset
        assert "FrameOfReferenceUID" not in dataset
        assert dataset.PatientSex == "weiblich"  # not ours to correct: the archive knows them so
        assert dataset.PatientID == "1" * 80
        assert encoded(dataset)


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (None, "Doe^Jane"),
        ("ISO_IR 192", "Дарья^王"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ],
)
def test_names_in_any_script_stay_as_they_are(charset, name, chest):
    path, mask = chest(SpecificCharacterSet=charset, PatientName=name)
    before = pydicom.dcmread(path)
    for dataset in make_all(path, mask).values():
        after = pydicom.dcmread(pydicom.filebase.DicomBytesIO(encoded(dataset)))
        assert str(after.PatientName) == name
        assert after.PatientName.original_string == before.PatientName.original_string


def test_what_stands_in_a_header_is_in_no_representation(chest):
    path, _ = chest()
    assert "Jane" not in repr(read_source(path))
