"""Lets tests and spawned processes import ``tests_jobs`` and ``tests_layout`` from this folder."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
