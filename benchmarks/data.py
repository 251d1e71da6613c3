"""The real data sets, which are no part of this repository: ``HINDCAST_DATA`` names their folder (``../shared/data``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DATA = Path(os.environ.get("HINDCAST_DATA", "../shared/data"))
SKIPPED = 77
"""Exit code of a benchmark whose data set is not there."""


def data_set(name: str) -> Path:
    """The file or folder ``name`` of the data sets. Where it is not there, the benchmark ends: a message and ``SKIPPED``."""
    path = DATA / name
    if not path.exists():
        print(f"skipped: there is no {path}; HINDCAST_DATA names the folder of data sets", file=sys.stderr)
        sys.exit(SKIPPED)
    return path
