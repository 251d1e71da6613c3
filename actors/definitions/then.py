"""The definitions that held at a moment of the log: the directory's fold, over ``control`` up to there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.directory import DEFINITIONS, Directory
from actors.slices import READ_BYTES, gapless, slices_of
from events.catalog import CONTROL
from events.log import LogReader
from query.as_of import Moment
from query.history import History


def definitions_then(log: LogReader, tenant: str, moment: Moment | None = None) -> Mapping[str, Mapping[str, Any]]:
    """By ``<kind>/<name>``, as the topic ``definitions`` showed them; ``moment`` None: those that hold now."""
    fold = Directory()
    state = fold.initial()
    for producer, head in History(log, tenant, moment=moment).heads(CONTROL.name).items():
        after = 0
        while after < head:
            entries = gapless(log, (CONTROL.name, producer), after, READ_BYTES)
            for entry in entries:
                if entry.header.first >= head:
                    break
                for batch in slices_of(entry, after, head):
                    state, _ = fold.fold(state, batch)
            after = entries[-1].header.end if entries else head
    return fold.view(state, DEFINITIONS)
