"""Where a run comes from: who ran which version and commit."""

import getpass
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

NAME = "isnet-cxr"
PATIENCE_S = 10


@lru_cache(maxsize=1)
def origin_tags() -> dict[str, str]:
    """Return tags that MLflow's pages filter and sort by; unknown ones are left out."""
    user, commit = _user(), _commit()
    tags = {
        MLFLOW_SOURCE_NAME: NAME, MLFLOW_SOURCE_TYPE: "LOCAL", MLFLOW_USER: user,
        MLFLOW_GIT_COMMIT: commit, "user": user, "commit": commit[:12], "version": version(NAME),
    }  # fmt: skip
    return {name: value for name, value in tags.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return ""


def _commit() -> str:
    """Return the commit of this code, where it is a checkout of git and not an installed wheel."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return ""
    try:
        said = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True, text=True, check=True, timeout=PATIENCE_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
