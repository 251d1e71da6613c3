"""Orders about where cells run, as operators give them over HTTP: they stand on ``control``, and are carried out once.

``cell.placed`` (subject: the cell; data: ``host``) and ``cells.arranged`` (data: ``placement``). Only those that are given
while the system runs count: where cells run after a start, the configuration says.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from actors.placement import ARRANGED, PLACED
from events.catalog import CONTROL
from events.errors import Rejected, Transient
from events.log import LogReader, Source
from hindcast.log_thread import WAIT_S, LogThread
from hindcast.placement import Reconciler

logger = logging.getLogger(__name__)
READ_BYTES = 1 << 20


class Orders(LogThread):
    """Follows ``control`` in a thread of its own, from the moment this is made. ``log`` is closed at the end."""

    def __init__(self, log: LogReader, tenant: str, placement: Reconciler) -> None:
        super().__init__(log, "orders")
        self._placement = placement
        prefix = f"{tenant}/"
        self._at: dict[Source, int] = {
            (CONTROL.name, p): log.head(CONTROL.name, p) for p in log.producers(CONTROL.name) if p.startswith(prefix)
        }

    def step(self) -> None:
        if self._log.wait(self._at, WAIT_S):
            self._read()

    def _read(self) -> None:
        for source, after in self._at.items():
            for entry in self._log.read(*source, after, READ_BYTES):
                batch = entry.batch()
                skip = max(0, after - entry.header.first)
                said = zip(*(batch.column(name).to_pylist() for name in ("type", "subject", "data")), strict=True)
                for place, (type_, subject, data) in list(enumerate(said, entry.header.first))[skip:]:
                    if type_ in (PLACED, ARRANGED):
                        self._carry_out(place, type_, subject, json.loads(data))
                self._at[source] = entry.header.end

    def _carry_out(self, place: int, type_: str, subject: str, data: Mapping[str, Any]) -> None:
        failed, late = "", False
        try:
            if type_ == PLACED:
                self._placement.move(subject, data["host"])
            else:
                self._placement.arrange(data["placement"])
        except (Rejected, Transient) as error:
            logger.warning("%s %s: %s", type_, subject, error)
            failed, late = str(error), isinstance(error, Transient)
        self._placement.carried_out(place, failed, late=late)
