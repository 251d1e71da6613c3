"""Hosts without Ray: real ``Host`` objects in one process, killed in the middle of whatever they do.

A killed host is no thread that can be ended: its workers live on as old instances that do not know they were replaced, which
is the worst that a kill can leave behind.
"""

from __future__ import annotations

import asyncio
import pickle
import random
import threading
import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from actors.collectors.arrivals import ACCEPTED, DUPLICATE
from actors.edges.intake import Push
from actors.fold import Batch, Outputs
from actors.host import Host
from actors.packing import pack
from actors.topology import CellSpec, HostSpec, Stream
from events.catalog import CONTROL, NOTIFICATIONS, rows
from events.errors import Transient
from events.log import LogSpec
from hindcast.fleet import Ask
from hindcast.placement import Reconciler
from tests.laws.toys import Toy

DOOR, ECHO = "t/control/0", "t/echo/0"


class Echo(Toy):
    """Tells of each command, once, in order. State: how many there were."""

    reads = (CONTROL.name,)
    writes = (NOTIFICATIONS.name,)

    def __init__(self) -> None:
        super().__init__("echo")

    def initial(self) -> list[int]:
        return [0]

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        outputs = Outputs()
        if batch.rows:
            state[0] += batch.rows
            said = {"cause": batch.table.column("id"), "time": batch.table.column("time")}
            outputs.emit(NOTIFICATIONS.name, rows(NOTIFICATIONS, said, batch.rows))
        return state, outputs


def cells() -> tuple[CellSpec, ...]:
    from actors.collectors.push import control

    return (CellSpec("collectors", control(), "t", Push(guarded=False)), CellSpec("analyzers", Echo(), "t", Stream()))


class LocalFleet:
    """As ``hindcast.fleet.Fleet``. ``misfortune``: asked before and after each call; True kills the host that is called."""

    def __init__(self, log: LogSpec) -> None:
        self._log = log
        self.hosts: dict[str, Host] = {}
        self.silent: set[str] = set()
        """Hosts that do not answer, but run."""
        self.zombies: list[Host] = []
        self._lost: list[str] = []
        self.rng: random.Random | None = None

    @property
    def names(self) -> list[str]:
        return sorted(self.hosts)

    def make(self, host: str) -> None:
        if host not in self.hosts:
            self.hosts[host] = Host(HostSpec(host, self._log, "g", 0))

    def kill(self, host: str) -> None:
        self.zombies.append(self.hosts.pop(host))
        self.make(host)
        self._lost.append(host)

    def ask(self, asks: Sequence[Ask], timeout_s: float) -> list[Any]:
        return [self._answer(ask) for ask in asks]

    def _answer(self, ask: Ask) -> Any:
        host = self.hosts[ask.host]
        if ask.host in self.silent:
            return Transient("no answer")
        if self._struck(ask.host):
            return Transient("its process has ended")
        arguments = pickle.loads(pickle.dumps(ask.arguments))
        answer = asyncio.run(getattr(host, ask.method)(*arguments))
        return Transient("its process has ended") if self._struck(ask.host) else answer

    def _struck(self, host: str) -> bool:
        if self.rng is None or self.rng.random() > 0.05:
            return False
        self.kill(host)
        return True

    def lost(self, timeout_s: float) -> list[str]:
        deadline = time.monotonic() + timeout_s
        while not self._lost and time.monotonic() < deadline:
            time.sleep(0.01)
        lost, self._lost = self._lost, []
        return lost

    def end(self, hosts: Sequence[str], timeout_s: float) -> int:
        for host in hosts:
            asyncio.run(self.hosts.pop(host).drain())
        return 0

    def close(self) -> None:
        self.rng = None
        for host in [*self.hosts.values(), *self.zombies]:
            asyncio.run(host.drain())


class Sender:
    """A client behind a gateway: sends commands one after the other, each until it is acknowledged."""

    def __init__(self, name: str, fleet: LocalFleet, placement: Reconciler) -> None:
        self._name, self._fleet, self._placement = name, fleet, placement
        self.acknowledged: list[str] = []
        self.longest_s = 0.0
        """The longest that one command took."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ending.is_set():
            id_, began = f"{self._name}{len(self.acknowledged)}", time.monotonic()
            while not self._sent(id_):
                assert time.monotonic() - began < 60, f"{id_} finds no host"
                time.sleep(0.005)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.acknowledged.append(id_)

    def _sent(self, id_: str) -> bool:
        try:
            host = self._fleet.hosts[self._placement.where.host_of(DOOR)]
            ack = asyncio.run(asyncio.wait_for(host.push(DOOR, pack(command(id_)), None), 30))
        except (Transient, KeyError):
            return False
        return ack.verdict[0] in (ACCEPTED, DUPLICATE)


def command(id_: str) -> pa.RecordBatch:
    data = {"id": [id_], "type": ["alert.acknowledged"], "subject": ["x"], "data": ["{}"], "time": [1], "received": [1]}
    return rows(CONTROL, data, 1)
