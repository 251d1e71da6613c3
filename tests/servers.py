"""Redis and Valkey servers for tests: each on a port or socket of its own, ended by its own handle."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import redis

from events.errors import Rejected
from hindcast.valkey import program
from tests.running import free_port

KINDS = ("valkey", "redis")
START_S = 120.0


@cache
def binary(kind: str) -> str:
    """Skips the test where this machine has no such server."""
    if kind == "valkey":
        try:
            return str(program())
        except Rejected as none:
            pytest.skip(none.reason)
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server on this machine: `apt-get install redis-server` brings one")
    return found


class RedisServer:
    """One server in a folder of its own. ``options`` are its configuration; a ``port`` of 0 means only the socket."""

    def __init__(self, kind: str = "valkey", *, port: int = 0, password: str | None = None, **options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hc-redis-"))
        self.port = port
        self.socket = self.folder / "s"
        self._password = password
        defaults = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
        self.options = {
            **defaults, "port": str(port), "bind": "127.0.0.1", "dir": str(self.folder), "unixsocket": str(self.socket),
            **({"requirepass": password} if password else {}),
            **{name.replace("_", "-"): value for name, value in options.items()},
        }  # fmt: skip
        self.binary = binary(kind)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        words = [word for name, value in self.options.items() for word in (f"--{name}", *value.split("|"))]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([self.binary, *words], stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        with self.client() as client:
            while True:
                with suppress(redis.RedisError, OSError):
                    if client.ping():
                        return
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), password=self._password, socket_timeout=60.0)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def ports(n: int) -> list[int]:
    """Different free ports."""
    found: set[int] = set()
    while len(found) < n:
        found.add(free_port())
    return sorted(found)
