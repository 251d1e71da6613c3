"""A log that a small system wrote for a while, and a gateway over it without hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from actors.definitions.inventory import Inventory
from actors.topology import HostMap
from events.log import LogReader
from events.sqlite_log import SqliteLog, SqliteSpec
from query.apart.desk import Here
from query.optimizing.optimizer import AnalyticsOptimizer
from serve.access import Principal
from serve.app import create_gateway
from serve.querying import Queries
from serve.spec import GatewaySpec
from tests.laws.systems import System


class Gateway:
    """As ``serve.gateway.Gateway``, without hosts: whoever asks may."""

    def __init__(self, spec: GatewaySpec, log: LogReader) -> None:
        self.spec, self.log, self.access = spec, log, self
        self.inventory = Inventory({})
        self.definitions: dict[str, dict[str, Any]] = {}
        self.queries = Queries(spec.queries)
        self.apart = Here(log, spec.tenant, self.queries.limits)
        self.optimizer = AnalyticsOptimizer(log, spec.tenant, self.queries.limits)

    def key_of(self, _: object) -> str:
        return ""

    async def principal(self, _: object) -> Principal:
        return Principal("a", "ada", frozenset(("admin",)))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, System]]:
    directory = tmp_path_factory.mktemp("lived")
    system = System(5, 1, SqliteLog(directory / "log", doorbell=False))
    system.lives(80)
    yield directory, system
    system.log.close()


@pytest.fixture(scope="module")
def http(lived: tuple[Path, System]) -> TestClient:
    directory, system = lived
    spec = GatewaySpec("t", HostMap("nowhere", {}), SqliteSpec(directory / "log"), "g", "1")
    app = create_gateway(spec)
    app.state.gateway = Gateway(spec, system.log)
    return TestClient(app)
