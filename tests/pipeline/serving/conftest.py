"""The stored package as an MLflow model.

Lets the tests import ``serve`` from this folder.
"""

import sys
from pathlib import Path

import pytest

import isnet_cxr.pipeline.serving  # noqa: F401  imports MLflow without its warnings

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)


@pytest.fixture(scope="session")
def package() -> Path:
    return Path(FOLDER).parent / "prediction" / "packages" / "schema-2"


@pytest.fixture(scope="session")
def model(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from isnet_cxr.pipeline.serving.model import write_model

    return write_model(package, tmp_path_factory.mktemp("served") / "model")
