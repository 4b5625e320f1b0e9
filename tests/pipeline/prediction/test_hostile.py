"""What a hostile header says is no part of a file's name, whatever output writes it."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from isnet_cxr.data.writers import write_dicom
from isnet_cxr.pipeline.prediction.batch import predict_images
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS

EVIL = "../../../evil/1.2.3"


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.filterwarnings("ignore:The value for the data element")
def test_uids_that_are_paths_lead_nowhere(tmp_path, classifier_package):
    inbox, out = tmp_path / "a" / "b" / "inbox", tmp_path / "a" / "b" / "out"
    inbox.mkdir(parents=True)
    for number in range(2):
        path = inbox / f"{number}.dcm"
        pixels = np.random.default_rng(number).random((1, 64, 48), np.float32)
        write_dicom(pixels, path, (1.0, 1.0), view="PA", patient_id=EVIL)
        whole = pydicom.dcmread(path)
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(whole, name, f"{EVIL}/{number}")
        for name in ("AccessionNumber", "PatientName"):
            setattr(whole, name, "../evil")
        whole.save_as(path)
    predict_images([inbox], model=classifier_package, out=out, asked=[*OUTPUTS], device="cpu")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    outside = [path for path in written if not path.is_relative_to(out)]
    assert sorted(path.name for path in outside) == ["0.dcm", "1.dcm"]
    assert not any("evil" in str(path.relative_to(tmp_path)) for path in written)
    assert not Path("/evil").exists()
