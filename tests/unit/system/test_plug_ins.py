"""Installed packages as a start finds them: their cells, where these run, and what is said of those that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packages import BROKEN, DICE, put

MINE = """
extends: base
metrics: [{name: throws, stream: dice_throws}]
channels: [{name: notes, kind: note, path: /tmp/notes.txt}]
alerts: [{name: Thrown, condition: throws.count > 0, threshold: 0, channels: [notes]}]
"""
LOOK = """
import json, sys
from pathlib import Path
from config.parts import parts
from config.settings import Settings
from actors.placement import arranged
from hindcast.topology import cells
settings = Settings.load(sys.argv[1])
found = cells(settings, Path("data"))
hosts = {}
for p in ("packed", "spread"):
    for cell, host in arranged(found, p, cores=2).items():
        hosts.setdefault(p, {}).setdefault(host, []).append(cell)
print(json.dumps({
    "parts": {name: plug_in.error for name, plug_in in parts().plug_ins.items()},
    "where": parts().where,
    "hosts": hosts,
    "dashboards": [d.id for d in settings.dashboards],
    "metrics": [m.name for m in settings.metrics][-1],
    "read": next(c.fold.reads for c in found if c.fold.name == "metrics"),
    "channels": [[c.name, c.kind] for c in settings.channels],
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("site")
    put(folder, "dice", (DICE / "hindcast_dice.py").read_text())
    for name, code in BROKEN.items():
        put(folder, name, code)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""}
    (folder / "mine.yaml").write_text(MINE)
    run = [sys.executable, "-c", LOOK, str(folder / "mine.yaml")]
    root = Path(__file__).parents[3]
    said = subprocess.run(run, capture_output=True, text=True, timeout=600, check=False, cwd=root, env=environment)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout.splitlines()[-1])


def test_each_that_fails_is_named_with_its_reason(found: Any) -> None:
    errors = found["parts"]
    assert errors.pop("sunk") == "RuntimeError: this module was not to be imported"
    assert errors.pop("mute") == "KeyError: 'no cells today'"
    assert "name" in errors.pop("vain")
    assert "is there already, of Hindcast itself" in errors.pop("machine (plug-again)")
    assert errors == {"dice": "", "dry": "", "lost": "", "poisoned": ""}
    assert found["where"] == ["plug_dice:PART", "plug_dry:PART", "plug_lost:PART", "plug_poisoned:PART"]


def test_its_cells_have_a_process_of_their_own(found: Any) -> None:
    packed = found["hosts"]["packed"]
    assert sorted(packed["parts:dice"]) == ["main/dice_throws.dice/0", "main/thrown/0"]
    assert packed["parts:dry"] == ["main/system_metrics.dry/0"]
    assert {name for name in packed if not name.startswith("parts:")} == {
        "collectors", "analyzers", "dashboards", "alerts", "edges",
    }  # fmt: skip
    assert found["hosts"]["spread"]["dashboards:main/thrown/0"] == ["main/thrown/0"]


def test_its_dashboard_comes_after_those_of_the_user(found: Any) -> None:
    assert found["dashboards"] == ["overview", "system", "dice"]


def test_a_configuration_may_name_its_streams_and_kinds_of_channels(found: Any) -> None:
    assert (found["metrics"], found["channels"]) == ("throws", [["notes", "note"]])
    assert "dice_throws" in found["read"], "the metrics read it"


RUN = """
import asyncio, json, sys, time
from pathlib import Path
from actors.host import Host
from actors.placement import arranged
from actors.topology import HostMap, HostSpec
from config.parts import parts
from config.settings import Settings
from events.sqlite_log import SqliteSpec
from hindcast.topology import cells
folder = Path(sys.argv[1])
found = cells(Settings.load("base"), folder)
log = SqliteSpec(folder / "log")
kept = ("parts:dice", "parts:dry", "parts:poisoned", "edges")
where = arranged(found, "packed", cores=2)

async def main():
    hosts = {name: Host(HostSpec(name, log, "g", 0, parts().where)) for name in kept}
    for cell in found:
        if where[cell.name] in kept:
            await hosts[where[cell.name]].start(cell)
    for host in hosts.values():
        await host.told(HostMap("n", where, version=1))
    deadline, shown, health = time.monotonic() + 200, {}, {}
    while time.monotonic() < deadline:
        frames = await hosts["parts:dice"].changes("main", {"dice": None}, 0.0)
        shown = frames[0].data if frames else {}
        health = {h.cell: h for host in hosts.values() for h in await host.health()}
        failing = health["main/system_metrics.dry/0"].source.errors and "ever" in health["main/poisoned/0"].detail
        if sum(row["times"] for row in shown.values()) > 5 and health["main/dice_throws.dice/0"].source.rows > 3 and failing:
            break
        await asyncio.sleep(0.1)
    for host in hosts.values():
        await host.drain()
    source = health["main/dice_throws.dice/0"].source
    print(json.dumps({
        "shown": shown,
        "states": {name: h.state for name, h in health.items()},
        "poisoned": health["main/poisoned/0"].detail,
        "dry": health["main/system_metrics.dry/0"].source.last_error,
        "dice": [source.name, source.kind, source.state, source.rows],
    }))

asyncio.run(main())
"""


def test_its_source_is_read_and_shown_while_others_fail_beside_it(tmp_path: Path) -> None:
    """Hosts without Ray: what they do is the same. Run twice: the second time goes on where the first one ended."""
    site = tmp_path / "site"
    site.mkdir()
    put(site, "dice", (DICE / "hindcast_dice.py").read_text())
    for name, code in BROKEN.items():
        put(site, name, code)
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": ""}
    totals: list[int] = []
    for _ in range(2):
        run = [sys.executable, "-c", RUN, str(tmp_path)]
        root = Path(__file__).parents[3]
        said = subprocess.run(run, capture_output=True, text=True, timeout=600, check=False, cwd=root, env=environment)
        assert said.returncode == 0, said.stderr[-3000:]
        found = json.loads(said.stdout.splitlines()[-1])
        assert found["states"]["main/dice_throws.dice/0"] == found["states"]["main/thrown/0"] == "running"
        assert found["states"]["main/clock/0"] == found["states"]["main/notifier/0"] == "running"
        assert "as ever" in found["poisoned"]
        assert found["dry"] == "ConnectionError: the well is dry"
        assert found["dice"][:3] == ["dice", "dice", "reading"]
        totals.append(sum(row["times"] for row in found["shown"].values()))
    assert totals[1] > totals[0], "it goes on where it was"
