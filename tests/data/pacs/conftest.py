"""Sources for results, and a PACS on this machine; lets tests import ``tests_pacs``."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@pytest.fixture(scope="session")
def phantom():
    """An asymmetric chest: pixels, lung mask, spacing."""
    from isnet_cxr.data.phantoms import EXTERNAL
    from isnet_cxr.data.phantoms.generate import make_phantom

    return make_phantom(EXTERNAL[0], "pneumonia", 3, seed=5)


@pytest.fixture
def chest(phantom, tmp_path):
    """Write the chest as DICOM, change its header, and return path and lung mask."""
    from isnet_cxr.data.writers import write_dicom

    def write(name="chest.dcm", *, photometric="MONOCHROME2", spacing=(0.5, 0.5), **header):
        path = tmp_path / name
        write_dicom(
            phantom.pixels, path, spacing, view="PA", patient_id="17", photometric=photometric
        )
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.StudyDate = "Dö^Jane", "20200102"
        dataset.SpecificCharacterSet = "ISO_IR 100"
        for keyword, value in header.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path)
        return path, phantom.mask

    return write


@dataclass(frozen=True)
class Pacs:
    """An Orthanc on loopback."""

    node: str
    web: str
    rest: str

    def get(self, what):
        with urllib.request.urlopen(f"{self.rest}/{what}", timeout=20) as answer:
            return answer.read()

    def count(self):
        return len(json.loads(self.get("instances")))

    def fetch(self, path, sop_uid):
        """Return an object as the PACS gives it back, or None."""
        asked = json.dumps({"Level": "Instance", "Query": {"SOPInstanceUID": str(sop_uid)}})
        request = urllib.request.Request(f"{self.rest}/tools/find", asked.encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            found = json.loads(answer.read())
        if not found:
            return None
        (identity,) = found
        path.write_bytes(self.get(f"instances/{identity}/file"))
        return pydicom.dcmread(path)


def free_port():
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def pacs(orthanc, monkeypatch):
    """Lend an empty PACS."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for patient in json.loads(orthanc.get("patients")):
        request = urllib.request.Request(f"{orthanc.rest}/patients/{patient}", method="DELETE")
        urllib.request.urlopen(request, timeout=20).close()
    return orthanc


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory):
    """Start an Orthanc with DICOMweb; skip where it is not installed."""
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc is not installed (Debian packages orthanc and orthanc-dicomweb)")
    folder = tmp_path_factory.mktemp("orthanc")
    dicom, http = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "index"),
        "DicomAet": "TESTED", "DicomPort": dicom, "HttpPort": http, "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "DicomCheckCalledAet": True, "Plugins": [str(PLUGIN)],
        "DicomAlwaysAllowFind": True, "DicomAlwaysAllowStore": True, "HttpsCACertificates": "",
    }  # fmt: skip
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([program, str(file)], stdout=log, stderr=log)
    rest = f"http://127.0.0.1:{http}"
    started = Pacs(f"TESTED@127.0.0.1:{dicom}", f"{rest}/dicom-web", rest)
    try:
        deadline = time.monotonic() + 40
        while True:
            try:
                started.get("system")
                break
            except OSError:
                assert process.poll() is None, (folder / "log.txt").read_text()[-2000:]
                assert time.monotonic() < deadline, "Orthanc does not answer"
                time.sleep(0.1)
        yield started
    finally:
        process.terminate()
        process.wait(timeout=20)
