"""Processes of a running system are killed under load: what was acknowledged is there, once, and every figure is right."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from actors.topology import CellSpec
from config.settings import Settings
from events.catalog import USER_INTERACTIONS
from events.log import EventLog, Source
from hindcast import topology
from hindcast.log_place import log_of
from tests.chaos import oracle
from tests.chaos.killer import ON_VALKEY, TARGETS, Killer
from tests.chaos.load import TYPES, Event, Load
from tests.laws.oracle import History, replay_equals_live
from tests.receiver import SECRET, Receiver
from tests.running import Running, free_port, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SECOND = oracle.SECOND
METRICS: list[dict[str, Any]] = [
    {"name": "sales", "stream": "user_interactions", "types": ["order.placed", "order.refunded"], "key": "currency",
     "value": "amount", "distinct": "subject", "width_s": 1, "lateness_s": 7200},
    {"name": "by_type", "stream": "user_interactions", "key": "type", "width_s": 5, "lateness_s": 7200, "sketches": False},
    {"name": "strict", "stream": "user_interactions", "width_s": 2, "lateness_s": 4, "sketches": False},
]  # fmt: skip
"""Two whose windows take every late row, one that refuses what comes too late."""


class Form(NamedTuple):
    """How long, and how hard."""

    events: int
    rate: float
    kills: int
    pause_s: tuple[float, float]
    first: tuple[str, ...] = ()
    placement: str = "packed"
    partitions: int = 1
    archived: bool = False
    """Whether rows go to the archive as soon as they can, and the log forgets them."""
    log: str = "sqlite"
    power_cuts: int = 0
    """How often the whole system is killed and started again."""


SHORT = Form(12_000, 600, 3, (3.0, 5.0), ("collectors", "analyzers", "gateway"))
ARCHIVED = SHORT._replace(archived=True, first=("edges", "collectors", "gateway"))
VALKEY = Form(24_000, 600, 9, (2.0, 5.0), ("valkey", "host", "valkey"), log="valkey")
LONG = Form(120_000, 900, 27, (2.0, 5.0), power_cuts=1)


def forms() -> list[Any]:
    """The short form; all forms where ``HINDCAST_KILLS`` is set (`make test-kill`), to a seed."""
    if not os.environ.get("HINDCAST_KILLS"):
        partitioned = pytest.param(SHORT._replace(partitions=4), id="short-4-partitions", marks=pytest.mark.long)
        return [pytest.param(ARCHIVED, id="short"), partitioned]
    return [
        pytest.param(LONG._replace(archived=True), id="packed"),
        pytest.param(LONG._replace(placement="spread", partitions=4), id="spread-4-partitions"),
        pytest.param(VALKEY, id="valkey"),
    ]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("form", forms())
def test_nothing_is_lost_or_counted_twice(form: Form, tmp_path: Path) -> None:
    seed = int(os.environ.get("HINDCAST_KILLS") or 1)
    receiver = Receiver()
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(settings(receiver.url, form)))
    try:
        killed = under_fire(form, seed, tmp_path, config)
    finally:
        receiver.close()
    began = time.monotonic()
    log = log_of(killed.data).open(woken=False)
    forgotten = [log.log.read(*source, 0, 1)[0].header.first for source in sources(log) if log.head(*source)]
    assert any(forgotten) == form.archived
    try:
        told = verify(log, killed, [d.id for d in receiver.deliveries], config)
    finally:
        log.close()
    killed.report["verified_s"] = round(time.monotonic() - began, 1)
    report = killed.report | told
    if folder := os.environ.get("HINDCAST_KILL_REPORTS"):
        Path(folder, f"{form.placement}-{form.partitions}-{seed}.json").write_text(json.dumps(report, indent=1))


def settings(hook: str, form: Form) -> dict[str, Any]:
    """Windows to check, and rules whose thresholds lie in the middle of what comes, so that they turn often. That on pages
    lies below: the short form has three whole windows of it, and in one at least it has to hold, on a slow machine, too."""
    sales, pages = form.rate * 6 / 20 / 3, 0.5 * form.rate * 5 * 8 / 20
    return {
        "log": {"partitions": form.partitions},
        "archive": {"segment_rows": 1_024, "trim": True, "hot_h": 0} if form.archived else {},
        "metrics": METRICS,
        "collectors": {"bound_s": 1},
        "sources": {"machine": {"enabled": False}},
        "channels": [{"name": "ops", "kind": "webhook", "url": hook, "secret": SECRET}],
        "alerts": [
            {"name": "sales at once", "condition": "sales.count > threshold", "threshold": sales, "channels": ["ops"]},
            {"name": "pages for a while", "condition": "by_type.count > threshold", "threshold": pages, "for_s": 10,
             "channels": ["ops", "dashboard"]},
            {"name": "a type is missing", "condition": "by_type.count < threshold", "threshold": 1, "channels": ["ops"]},
        ],
    }  # fmt: skip


class Killed(NamedTuple):
    """What is left when the shooting ends."""

    data: Path
    url: str
    """Where the page was: messages link to it, so a replay needs to know it, too."""
    sent: dict[str, Event]
    shown: int
    """Events in total on the dashboard."""
    report: dict[str, Any]


def under_fire(form: Form, seed: int, folder: Path, config: Path) -> Killed:
    """Run a system under load while its processes are killed; ends with everything acknowledged, drained and stopped."""
    port, systems = free_port(), list[Running]()

    def up() -> Running:
        systems.append(start(folder, str(config), "--placement", form.placement, "--log", form.log, port=port))
        return systems[-1]

    try:
        load, report = shoot(form, seed, up)
        system = systems[-1]
        settled(system, max(event.time for event in load.sent.values()))
        shown = system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]
        assert system.stop() == 0, system.output.read_text()[-3000:]
    finally:
        if systems and systems[-1].process.poll() is None:
            systems[-1].kill()
    return Killed(systems[-1].data, systems[-1].url, load.sent, shown, report)


def shoot(form: Form, seed: int, up: Callable[[], Running]) -> tuple[Load, dict[str, Any]]:
    """Load and kills side by side, with a power cut between the rounds; returns once everything is acknowledged."""
    system, began = up(), time.monotonic()
    load = Load(system.url, system.key, form.events, form.rate, seed)
    rounds, cuts, kills = form.power_cuts + 1, list[float](), Counter[str]()
    for part in range(rounds):
        killer = Killer(
            system,
            form.kills // rounds,
            form.pause_s,
            seed + part,
            form.first,
            TARGETS if form.log == "sqlite" else ON_VALKEY,
        )
        killer.start()
        killer.join()
        kills += killer.counted()
        if part < form.power_cuts:
            cut = time.monotonic()
            system.kill()
            system = up()
            cuts.append(round(time.monotonic() - cut, 1))
    load.finish()
    assert kills.total() == form.kills // rounds * rounds, kills
    tally = load.tally
    assert tally.accepted <= len(load.sent)
    return load, {
        "placement": form.placement, "seed": seed, "events": len(load.sent), "loaded_s": round(time.monotonic() - began, 1),
        "kills": dict(sorted(kills.items())), "power_cuts_s": cuts, "failures": tally.failures,
        "slowest_ack_s": round(tally.slowest_s, 1), "duplicates": tally.duplicate,
    }  # fmt: skip


def settled(system: Running, newest_us: int) -> None:
    """Wait until every cell has read everything, and the windows of the newest event and those after it are closed."""
    horizon = newest_us + 20 * SECOND

    def quiet() -> bool:
        """No cell is behind, but by a tick or a sample of the clock's last second."""
        cells = system.get("/v1/status").json().get("cells", [])
        return bool(cells) and all(c["state"] == "running" and c["rows_behind"] <= 2 for c in cells)

    system.until(lambda: time.time_ns() // 1000 > horizon)
    system.until(quiet)
    owed = "SELECT (SELECT count(*) FROM outbox) = (SELECT count(*) FROM notifications)"
    system.until(lambda: system.sql(owed), [[True]])
    missing = "SELECT count(DISTINCT key) FROM alerts WHERE rule = 'a type is missing' AND type = 'alert.fired'"
    system.until(lambda: system.sql(missing)[0][0] >= len(TYPES))
    system.until(lambda: system.sql(owed), [[True]])


def verify(log: EventLog, killed: Killed, delivered: list[str], config: Path) -> dict[str, Any]:
    """Every law, over the log that is left."""
    history, sent = History(log), killed.sent
    for cell in log.cells():
        assert log.verify(cell).problems == []
    oracle.every_event_once(history, sent)
    assert killed.shown == len(sent)

    orders = ("order.placed", "order.refunded")
    same("sales", oracle.final_samples(history, "sales", True), oracle.windows_of(sent, SECOND, orders, "currency"))
    by_type = {w: (f[0], None, None, None) for w, f in oracle.windows_of(sent, 5 * SECOND, None, "type").items()}
    same("by_type", oracle.final_samples(history, "by_type", False), by_type)
    strict, refused = oracle.strict_windows(history, 2 * SECOND, 4 * SECOND, SECOND)
    found = {window: figures[0] for window, figures in oracle.final_samples(history, "strict", False).items()}
    same("strict", found, strict)
    assert sum(strict.values()) + len(refused) == len(sent)
    assert oracle.listed_as_late(history, "strict") == refused

    alerts = oracle.told_alerts(history)
    assert alerts == oracle.alert_history(history)
    assert {type_ for type_, *_ in alerts} >= {"alert.pending", "alert.fired", "alert.resolved"}
    channels = {"sales at once": ("ops",), "pages for a while": ("ops", "dashboard"), "a type is missing": ("ops",)}
    missing = {key for type_, rule, key, *_ in alerts if (type_, rule) == ("alert.fired", "a type is missing")}
    assert missing >= {event.type for event in sent.values()}, "the end of the load was not told of each type"
    owed = [key for key in oracle.every_effect_once(history, channels) if key.endswith(":ops")]
    assert set(delivered) == set(owed), "a webhook was not delivered, or was not owed"

    commits = 0
    for cell in cells(config, killed):
        oracle.takes_everything_in_order(history, cell.name)
        replay_equals_live(history, cell.name, cell.fold, None)
        commits += log.last_commit(cell.name)[0]
    return {
        "alerts": len(alerts), "late_refused": len(refused), "revisions": _revisions(history), "commits": commits,
        "webhooks": len(owed), "webhooks_repeated": len(delivered) - len(owed),
    }  # fmt: skip


def sources(log: EventLog) -> list[Source]:
    return [(USER_INTERACTIONS.name, producer) for producer in oracle.doors_of(History(log))]


def _revisions(history: History) -> int:
    return sum((revision or 0) > 0 for (revision,) in history.rows("metrics", "main/metrics/0", "revision"))


def same(what: str, found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    wrong = {
        w: (found.get(w), expected.get(w)) for w in found.keys() | expected.keys() if found.get(w) != expected.get(w)
    }
    assert not wrong, f"{what}: {len(wrong)} of {len(expected)} windows differ, such as {sorted(wrong.items())[:5]}"


def cells(config: Path, killed: Killed) -> tuple[CellSpec, ...]:
    return topology.cells(Settings.load(str(config)), killed.data, killed.url)
