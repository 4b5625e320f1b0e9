"""Lets tests and spawned processes import the helpers ``tests_*.py`` of this folder."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
