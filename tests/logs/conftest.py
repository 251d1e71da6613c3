from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from events.archive.log import ArchivedSpec
from events.log import EventLog, LogSpec
from events.memory_log import MemorySpec
from events.redis_spec import RedisSpec
from events.sqlite_log import SqliteSpec
from tests.servers import RedisServer


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], RedisServer]]:
    """Servers that many tests share, each in a name space of its own; one a kind, started when first asked for."""
    started: dict[str, RedisServer] = {}

    def of(kind: str) -> RedisServer:
        if kind not in started:
            started[kind] = RedisServer(kind)
        return started[kind]

    yield of
    for server in started.values():
        server.close()


@pytest.fixture(params=["memory", "sqlite", "archived", "valkey", pytest.param("redis", marks=pytest.mark.slow)])
def spec(request: pytest.FixtureRequest, tmp_path: Path, server: Callable[[str], RedisServer]) -> LogSpec:
    """Every backend. A new one joins by being named here and passing the contract."""
    if request.param == "memory":
        return MemorySpec(str(tmp_path))
    if request.param == "archived":
        return ArchivedSpec(SqliteSpec(tmp_path / "log"), tmp_path / "archive")
    if request.param == "sqlite":
        return SqliteSpec(tmp_path / "log")
    return RedisSpec(server(request.param).url, f"t{secrets.token_hex(6)}")


@pytest.fixture
def log(spec: LogSpec) -> Iterator[EventLog]:
    made = spec.open()
    yield made
    made.close()


@pytest.fixture(params=["valkey", "redis"])
def own(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server that the test may do anything to."""
    server = RedisServer(request.param)
    yield server
    server.close()
