"""The killer: SIGKILL to one process of the running system after another, chosen by a seed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import NamedTuple

import psutil

from tests.running import Running, struck

CELLS = {
    "collectors": "user_interactions", "analyzers": "metrics", "dashboards": "user_activity",
    "alerts": "alert_evaluator", "edges": "notifier",
}  # fmt: skip
"""A cell of each kind of host: its file tells which process runs it."""
TITLES = {
    "gateway": "ray::ServeReplica:gateway", "live": "ray::ServeReplica:live", "controller": "ray::ServeController",
    "haproxy": "haproxy",
}  # fmt: skip
TARGETS = (*CELLS, *TITLES)
ON_VALKEY = ("valkey", "host", *TITLES)
"""Where the log is on a server: that one, too. No file tells there which host runs which cell: any of them is shot at."""


class Kill(NamedTuple):
    target: str
    pid: int
    at: float
    """Seconds since the killer began."""


class Killer(threading.Thread):
    """Kills ``n`` times, ``pause_s`` apart; each of ``targets`` before one comes again, ``first`` before all."""

    def __init__(
        self,
        system: Running,
        n: int,
        pause_s: tuple[float, float],
        seed: int,
        first: tuple[str, ...],
        targets: tuple[str, ...] = TARGETS,
    ) -> None:
        super().__init__(name="killer")
        self._system = system
        self._random = random.Random(seed)
        self._pause_s = pause_s
        rounds: list[str] = list(first)
        while len(rounds) < n:
            rounds += self._random.sample(targets, len(targets))
        self._plan = rounds[:n]
        self.kills: list[Kill] = []

    def run(self) -> None:
        began = time.monotonic()
        for target in self._plan:
            time.sleep(self._random.uniform(*self._pause_s))
            process = self._strike(target)
            if process is not None:
                self.kills.append(Kill(target, process.pid, time.monotonic() - began))

    def _strike(self, target: str) -> psutil.Process | None:
        """Kill the target's process, waiting for one that was killed lately to be back; None where it does not come."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self._found(target)
            if found and struck(chosen := self._random.choice(found)):
                return chosen
            time.sleep(0.2)
        return None

    def _found(self, target: str) -> list[psutil.Process]:
        if target in CELLS:
            return runs_cell(self._system, CELLS[target])
        if target == "host":
            return self._system.named("ray::Host")
        return _called(self._system, "valkey-server") if target == "valkey" else _titled(self._system, TITLES[target])

    def counted(self) -> Counter[str]:
        return Counter(kill.target for kill in self.kills)


def runs_cell(system: Running, fold: str) -> list[psutil.Process]:
    """The process that writes the cell's file."""
    found: list[psutil.Process] = []
    for process in system.named("ray::Host"):
        try:
            fds = process.open_files()
        except psutil.Error:
            continue
        if any("/cells/" in file.path and fold in file.path and file.mode != "r" for file in fds):
            found.append(process)
    return found


def _titled(system: Running, title: str) -> list[psutil.Process]:
    return system.named(title) if title != "haproxy" else _called(system, title)


def _called(system: Running, name: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in system.processes():
        try:
            if process.name() == name:
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found
