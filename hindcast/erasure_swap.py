"""The last step of an erasure: the new log and archive take the place of the old ones.

Once they are whole this is finished whatever happens: a start, or the next erasure, completes one that was cut off.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from hindcast.log_place import LOG
from hindcast.receipts import Receipt

DRAFT, READY = "erasing", "ready"
ARCHIVE = "archive"
LEFT_BY_PROCESSES = ("ray", "proxy", "runtime.json", "generation")
"""Beside log and archive: what a process leaves, which may have anything in it; the log's identity, so pages begin anew."""


def completed(path: Path) -> None:
    """Finish an erasure that was cut off once its new log was whole. Harmless where there is none."""
    draft = path / DRAFT
    if not (draft / READY).exists():
        shutil.rmtree(draft, ignore_errors=True)
        return
    receipt = msgspec.json.decode((draft / READY).read_bytes(), type=Receipt)
    for name in (ARCHIVE, LOG):
        if (draft / name).exists():
            shutil.rmtree(path / name, ignore_errors=True)
            (draft / name).rename(path / name)
    for name in LEFT_BY_PROCESSES:
        target = path / name
        shutil.rmtree(target, ignore_errors=True) if target.is_dir() else target.unlink(missing_ok=True)
    receipt.keep(path)
    os.sync()
    shutil.rmtree(draft)
