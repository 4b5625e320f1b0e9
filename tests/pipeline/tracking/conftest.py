"""An empty store: making its tables takes seconds, copying them does not.

Lets the tests import ``servers`` from this folder.
"""

import sys
from pathlib import Path

import pytest

from isnet_cxr.pipeline.tracking import STORE, check_store

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with tables and no runs."""
    path = tmp_path_factory.mktemp("store") / STORE
    check_store(f"sqlite:///{path}")
    return path
