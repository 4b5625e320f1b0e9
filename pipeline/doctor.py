"""What this installation has: versions, devices, decoders, the MLflow store, shared memory."""

import os
import platform
import shutil
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("isnet-cxr", "torch", "monai", "lightning", "mlflow", "pydicom", "numpy", "pandas")
DECODERS = {
    "python-gdcm": "JPEG, also lossless",
    "pyjpegls": "JPEG-LS",
    "pylibjpeg-openjpeg": "JPEG 2000",
    "pillow": "JPEG baseline",
}
SHARED_MEMORY = Path("/dev/shm")
ENOUGH_SHARED_GIB = 1.0
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        value: What it is.
        ok: Whether the pipeline can work with it.
    """

    name: str
    value: str
    ok: bool = True


def examine(*, quick: bool = False) -> dict[str, list[Finding]]:
    """Look at everything; findings by section.

    Args:
        quick: Look at what a prediction needs alone: no network, and torch is not imported.
    """
    if quick:
        return {
            "versions": _versions(),
            "DICOM decoders": _decoders(),
            "memory": [_temporary_files()],
        }
    return {
        "versions": _versions(),
        "devices": _devices(),
        "DICOM decoders": _decoders(),
        "MLflow": [_store()],
        "memory": [_shared_memory()],
    }


def _versions() -> list[Finding]:
    return [Finding("Python", platform.python_version()), *map(_version, PACKAGES)]


def _version(package: str) -> Finding:
    try:
        return Finding(package, version(package))
    except PackageNotFoundError:
        return Finding(package, "not installed", ok=False)


def _devices() -> list[Finding]:
    import torch

    findings = [Finding("CPU", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        memory = f"{properties.total_memory / GIB:.0f} GiB"
        findings.append(Finding(f"cuda:{number}", f"{properties.name}, {memory}"))
    return findings


def _decoders() -> list[Finding]:
    return [
        replace(_version(package), name=f"{package} ({syntaxes})")
        for package, syntaxes in DECODERS.items()
    ]


def _store() -> Finding:
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return Finding("store", "mlflow.db in each study's folder (MLFLOW_TRACKING_URI is not set)")
    from isnet_cxr.pipeline.tracking import check_store, without_password

    try:
        return Finding("store", f"{without_password(uri)}: {check_store(uri)}")
    except ValueError as error:
        return Finding("store", str(error), ok=False)


def _temporary_files() -> Finding:
    """Try whether there is room for what archives and compressed files are unpacked into."""
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"0")
            file.flush()
    except OSError as error:
        return Finding("temporary files", f"cannot be written ({error.strerror})", ok=False)
    return Finding("temporary files", "can be written")


def _shared_memory() -> Finding:
    if not SHARED_MEMORY.is_dir():
        return Finding("shared memory", "not found")
    gib = shutil.disk_usage(SHARED_MEMORY).total / GIB
    enough = gib >= ENOUGH_SHARED_GIB
    advice = (
        "" if enough else f"; data loaders want {ENOUGH_SHARED_GIB:.0f} GiB (docker: --shm-size)"
    )
    return Finding("shared memory", f"{gib:.2f} GiB{advice}", ok=enough)
