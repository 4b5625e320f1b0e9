"""MLflow, and the only room that knows it: a study's runs, what is logged, and where it is kept.

By default everything is in the study's folder (SQLite store ``mlflow.db``, files in
``mlartifacts``); ``MLFLOW_TRACKING_URI`` names another place, ``MLFLOW_EXPERIMENT_NAME`` another
experiment. The runs of a study are remembered in ``mlflow-runs.json``, so that a study that goes on
goes on in the same runs. Nothing logged holds a path or a patient's id: images are known by the
hash of their pixels. A store that is lost while a study runs does not stop it: what could not be
delivered is delivered by the same command later.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # these are read when mlflow is imported
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")

from isnet_cxr.pipeline.tracking.registry import CHAMPION, Candidate, Registered, register_package
from isnet_cxr.pipeline.tracking.run import Run, Status
from isnet_cxr.pipeline.tracking.store import (
    ARTIFACTS,
    STORE,
    check_store,
    how_to_look,
    tracking_uri,
    without_password,
)
from isnet_cxr.pipeline.tracking.tracker import Tracker

__all__ = [
    "ARTIFACTS", "CHAMPION", "STORE", "Candidate", "Registered", "Run", "Status", "Tracker",
    "check_store", "how_to_look", "register_package", "tracking_uri", "without_password",
]  # fmt: skip
