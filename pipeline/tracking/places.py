"""A study that was moved or copied finds its artifacts: its own store is told the new place.

MLflow keeps, in an SQLite store, where each run's files lie as a whole address.
"""

import sqlite3
from pathlib import Path

PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""Tables of MLflow's store, and their columns that hold addresses of files."""


def correct_places(store: Path, artifacts: Path) -> int:
    """Correct a store's addresses of files below a folder ``artifacts`` that is elsewhere now.

    Args:
        store: SQLite file; nothing happens where it is not there.
        artifacts: Where the artifacts of this very store are. What the store says of folders of
            another name stays as it is.

    Returns:
        How many addresses were corrected.
    """
    if not store.is_file():
        return 0
    place = artifacts.absolute().as_uri()
    connection = sqlite3.connect(store, timeout=60)
    try:
        with connection:
            return sum(
                _correct(connection, table, column, place, artifacts.name)
                for table, column in _columns(connection)
            )
    finally:
        connection.close()


def _columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return those of the columns that this store has."""
    found = []
    for table, columns in PLACES.items():
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        found += [(table, column) for column in columns if column in known]
    return found


def _correct(connection: sqlite3.Connection, table: str, column: str, place: str, name: str) -> int:
    """Correct one column; the study's folder is what stands before ``name``."""
    marked = f"/{name}"
    rows = connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
    changes = []
    for (address,) in rows:
        if not isinstance(address, str) or not address.startswith("file://"):
            continue
        before, mark, after = address.partition(marked)
        if mark and (not after or after.startswith("/")) and before + mark != place:
            changes.append((place + after, address))
    for change in changes:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", change)
    return len(changes)
