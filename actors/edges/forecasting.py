"""The worker that has forecasts made when they are due, and records them; see ``actors.forecasting``."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import pyarrow as pa

from actors.cell import AnyCell
from actors.edges.forecast_job import Order, Wanted
from actors.forecasting import Forecasting, State, every_us, step_us
from actors.workers import Worker
from events.catalog import PAST_METRICS
from events.errors import Transient
from events.log import LogReader, LogSpec

WAIT_S = 1.0
FIRST_AFTER_US = 10_000_000
"""A system that starts has other things to do; and what defines forecasts often defines their metrics, too."""
SETTLED_US = 20_000_000
"""So long after the last window that an import has brought are forecasts made that know them all."""
LONGEST_S = 300.0

Make = Callable[[str, Sequence[Wanted], int, Callable[[], bool]], list[pa.RecordBatch]]
"""(tenant, what is due, now, whether to give up) -> rows of ``forecasts``. May raise ``Transient``."""


def in_a_process(place: LogSpec) -> Make:
    """Has them made in a process of its own, over the log at ``place``."""

    def make(tenant: str, wanted: Sequence[Wanted], now_us: int, gives_up: Callable[[], bool]) -> list[pa.RecordBatch]:
        process = subprocess.Popen(
            [sys.executable, "-m", "actors.edges.forecast_job"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        out = b""
        said: bytes | None = pickle.dumps(Order(place, tenant, tuple(wanted), now_us))
        out = b""
        for _ in range(int(LONGEST_S / WAIT_S)):
            try:
                out, _ = process.communicate(said, WAIT_S)
                break
            except subprocess.TimeoutExpired:
                said = None  # it has it
                if gives_up():
                    break
        else:
            process.kill()
            process.wait()
            raise Transient(f"forecasts were not made within {LONGEST_S:.0f} s", 60.0)
        if process.poll() is None:
            process.kill()
            process.wait()
            return []
        if process.returncode:
            raise Transient(
                f"the process that makes forecasts ended with {process.returncode}; it is tried again", 60.0
            )
        with pa.ipc.open_stream(out) as stream:
            return [*stream]

    return make


class ForecastWorker(Worker):
    """Drives the cell of a ``Forecasting``; ``now`` gives microseconds UTC."""

    def __init__(self, cell: AnyCell, log: LogReader, now: Callable[[], int], make: Make) -> None:
        super().__init__(cell, log)
        self._fold = cast(Forecasting, cell.fold)
        self._now = now
        self._make = make
        self._first_at = now() + FIRST_AFTER_US
        self._brought, self._brought_at, self._known = self._imported(), 0, True
        """How many rows of imported windows there are, since when; and whether the forecasts know them."""

    def step(self) -> None:
        with self.lock:
            consumed = self.cell.advance()
        now = self._now()
        wanted = self.due(now)
        if wanted:
            self.record(wanted, now)
        elif not consumed and not self.stopping.is_set():
            self.log.wait(self.cell.waiting_for(), WAIT_S)

    def due(self, now: int) -> list[Wanted]:
        """What is to be made now."""
        if now < self._first_at:
            return []
        again = self._imports_are_in(now)
        state = cast(State, self.cell.state)
        found: list[Wanted] = []
        for name, watched in sorted(state.watched.items()):
            width = state.width_us(watched.spec["metric"])
            step = step_us(watched.spec, width)
            if width and (again or now >= watched.made + every_us(watched.spec, step)):
                found.append(Wanted(name, watched.cause, watched.spec, step))
        return found

    def record(self, wanted: Sequence[Wanted], now: int) -> None:
        """Have these made, and record them."""
        for batch in self._make(self.cell.tenant, wanted, now, self.stopping.is_set):
            with self.lock:
                self.cell.record(partial(self._fold.tell, made=batch))

    def _imports_are_in(self, now: int) -> bool:
        """Whether an import has brought windows that no forecast knows yet, and has brought all of them."""
        brought = self._imported()
        if brought != self._brought:
            self._brought, self._brought_at, self._known = brought, now, False
        if self._known or now < self._brought_at + SETTLED_US:
            return False
        self._known = True
        return True

    def _imported(self) -> int:
        ours = (p for p in self.log.producers(PAST_METRICS.name) if p.startswith(f"{self.cell.tenant}/"))
        return sum(self.log.head(PAST_METRICS.name, producer) for producer in ours)
