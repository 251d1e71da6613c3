"""Where a system's log is: the one place that knows which log a data directory has.

Everybody below is handed a ``LogSpec`` and opens what it names.
"""

from __future__ import annotations

from pathlib import Path

from events import sqlite_backup
from events.archive.log import ArchivedSpec
from events.errors import Rejected
from events.log import LogSpec
from events.sqlite_log import SqliteSpec

LOG = "log"


def log_of(data_dir: Path) -> ArchivedSpec:
    """The log of the system on ``data_dir``, which need not be there yet, together with its archive."""
    return ArchivedSpec(SqliteSpec(data_dir / LOG), data_dir / "archive")


def log_in(data_dir: Path) -> LogSpec:
    """The log that ``data_dir`` has. Raises ``Rejected`` where there is none."""
    log = log_of(data_dir)
    if not log.exists():
        raise Rejected(
            "data_dir",
            f"there is no log in {data_dir}; name the right one with --data-dir, or start a system (`hindcast up`)",
        )
    return log


def copy_log(data_dir: Path, into: Path) -> dict[str, int]:
    """Copy the log of ``data_dir``, without its archive, into the folder ``into``; see ``events.sqlite_backup.copy``."""
    return sqlite_backup.copy(data_dir / LOG, into / LOG)
