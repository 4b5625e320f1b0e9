"""A package as an MLflow model: its signature, an example, and the model's folder."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml
from mlflow.models import ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array, ColSpec, Map

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.phantoms import EXTERNAL, make_phantom
from isnet_cxr.data.writers import write_png
from isnet_cxr.pipeline.prediction.predictor import Predictor
from isnet_cxr.pipeline.serving.requested import EXPLAINED, IMAGE, PICTURES, PIXELS, REFUSE
from isnet_cxr.pipeline.serving.served import PACKAGE

PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
CODE = Path(__file__).with_name("code.py")


def signature() -> ModelSignature:
    """Return what the model takes and gives."""
    text, number = DataType.string, DataType.double
    grey = Array(Array(number))
    inputs = [
        ColSpec(DataType.binary, IMAGE, required=False),
        ColSpec(grey, PIXELS, required=False),
    ]
    outputs = [
        ColSpec(text, "image_id"), ColSpec(text, "gate"), ColSpec(text, "gate_reason"),
        ColSpec(Array(text), "flags"), ColSpec(text, "predicted", required=False),
        ColSpec(Map(number), "probabilities", required=False),
        ColSpec(Map(number), "calibrated", required=False),
        ColSpec(text, "explained", required=False),
        ColSpec(number, "relevance_inside_lungs", required=False),
        ColSpec(text, "mask_quality", required=False), ColSpec(Array(text), "mask_reasons"),
        ColSpec(text, "mask", required=False), ColSpec(text, "heatmap", required=False),
        ColSpec(text, "note"),
    ]  # fmt: skip
    params = [
        ParamSpec(EXPLAINED, text, "predicted"),
        ParamSpec(PICTURES, DataType.boolean, True),
        ParamSpec(REFUSE, DataType.boolean, True),
    ]
    return ModelSignature(Schema(inputs), Schema(outputs), ParamSchema(params))


def input_example() -> pd.DataFrame:
    """Return a request: a generated chest as a PNG file."""
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        path = Path(folder) / "chest.png"
        write_png(make_phantom(EXTERNAL[0], "normal", 0, seed=0).pixels, path)
        return pd.DataFrame({IMAGE: [path.read_bytes()]})


def described(package: Path) -> dict[str, Any]:
    """Return what MLflow's functions for models are given for a package.

    Raises:
        FileNotFoundError: If a file of the package is missing.
        InputError: If the package is wrong.
    """
    Predictor.load(package)
    return {
        "python_model": str(CODE),
        "artifacts": {PACKAGE: str(package.absolute())},
        "signature": signature(),
        "input_example": input_example(),
        "pip_requirements": [f"isnet-cxr=={version('isnet-cxr')}", f"mlflow=={version('mlflow')}"],
    }


def write_model(package: Path, out: Path) -> Path:
    """Write a package as an MLflow model, which ``mlflow models serve`` answers with.

    Args:
        package: The classifier's.
        out: The model's folder; must not exist, or be empty.

    Raises:
        FileNotFoundError: If a file of the package is missing.
        InputError: If the package is wrong, or ``out`` is in use.
    """
    import mlflow.pyfunc

    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: expected a new or empty folder")
    with _quiet():
        mlflow.pyfunc.save_model(str(out), **described(package))
    _forget_places(out)
    return out


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from advice and progress bars."""
    before = os.environ.get(PROGRESS_BAR)
    os.environ[PROGRESS_BAR] = "false"
    logger = logging.getLogger("mlflow.pyfunc")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)
        if before is None:
            del os.environ[PROGRESS_BAR]
        else:
            os.environ[PROGRESS_BAR] = before


def _forget_places(model: Path) -> None:
    """Take from a model's description where on this machine it was made."""
    file = model / "MLmodel"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    flavor = content["flavors"]["python_function"]
    flavor["model_code_path"] = CODE.name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
