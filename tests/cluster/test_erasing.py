"""A person is erased from a system that ran: no byte is left, the system goes on, and its figures are what they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from events.erasure.identifiers import Identifiers
from events.erasure.search import remains
from tests.cluster.test_command_line import run
from tests.cluster.words import BATCH, event
from tests.running import Running, free_port, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CONFIG = """
extends: base
archive: {segment_rows: 1024, trim: true, hot_h: 0}
metrics:
  - {name: things, stream: user_interactions, types: [thing.done], key: subject, width_s: 2}
"""
ADA, MAIL, SECRET = "marker-ada-5519", "marker5519@example.org", "marker-secret-5519"
FIGURES = "SELECT count(*), count(DISTINCT subject), sum(amount) FROM user_interactions"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    config, port, systems = tmp_path / "erasing.yaml", free_port(), list[Running]()
    config.write_text(CONFIG)

    def up() -> Running:
        systems.append(start(tmp_path, str(config), port=port))
        return systems[-1]

    yield up
    if systems and systems[-1].process.poll() is None:
        systems[-1].kill()


def test_a_system_goes_on_without_the_person(up: Callable[..., Running], tmp_path: Path) -> None:
    system = up()
    for n in range(4):
        paid = {"revenue": 5, "currency": "MYR"}
        events = [event(subject=f"u{k % 50}", data=paid) for k in range(500)]
        events[7 * n] = event(subject=ADA, data={**paid, "email": MAIL, "note": SECRET})
        system.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    bad = [event(subject=ADA, time="yesterday", data={"x": SECRET})]
    system.post("/v1/events", json=bad, headers=BATCH)
    system.until(lambda: (system.sql("SELECT max(end_offset) FROM segments") or [[None]])[0][0])
    system.until(lambda: system.sql(f"SELECT count(*) FROM metrics WHERE key = '{ADA}'")[0][0])
    figures = system.sql(FIGURES)
    system.stop()
    who = Identifiers([ADA, MAIL, SECRET])
    assert remains(system.data, who), "it is there before"
    told = run(system, "erase", ADA, "--also", SECRET, "--yes", "--json")
    assert json.loads(told.stdout)["left"] == [] and remains(system.data, who) == []
    assert json.loads(run(system, "verify", "--json").stdout)["ok"]
    again = up()
    assert again.sql(FIGURES) == figures
    shown = lambda: again.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]  # noqa: E731
    again.until(shown, figures[0][0])
    assert again.sql("SELECT count(DISTINCT key) FROM metrics WHERE key LIKE 'erased-%'") == [[1]]
    again.post("/v1/events", json=[event(subject="u1")], headers=BATCH).raise_for_status()
    again.until(lambda: again.sql(FIGURES)[0][0], figures[0][0] + 1)
    again.stop()
    assert remains(again.data, who) == []


def test_a_system_that_runs_forgets_and_starts_again_by_itself(up: Callable[..., Running], tmp_path: Path) -> None:
    system = up()
    events = [event(subject=f"u{k % 50}", data={"revenue": 5, "currency": "CLP"}) for k in range(500)]
    events[7] = event(subject=ADA, data={"email": MAIL, "note": SECRET, "revenue": 5, "currency": "CLP"})
    system.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    system.until(lambda: system.sql(f"SELECT count(*) FROM metrics WHERE key = '{ADA}'")[0][0])
    figures, pid = system.sql(FIGURES), system.process.pid
    nobody = run(system, "erase", "nobody-of-that-name", "--yes", code=2)
    assert "there is no row of this subject" in nobody.stderr
    told = run(system, "erase", ADA, "--also", SECRET, "--yes", "--json")
    assert json.loads(told.stdout)["left"] == []
    assert remains(system.data, Identifiers([ADA, MAIL, SECRET])) == []
    assert system.process.poll() is None and system.process.pid == pid, "the same program goes on"
    system.until(lambda: system.sql(FIGURES), figures)
    system.post("/v1/events", json=[event(subject="u1")], headers=BATCH).raise_for_status()
    system.until(lambda: system.sql(FIGURES)[0][0], figures[0][0] + 1)
    assert json.loads(run(system, "verify", "--json").stdout)["ok"]
    system.stop()
