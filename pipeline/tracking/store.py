"""Where runs are kept: an address, whether it answers, and how its content is looked at."""

import os
import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import urlopen

from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from isnet_cxr.data.errors import InputError

STORE, ARTIFACTS = "mlflow.db", "mlartifacts"
PATIENCE_S = 5
"""How long a server may take to answer before it counts as unreachable."""

WEB = ("http", "https")
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}

PASSWORD = re.compile(r"(://[^/@:\s]*):[^@\s]*@")
"""In an address, with what stands before it."""

FAILURES = (MlflowException, SQLAlchemyError, OSError)
"""What MLflow's client raises when its store is gone; requests' errors are OSErrors."""


def tracking_uri(out: Path) -> str:
    """Say where the runs of the study in ``out`` are kept."""
    return os.environ.get("MLFLOW_TRACKING_URI") or own_uri(out)


def own_uri(out: Path) -> str:
    """Return the address of a study's own store, in its folder."""
    place = str((out / STORE).absolute()).replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{place}"


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an SQLite store; None for any other."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))


def remove_stray_folder(uri: str) -> None:
    """Remove the empty folder that MLflow makes where a store's address is not its file's path."""
    named = Path(uri.removeprefix("sqlite:///").partition("?")[0]).parent
    file = sqlite_file(uri)
    if file is not None and named != file.parent and named.is_dir() and not any(named.iterdir()):
        named.rmdir()


def experiment_name(study: str) -> str:
    """Return the experiment of a study: its name, or what ``MLFLOW_EXPERIMENT_NAME`` says."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or study


def without_password(uri: str) -> str:
    """Return an address that may be shown."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))


def how_to_look(uri: str) -> str:
    """Say how the runs at ``uri`` are looked at: a server's address, or a command."""
    shown = without_password(uri)
    if _scheme(uri) in WEB:
        return shown
    return f"mlflow ui --backend-store-uri {shlex.quote(shown)}"


def check_store(uri: str) -> str:
    """Say what is in the store at ``uri``.

    Raises:
        InputError: If it cannot be reached.
    """
    with opening(uri):
        experiments = MlflowClient(uri).search_experiments(view_type=ViewType.ACTIVE_ONLY)
    return f"{len(experiments)} experiments"


@contextmanager
def opening(uri: str) -> Iterator[None]:
    """Turn what goes wrong as a store is first used into one line, within seconds.

    Raises:
        InputError: If the store does not answer, or needs a driver that is not installed.
    """
    shown = without_password(uri)
    _check_answer(uri)
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"MLflow store {shown}: needs the Python package {error.name!r}, which is not "
            "installed (for PostgreSQL: pip install 'isnet-cxr[postgres]' and an address that "
            "begins with postgresql+pg8000://)"
        ) from None
    except FAILURES as error:
        raise InputError(f"MLflow store {shown}: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """Say in one line what a store's client raised; no address in it shows its password."""
    text = PASSWORD.sub(r"\1:***@", str(getattr(error, "message", "") or error).strip())
    return text.splitlines()[0][:300] if text else type(error).__name__


def _check_answer(uri: str) -> None:
    """Knock at a server's door: MLflow itself would try for minutes."""
    parts = urlsplit(uri)
    if parts.hostname is None or _scheme(uri) not in PORTS:
        return
    try:
        if _scheme(uri) in WEB:
            _ask(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
        else:
            port = parts.port or PORTS[_scheme(uri)]
            socket.create_connection((parts.hostname, port), timeout=PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"MLflow store {without_password(uri)}: no answer ({first_line(error)}): is the "
            "server running, and MLFLOW_TRACKING_URI its address?"
        ) from None


def _ask(address: str) -> None:
    """Send a request; any answer of a web server will do, be it a refusal."""
    try:
        urlopen(f"{address.rstrip('/')}/health", timeout=PATIENCE_S).close()
    except HTTPError as error:
        error.close()


def _scheme(uri: str) -> str:
    return urlsplit(uri).scheme.partition("+")[0]
