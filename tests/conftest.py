"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def cxr_root() -> Path:
    """Folder of the real chest X-ray sets, one sub-folder per dataset."""
    root = os.environ.get("ISNET_CXR_DATA")
    if not root:
        pytest.skip("ISNET_CXR_DATA is unset: no real chest X-rays")
    return Path(root)
