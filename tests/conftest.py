"""Fixtures for all tests."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

Node = Callable[[Callable[[Any], int]], AbstractContextManager[tuple[str, Any]]]


@pytest.fixture
def cxr_root() -> Path:
    """Folder of the real chest X-ray sets, one sub-folder per dataset."""
    root = os.environ.get("ISNET_CXR_DATA")
    if not root:
        pytest.skip("ISNET_CXR_DATA is unset: no real chest X-rays")
    return Path(root)


@pytest.fixture
def gpu() -> str:
    """A GPU's name."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here: GPUs are not tested")
    return "cuda"


@pytest.fixture
def dicom_node() -> Node:
    """Runs a DICOM node that answers every object as it is told; lends its address and itself."""
    return _dicom_node


@contextmanager
def _dicom_node(answer: Callable[[Any], int]) -> Iterator[tuple[str, Any]]:
    from pynetdicom import AE, evt
    from pynetdicom.presentation import StoragePresentationContexts

    entity = AE(ae_title="NODE")
    for context in StoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)]
    )
    try:
        yield f"NODE@127.0.0.1:{server.server_address[1]}", server
    finally:
        server.shutdown()
        server.server_close()
