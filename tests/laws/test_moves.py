"""Cells that move under load, with hosts that are killed meanwhile: nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.topology import Placement
from events.errors import Rejected, Transient
from events.log import LogSpec
from events.memory_log import MemorySpec
from events.sqlite_log import SqliteSpec
from hindcast.placement import Reconciler
from tests.laws.fleet import DOOR, ECHO, Echo, LocalFleet, Sender, cells
from tests.laws.machine import redis_spec
from tests.laws.oracle import History, consumes_everything_once, replay_equals_live

PAUSE_S = 2.0


@pytest.fixture(params=["memory", "sqlite", pytest.param("valkey", marks=pytest.mark.slow)])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> LogSpec:
    if request.param == "valkey":
        return redis_spec()
    return MemorySpec(str(tmp_path)) if request.param == "memory" else SqliteSpec(tmp_path / "log")


@pytest.fixture
def fleet(spec: LogSpec, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalFleet]:
    monkeypatch.setattr("hindcast.placement.LINGER_S", 0.2)
    made = LocalFleet(spec)
    yield made
    made.close()


def placed(fleet: LocalFleet, placement: Placement) -> Reconciler:
    made = Reconciler(fleet, cells(), placement, cores=2, namespace="test")
    made.start(30)
    return made


def until(question: Callable[[], Any], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def all_is_right(spec: LogSpec, *senders: Sender) -> None:
    """Every acknowledged command is there once, its echo too, and a replay gives the same bit for bit."""
    log = spec.open()
    try:
        while True:
            until(lambda: log.cursor(ECHO).get(("control", DOOR), 0) == log.head("control", DOOR))
            head = log.head("control", DOOR)
            try:
                _is_right(History(log), senders)
                return
            except AssertionError:
                if head == log.head("control", DOOR):
                    raise  # else an idle door told the time while we looked
    finally:
        log.close()


def _is_right(history: History, senders: Sequence[Sender]) -> None:
    ids = [id_ for (id_,) in history.rows("control", DOOR, "id")]
    assert len(set(ids)) == len(ids), "a command is there twice"
    for sender in senders:
        assert set(sender.acknowledged) <= set(ids), "an acknowledged command is lost"
    assert [cause for (cause,) in history.rows("notifications", ECHO, "cause")] == ids
    consumes_everything_once(history, ECHO, Echo())
    replay_equals_live(history, ECHO, Echo(), None)


@pytest.mark.parametrize("placement", ["packed", "spread"])
def test_a_moved_cell_goes_on_where_it_was(fleet: LocalFleet, spec: LogSpec, placement: Placement) -> None:
    reconciler = placed(fleet, placement)
    with Sender("a", fleet, reconciler) as sender:
        for host in ("elsewhere", "own", "elsewhere"):
            for cell in (DOOR, ECHO):
                seen = len(sender.acknowledged)
                reconciler.move(cell, host)
                until(lambda: len(sender.acknowledged) > seen)  # noqa: B023 - asked at once
    reconciler.stop()
    assert set(reconciler.where.cells.values()) == {"elsewhere"}
    assert sender.longest_s < PAUSE_S
    all_is_right(spec, sender)


def test_while_one_cell_moves_no_other_pauses(fleet: LocalFleet, spec: LogSpec) -> None:
    reconciler = placed(fleet, "packed")
    with Sender("a", fleet, reconciler) as sender:
        until(lambda: len(sender.acknowledged) > 20)
        door = fleet.hosts["collectors"]._workers[DOOR]
        for host in ("own", "analyzers") * 3:
            reconciler.move(ECHO, host)
        assert fleet.hosts["collectors"]._workers[DOOR] is door, "it was not touched"
    reconciler.stop()
    all_is_right(spec, sender)


@pytest.mark.slow
def test_a_running_system_is_spread_and_packed_again(fleet: LocalFleet, spec: LogSpec) -> None:
    reconciler = placed(fleet, "packed")
    with Sender("a", fleet, reconciler) as sender:
        for placement in ("spread", "packed"):
            reconciler.arrange(placement)
            assert reconciler.where.placement == placement
            until(lambda: sorted(fleet.names) == reconciler.where.hosts)  # the empty ones end after a while
    reconciler.stop()
    all_is_right(spec, sender)


def test_a_killed_host_comes_back_with_the_cells_of_now(fleet: LocalFleet, spec: LogSpec) -> None:
    reconciler = placed(fleet, "packed")
    with Sender("a", fleet, reconciler) as sender:
        reconciler.move(ECHO, "collectors")
        reconciler.move(DOOR, "analyzers")
        for host in ("collectors", "analyzers"):
            fleet.kill(host)
            seen = len(sender.acknowledged)
            until(lambda: len(sender.acknowledged) > seen + 5)  # noqa: B023 - asked at once
        until(
            lambda: (
                {h: sorted(w._workers) for h, w in fleet.hosts.items()} == {"collectors": [ECHO], "analyzers": [DOOR]}
            )
        )
    reconciler.stop()
    all_is_right(spec, sender)


def test_a_cell_comes_late_goes_and_comes_again(fleet: LocalFleet, spec: LogSpec) -> None:
    door, echo = cells()
    reconciler = Reconciler(fleet, [door], "packed", cores=2, namespace="test")
    reconciler.start(30)
    with Sender("a", fleet, reconciler) as sender:
        until(lambda: len(sender.acknowledged) > 20)
        reconciler.add(echo)
        with pytest.raises(Rejected, match="runs already"):
            reconciler.add(echo)
        log = spec.open()
        until(lambda: log.head("notifications", ECHO) > 20)
        reconciler.remove(ECHO)
        with pytest.raises(Rejected, match="there is no cell"):
            reconciler.remove(ECHO)
        number, _ = log.last_commit(ECHO)
        assert log.snapshots(ECHO)[-1].commit == number, "it saved its state as it went"
        seen = len(sender.acknowledged)
        until(lambda: len(sender.acknowledged) > seen + 20)
        assert log.last_commit(ECHO)[0] == number
        log.close()
        reconciler.add(echo, "late")
    reconciler.stop()
    all_is_right(spec, sender)


def test_who_looks_sees_which_cells_are_on_their_way_and_when_an_order_is_done(
    fleet: LocalFleet, spec: LogSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler = placed(fleet, "packed")
    seen: list[tuple[dict[str, str], str]] = []
    ask = fleet.ask

    def asked(asks: Any, timeout_s: float) -> Any:
        seen.extend(
            (dict(one.arguments[0].going), one.arguments[0].cells[ECHO]) for one in asks if one.method == "told"
        )
        return ask(asks, timeout_s)

    monkeypatch.setattr(fleet, "ask", asked)
    assert (reconciler.where.going, reconciler.where.done) == ({}, -1)
    reconciler.move(ECHO, "alone")
    reconciler.carried_out(7)
    assert ({ECHO: "alone"}, "analyzers") in seen, "told before it moves"
    assert (reconciler.where.going, reconciler.where.cells[ECHO], reconciler.where.done) == ({}, "alone", 7)
    with pytest.raises(Rejected) as error:
        reconciler.move("t/nobody/0", "alone")
    reconciler.carried_out(9, str(error.value))
    assert reconciler.where.done == 9 and "there is no cell 't/nobody/0'" in reconciler.where.failed
    reconciler.move(ECHO, "analyzers")
    reconciler.carried_out(11)
    assert (reconciler.where.done, reconciler.where.failed) == (11, "")
    reconciler.carried_out(12, "no answer from host alone", late=True)
    assert reconciler.where.failed == "", "whatever was late is done by now"
    assert all(host._where == reconciler.where for host in fleet.hosts.values()), "and every host knows"
    reconciler.stop()


class Breaks(Echo):
    """A fold of a plug-in that raises as it arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "breaks"

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("control",)

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        raise LookupError("no module of that name")


