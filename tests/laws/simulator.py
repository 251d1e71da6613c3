"""A seeded fault simulator: a small system of cells on the memory log, and everything that can go wrong around it.

One seed is one life of the system: ``simulate(7)`` does the same thing every time. Faults: crashes before, within and
after a step; commits refused, landed but unanswered, sent twice, or landing late; zombies that go on with other code;
deliveries in any order; clients that repeat themselves; snapshots and trims at random; upgrades; a clock that steps back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from actors.cell import Cell, Limits
from actors.quarantine import Poison
from events.catalog import STREAMS, rows
from events.entry import Entry
from events.errors import Conflict, Corrupt, Fenced, Transient
from events.log import Commit, EventLog, JournalRow, Lease, SnapshotRef, Source
from events.memory_log import MemoryLog
from tests.laws.mutants import Torn
from tests.laws.oracle import History, check, opened, same, saved_in
from tests.laws.toys import BOUND, POISON, Alarm, Brittle, Door, Spring, Tally, Toy, Windows

STEPS = 70
SHAPES = ((2, ("t",)), (1, ("t",)), (4, ("t",)), (2, ("t", "tt")))
"""(partitions of the door, tenants): a seed lives in one of them."""
SPRING = "t/spring/0"
WATER = 40
"""Rows that the source of the spring has."""
Topology = Mapping[str, Callable[[int], Toy]]


def topology(partitions: int, tenants: Sequence[str]) -> Topology:
    """Every cell there is, and how to make the fold of a version of it."""
    found: dict[str, Callable[[int], Toy]] = {SPRING: lambda version: Spring(version)}
    for tenant in tenants:
        for partition in range(partitions):
            found[f"{tenant}/door/{partition}"] = lambda version: Door(version=version)
        found[f"{tenant}/ticker/0"] = lambda version: Door("ticker", "clock", version)
        found[f"{tenant}/windows/0"] = lambda version: Windows(version=version, producers=partitions)
        found[f"{tenant}/alarm/0"] = lambda version: Alarm("alarm", version)
        found[f"{tenant}/tally/0"] = lambda version: Tally("tally", version)
        found[f"{tenant}/brittle/0"] = lambda version: Brittle("brittle", version)
    return found


class Crash(BaseException):
    """The process is gone. Not an ``Exception``: nothing of ours may survive it."""


class Wire:
    """The log as one instance of a cell sees it through a bad network. Obeys ``EventLog``."""

    def __init__(self, world: World, cell: str) -> None:
        self._world = world
        self._log = world.log
        self._cell = cell
        self.leased = False

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        match self._world.fault(refused=1, lost=1, calm=18):
            case "refused":
                raise Transient("acquire refused")
            case "lost":
                self._log.acquire(cell, writes)
                raise Transient("the answer to acquire was lost")
        lease = self._log.acquire(cell, writes)
        self.leased = True
        return lease

    def commit(self, lease: Lease, commit: Commit) -> int:
        world, log = self._world, self._log
        match world.fault(before=2, within=2, after=2, refused=3, lost=3, twice=3, delayed=2, calm=43):
            case "before":
                raise Crash
            case "within":
                return world.crash_within(lambda: log.commit(lease, commit))
            case "after":
                log.commit(lease, commit)
                raise Crash
            case "refused":
                raise Transient("commit refused")
            case "lost":
                log.commit(lease, commit)
                raise Transient("the answer to the commit was lost")
            case "twice":
                first = log.commit(lease, commit)
                again = log.commit(lease, commit)
                assert again == first, f"a repeated commit became number {again}, it was {first}"
                return again
            case "delayed":
                world.delayed.append((lease, commit))
                raise Transient("no answer in time; the commit may still land")
        return log.commit(lease, commit)

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        if self._world.fault(crash=1, calm=150) == "crash":
            raise Crash
        entries = opened(self._log.read(stream, producer, after, max_bytes))
        if producer == self._cell:
            return entries
        seen = self._world.visible.get((self._cell, stream, producer), 0)
        return [entry for entry in entries if entry.header.first < seen]

    def head(self, stream: str, producer: str) -> int:
        return self._log.head(stream, producer)

    def producers(self, stream: str) -> Sequence[str]:
        return self._log.producers(stream)

    def journal(self, cell: str, after: int) -> Sequence[JournalRow]:
        return self._log.journal(cell, after)

    def last_commit(self, cell: str) -> tuple[int, int]:
        return self._log.last_commit(cell)

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        return self._log.snapshots(cell)

    def piece(self, cell: str, name: str) -> bytes:
        return self._log.piece(cell, name)

    def wait(self, after: Mapping[Source, int], timeout_s: float) -> bool:
        return self._log.wait(after, 0.0)

    def trim(self, stream: str, producer: str, below: int) -> None:
        self._log.trim(stream, producer, below)

    def close(self) -> None:
        """The log belongs to the world."""


class Instance:
    """One running process of a cell."""

    def __init__(self, world: World, name: str, version: int) -> None:
        tenant, _, partition = name.split("/")
        self.fold: Any = world.topology[name](version)
        self.wire = Wire(world, name)
        limits = Limits(snapshot_rows=world.rng.choice((6, 25, 400)), snapshot_commits=world.rng.choice((2, 7, 90)))
        self.cell: Cell[Any] = Cell(
            self.fold, self.wire, tenant=tenant, partition=int(partition), now=world.now, limits=limits
        )
        self.loaded = False
        self.place: int | None = None
        """Of a cell that reads a source: where its open reader stands; None: it has none."""


class World:
    """The whole system of one seed."""

    def __init__(self, seed: int, log: EventLog, calm: bool = False) -> None:
        self.rng = random.Random(seed)
        self.log = log
        self.calm = calm
        partitions, self.tenants = SHAPES[seed % len(SHAPES)]
        self.topology = topology(partitions, self.tenants)
        self.doors = [name for name, make in self.topology.items() if isinstance(make(1), Door)]
        self.trims = self.rng.random() < 0.4
        self._clock = 1_000_000
        self.running: dict[str, Instance | None] = dict.fromkeys(self.topology)
        self.zombies: list[tuple[str, Instance]] = []
        self.delayed: list[tuple[Lease, Commit]] = []
        self.visible: dict[tuple[str, str, str], int] = {}
        self.versions = dict.fromkeys(self.topology, 1)
        self.trimmed: dict[Source, list[Entry]] = {}
        self.requests = {door: self._requests(door) for door in self.doors}
        self.answered = dict.fromkeys(self.doors, 0)
        self.trace: list[str] = []

    # -- what the world is made of -------------------------------------------------------------------------------

    def _requests(self, door: str) -> list[pa.RecordBatch]:
        """What the clients of one door send, each request until it is answered, then the next."""
        rng, stream = self.rng, STREAMS["clock" if "/ticker/" in door else "user_interactions"]
        requests: list[pa.RecordBatch] = []
        at, number, poison = 1000, 0, 0
        for _ in range(rng.randint(5, 9)):
            n = rng.randint(1, 4)
            at += rng.randint(5, 40)
            columns: dict[str, Any] = {"id": [f"{door} {number + i}" for i in range(n)], "received": [at] * n}
            columns["time"] = [at - rng.randint(0, BOUND * 2) for _ in range(n)]
            if rng.random() < 0.1:
                columns["time"][0] = 4_102_444_800_000_000  # 2100: makes nothing late
            if stream.name == "user_interactions":
                columns["partition_key"] = [rng.choice("abc") for _ in range(n)]
                columns["value"] = [rng.choice((0.1, 0.2, 0.7, 1e9, -3.3)) for _ in range(n)]
                if poison < 2 and rng.random() < 0.06:
                    columns["value"][rng.randrange(n)] = POISON
                    poison += 1
            requests.append(rows(stream, columns, n))
            number += n
        return requests

    def now(self) -> int:
        self._clock += self.rng.choice((0, 1, 5, 10)) if self.calm or self.rng.random() < 0.9 else -50
        return self._clock

    def fault(self, **weights: int) -> str:
        """One of the named faults at random; ``calm`` is none, and all there is once the storm is over."""
        if self.calm:
            return "calm"
        kind = self.rng.choices(list(weights), list(weights.values()))[0]
        if kind != "calm":
            self.trace.append(f"    ! {kind}")
        return kind

    def crash_within(self, commit: Callable[[], int]) -> int:
        """Crash between the transactions of a log that commits in more than one. An honest log has no such place."""

        def crash() -> None:
            raise Crash

        if not isinstance(self.log, Torn):
            return commit()
        self.log.between = crash
        try:
            return commit()
        finally:
            self.log.between = lambda: None

    # -- what happens in it --------------------------------------------------------------------------------------

    def run(self) -> None:
        deeds = (
            self.send,
            self.advance,
            self.draw,
            self.crash,
            self.replace,
            self.haunt,
            self.save,
            self.trim,
            self.land,
        )
        weights = (24, 46, 9, 0, 0, 0, 0, 0, 0) if self.calm else (24, 46, 9, 4, 5, 9, 4, 3, 5)
        for _ in range(STEPS):
            self.rng.choices(deeds, weights)[0]()
        self.settle()

    def settle(self) -> None:
        """The storm is over: everybody is restarted, repeats what was not answered, and reads to the end."""
        self.calm = True
        while self.delayed:
            self.land()
        for door in self.doors:
            while self.answered[door] < len(self.requests[door]):
                self.send(door)
        while self.draw() != 0:
            pass
        moved = True
        while moved:
            moved = set(map(self.advance, self.topology)) != {0}
        for _ in range(len(self.zombies)):
            self.haunt()

    def send(self, door: str = "") -> None:
        """A client sends its next request, or one again that was answered already: the answer was lost on the way."""
        door = door or self.rng.choice(self.doors)
        place = self.answered[door]
        if not self.calm and place and self.rng.random() < 0.25:
            place = self.rng.randrange(place)
        if place == len(self.requests[door]):
            return
        request = self.requests[door][place]
        verdict = self.do(door, f"send {place}", lambda i: i.cell.record(lambda state: i.fold.admit(state, request)))
        if verdict is not None:
            assert place == self.answered[door] or set(verdict) == {"duplicate"}, f"{door} took request {place} again"
            self.answered[door] = max(self.answered[door], place + 1)

    def advance(self, name: str = "") -> int | None:
        """The slices that a cell took in; None where something went wrong."""
        name = name or self.rng.choice(list(self.topology))
        self.deliver(name)
        return self.do(name, "advance", lambda i: i.cell.advance())

    def draw(self) -> int | None:
        """The pulled cell reads what comes next in its source; answers the rows. None where something went wrong."""
        return self.do(SPRING, "draw", self._drawn)

    def _drawn(self, instance: Instance) -> int:
        if instance.place is None:  # a reader is opened at the committed place, and nowhere else
            instance.place = int(instance.cell.state[0] or 0)
        first, end = instance.place, min(WATER, instance.place + self.rng.randint(0, 5))
        if self.calm:
            end = min(WATER, first + 5)
        columns = {"id": [str(number) for number in range(first, end)], "time": 1, "received": 1}
        water = rows(STREAMS["outbox"], columns, end - first)
        instance.place = end  # an open reader is ahead of the log until the rows are committed
        return instance.cell.record(lambda state: instance.fold.admit(state, water, str(end)))

    def deliver(self, name: str) -> None:
        """Something new becomes visible to a cell: of any source, as much as it pleases."""
        for stream in self.topology[name](1).reads:
            for producer in self.log.producers(stream):
                key, head = (name, stream, producer), self.log.head(stream, producer)
                if self.calm or self.rng.random() < 0.6:
                    self.visible[key] = head if self.calm else self.rng.randint(self.visible.get(key, 0), head)

    def crash(self) -> None:
        name = self.rng.choice(list(self.topology))
        self.running[name] = None
        self.trace.append(f"crash {name}")

    def replace(self) -> None:
        """A new instance takes over, perhaps of a new version; the old one does not know, and runs other code."""
        name = self.rng.choice(list(self.topology))
        old, self.running[name] = self.running[name], None
        if not self.trims and self.rng.random() < 0.5:
            self.versions[name] += 1
        self.trace.append(f"replace {name} by version {self.versions[name]}")
        self.do(name, "start", lambda i: None)
        new = self.running[name]
        if old and old.wire.leased and new and new.wire.leased:
            old.fold.twist = 1000
            old.fold.version = 9
            self.zombies.append((name, old))

    def haunt(self) -> None:
        """A zombie does what it believes to be its work; as long as its host would let it."""
        if not self.zombies:
            return
        name, zombie = self.zombies.pop(self.rng.randrange(len(self.zombies)))
        if name in self.doors:
            place = min(self.answered[name], len(self.requests[name]) - 1)
            request = self.requests[name][place]
            self.attempt(name, zombie, "zombie send", lambda i: i.cell.record(lambda s: i.fold.admit(s, request)))
        elif name == SPRING:
            self.attempt(name, zombie, "zombie draw", self._drawn)
        else:
            self.deliver(name)
            self.attempt(name, zombie, "zombie advance", lambda i: i.cell.advance())
        if zombie.loaded or self.rng.random() < 0.5:
            self.zombies.append((name, zombie))

    def save(self) -> None:
        self.do(self.rng.choice(list(self.topology)), "save", lambda i: i.cell.save())

    def trim(self) -> None:
        """Forget what no cell needs any more: below every reader's newest snapshot, and the writer's own."""
        if not self.trims:
            return
        for stream in ("user_interactions", "metrics", "clock"):
            for producer in self.log.producers(stream):
                below = self.needed(stream, producer)
                self.trace.append(f"trim {stream} of {producer} below {below}")
                kept = [e for e in self.log.read(stream, producer, 0, 1 << 40) if e.header.first < below]
                past = self.trimmed.setdefault((stream, producer), [])
                past += kept[sum(e in past for e in kept) :]
                self.log.trim(stream, producer, below)

    def needed(self, stream: str, producer: str) -> int:
        """The offset from which on somebody still needs the rows."""
        places = [self.log.head(stream, producer)]
        for name, toy in self.topology.items():
            if name.split("/")[0] != producer.split("/")[0]:
                continue  # another tenant's
            newest = self.log.snapshots(name)[-1:]
            saved = saved_in(newest[0].snapshot) if newest else None
            if stream in toy(1).reads:
                places.append(saved.cursor.get(f"{stream} {producer}", 0) if saved else 0)
            if name == producer and name in self.doors:
                places.append(saved.heads.get(stream, 0) if saved else 0)
        return min(places)

    def land(self) -> None:
        """A commit that was thought lost reaches the log."""
        if self.delayed:
            lease, commit = self.delayed.pop(self.rng.randrange(len(self.delayed)))
            self.trace.append(f"a late commit of {lease.cell} after {commit.after} lands")
            try:
                self.log.commit(lease, commit)
            except (Fenced, Conflict):
                self.trace.append("    and is refused")

    # -- how hosts behave ----------------------------------------------------------------------------------------

    def do(self, name: str, what: str, deed: Callable[[Instance], Any]) -> Any:
        """Let the cell's instance do something; started first if there is none. None where it failed."""
        instance = self.running[name]
        if instance is None:
            instance = self.running[name] = Instance(self, name, self.versions[name])
        return self.attempt(name, instance, what, deed)

    def attempt(self, name: str, instance: Instance, what: str, deed: Callable[[Instance], Any]) -> Any:
        """As a host does: after any error the cell reloads before it goes on; a fenced one stops."""
        self.trace.append(f"{what} {name}")
        try:
            if not instance.loaded:
                instance.cell.recover()
                instance.loaded, instance.place = True, None
            return deed(instance)
        except (Transient, Conflict, Poison):
            instance.loaded = False
        except Crash:
            self._gone(name, instance)
        except (Fenced, Corrupt) as error:  # a zombie's history may be trimmed away under it
            assert self.running[name] is not instance, f"{name}: the newest instance stops: {error}"
            self._gone(name, instance)
        return None

    def _gone(self, name: str, instance: Instance) -> None:
        instance.loaded = False
        if self.running[name] is instance:
            self.running[name] = None
        self.zombies = [(n, z) for n, z in self.zombies if z is not instance]


def simulate(seed: int, log: EventLog | None = None, *, calm: bool = False) -> World:
    """Live through one seed and judge its history. Raises ``AssertionError`` that says what was lost, or twice."""
    world = World(seed, log or MemoryLog(), calm)
    try:
        world.run()
        folds = {name: world.topology[name](world.versions[name]) for name in world.topology}
        states = {name: i.fold.dump(i.cell.state) for name, i in world.running.items() if i}
        history = History(world.log, world.trimmed)
        check(history, folds, states, world.requests)
        drawn = history.rows("outbox", SPRING, "id")
        same("what was drawn from the source", drawn, [(str(number),) for number in range(WATER)])
    except Exception as error:
        last = "\n  ".join(world.trace[-40:])
        raise AssertionError(f"{type(error).__name__}: {error}\nthe last of seed {seed}:\n  {last}") from error
    return world
