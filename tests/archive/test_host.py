"""The archiver as a host runs it, from the configuration on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic, sleep

import pytest

from actors.host import Host
from actors.topology import HostMap, HostSpec
from config.settings import Settings
from hindcast.log_place import log_of
from hindcast.topology import cells
from query.engine import Engine
from tests.archive.stories import events, put

PRODUCER = "main/user_interactions/0"
SOURCE = ("user_interactions", PRODUCER)


@pytest.mark.slow
def test_the_configuration_asks_for_it_and_the_host_of_edges_archives_and_trims(tmp_path: Path) -> None:
    settings = Settings.load("base", archive={"segment_rows": 1_024, "trim": True, "hot_h": 0})
    spec = log_of(tmp_path)
    log = spec.open()
    (archiver,) = [cell for cell in cells(settings, tmp_path) if cell.name == "main/archiver/0"]
    host = Host(HostSpec("edges", spec, "g", 0))
    try:
        asyncio.run(host.start(archiver))
        for n in range(8):
            put(log, PRODUCER, events(300, 300 * n))
        put(log, PRODUCER, events(1, 2_400))
        deadline = monotonic() + 200
        while log.log.read(*SOURCE, 0, 1)[0].header.first == 0 and monotonic() < deadline:
            sleep(0.2)
        assert log.log.read(*SOURCE, 0, 1)[0].header.first > 0, "archived, and forgotten by the log"
        counted = "SELECT count(*), count(DISTINCT row_offset) FROM user_interactions"
        assert Engine(log).run(counted, tenant="main").rows() == [[2_401, 2_401]]
        recorded = "SELECT sum(row_count) FROM segments WHERE stream = 'user_interactions'"
        assert Engine(log).run(recorded, tenant="main").rows() == [[2_048]]
        asyncio.run(host.told(HostMap("t", {}, version=1)))
        (health,) = [h for h in asyncio.run(host.health()) if h.cell == "main/archiver/0"]
        assert (health.state, health.detail) == ("running", "")
    finally:
        asyncio.run(host.drain())
        log.close()
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.slow
def test_what_is_too_old_for_the_configuration_goes(tmp_path: Path) -> None:
    kept = {"segment_rows": 1_024, "trim": True, "hot_h": 0, "retention": {"user_interactions": {"days": 1}}}
    spec = log_of(tmp_path)
    log = spec.open()
    (archiver,) = [c for c in cells(Settings.load("base", archive=kept), tmp_path) if c.name == "main/archiver/0"]
    host = Host(HostSpec("edges", spec, "g", 0))
    try:
        for n in range(8):
            put(log, PRODUCER, events(300, 300 * n))
        put(log, PRODUCER, events(1, 2_400))
        asyncio.run(host.start(archiver))
        dropped = "SELECT count(*) FROM segments WHERE type = 'segment.dropped'"
        deadline = monotonic() + 300
        while Engine(log).run(dropped, tenant="main").rows() != [[1]] and monotonic() < deadline:
            sleep(0.2)
        counted = "SELECT min(row_offset), count(*), count(DISTINCT row_offset) FROM user_interactions"
        assert Engine(log).run(counted, tenant="main").rows() == [[1_200, 1_201, 1_201]]
        assert log.read(*SOURCE, 0, 1)[0].header.first == 1_200, "the first whole entry after the first segment"
    finally:
        asyncio.run(host.drain())
        log.close()