def test_a_cell_that_cannot_be_made_is_named_and_the_others_run(fleet: LocalFleet, spec: LogSpec) -> None:
    import asyncio

    from actors.topology import CellSpec

    reconciler = placed(fleet, "packed")
    with Sender("a", fleet, reconciler) as sender:
        reconciler.add(CellSpec("analyzers", Breaks(), "t"))
        health = {h.cell: h for h in asyncio.run(fleet.hosts["analyzers"].health())}
        assert health["t/breaks/0"].state == "halted"
        assert "LookupError: no module of that name" in health["t/breaks/0"].detail
        until(lambda: fleet.hosts["analyzers"]._workers[ECHO].state == "running")
        reconciler.remove("t/breaks/0")
        assert {h.cell for h in asyncio.run(fleet.hosts["analyzers"].health())} == {ECHO}
    reconciler.stop()
    all_is_right(spec, sender)


def test_a_silent_host_is_left_and_its_old_cell_is_fenced(
    fleet: LocalFleet, spec: LogSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hindcast.placement.LOOK_S", 0.1)
    monkeypatch.setattr("hindcast.placement.LINGER_S", 600.0)
    reconciler = placed(fleet, "packed")
    with Sender("a", fleet, reconciler) as sender:
        fleet.silent = {"analyzers"}
        reconciler.move(ECHO, "collectors")
        old = fleet.hosts["analyzers"]._workers[ECHO]
        until(lambda: old.state == "fenced")
        fleet.silent = set()
        until(lambda: not fleet.hosts["analyzers"]._workers)
        monkeypatch.setattr("hindcast.placement.LINGER_S", 0.0)
        until(lambda: "analyzers" not in fleet.hosts)
    reconciler.stop()
    all_is_right(spec, sender)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_killed_while_cells_move_nothing_is_lost(fleet: LocalFleet, spec: LogSpec, seed: int) -> None:
    rng = random.Random(seed)
    reconciler = placed(fleet, rng.choice(["packed", "spread"]))
    with Sender("a", fleet, reconciler) as a, Sender("b", fleet, reconciler) as b:
        fleet.rng = rng
        for _ in range(15):
            deed = rng.choice(["move", "move", "move", "arrange", "kill"])
            try:
                if deed == "move":
                    reconciler.move(rng.choice([DOOR, ECHO]), rng.choice(["own", "collectors", "x"]))
                elif deed == "arrange":
                    reconciler.arrange(rng.choice(["packed", "spread"]))
                else:
                    fleet.kill(rng.choice(fleet.names))
            except Transient:
                pass  # it is wanted all the same
            time.sleep(rng.uniform(0, 0.1))
        fleet.rng = None
        until(lambda: all(ECHO in h._workers for n, h in fleet.hosts.items() if n == reconciler.where.host_of(ECHO)))
    until(lambda: reconciler.where.host_of(ECHO) in fleet.hosts)
    reconciler.stop()
    all_is_right(spec, a, b)
