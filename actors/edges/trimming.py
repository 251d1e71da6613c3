"""What the log must keep because a cell may read it: up to where each cell has come, and from where its snapshot goes on."""

from __future__ import annotations

import msgspec

from actors.recovery import content_of, cursor_of
from events.log import LogReader, Source


def needed(log: LogReader, since: int) -> dict[Source, int]:
    """The lowest offset of each source that a cell reads next, or would after a start. Sources nobody reads are left out.

    Cells without a commit since ``since`` (microseconds UTC) are passed over: they may never run again, and if one does, it
    reads from the archive. So does one that has no snapshot that can be read: it begins anew.
    """
    lowest: dict[Source, int] = {}

    def keep(source: Source, offset: int) -> None:
        lowest[source] = min(offset, lowest.get(source, offset))

    for cell in log.cells():
        if log.last_commit(cell)[1] < since:
            continue
        for source, offset in log.cursor(cell).items():
            keep(source, offset)
        for ref in log.snapshots(cell)[-1:]:
            try:
                saved = content_of(ref)
            except msgspec.MsgspecError:
                continue
            for source, offset in cursor_of(saved).items():
                keep(source, offset)
            for stream, offset in saved.heads.items():
                keep((stream, cell), offset)
    return lowest
