"""The simulator's process: it posts with the real SDK, outlives the server, and never outlives its parent."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hindcast.demo import simulator
from hindcast.simulator import COURSE, SAAS, Event
from hindcast.simulator.runner import Feed, run
from tests.running import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


class Receiver:
    """A system as the simulator sees it: keeps the messages of Segment batches, each with the write key it came by."""

    def __init__(self, port: int = 0, status: int = 200) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-encoding"] == "gzip"
                key = base64.b64decode(self.headers["authorization"].removeprefix("Basic ")).decode().rstrip(":")
                if status == 200:
                    got.extend((key, message) for message in json.loads(gzip.decompress(body))["batch"])
                self.answer(status)

            def answer(self, code: int, content: object = None) -> None:
                body = b"" if content is None else json.dumps(content).encode()
                self.send_response(code)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port: int = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class System:
    """As much of a running system as the demo asks for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.revoked: list[str] = []

    def create_key(self, name: str, scopes: list[str], source: str | None = None) -> str:
        assert (scopes, source) == (["ingest"], name)
        return f"hc_{name}"

    def revoke_keys(self, name: str) -> None:
        self.revoked.append(name)

    def wait(self) -> None:
        return


def until(true: Callable[[], bool], timeout_s: float = 120.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def clicks(n: int, delay_s: float = 0.0) -> list[Event]:
    return [Event(delay_s, COURSE, "track", {"user_id": f"u{i}", "event": "Clicked"}) for i in range(n)]


def test_each_platform_posts_with_its_own_key_and_name(receiver: Receiver) -> None:
    system = System(receiver.url)
    with simulator(system, seed=3, rate=200) as process:
        assert until(lambda: {key for key, _ in receiver.got} == {f"hc_{COURSE}", f"hc_{SAAS}"})
    assert process.returncode == 0
    assert system.revoked == [COURSE, SAAS], "keys of earlier runs are revoked, and no others"
    for key, message in receiver.got:
        assert key == f"hc_{message['context']['app']['name']}"
        assert message["messageId"]
        assert message["timestamp"].endswith("+00:00")


def test_it_outlives_a_restart_of_the_server_and_loses_nothing() -> None:
    first = Receiver(free_port())  # which nobody else is given while it is away
    feed = Feed(first.url, {COURSE: "k"})
    run(clicks(50), feed, threading.Event(), os.getppid())
    assert until(lambda: len(first.got) == 50)
    first.close()
    run(clicks(100), feed, threading.Event(), os.getppid())
    time.sleep(0.6)
    second = Receiver(first.port)
    assert until(lambda: len(second.got) == 100)
    feed.close()
    second.close()
    assert (feed.sent, feed.dropped.total()) == (150, 0)


def test_what_the_server_will_not_take_is_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    receiver = Receiver(status=401)
    feed = Feed(receiver.url, {COURSE: "wrong"})
    run(clicks(30), feed, threading.Event(), os.getppid())
    assert until(lambda: feed.dropped.total() == 30)
    feed.close()
    receiver.close()
    assert "30 events dropped so far" in capsys.readouterr().err


def test_what_is_still_queued_at_the_end_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hindcast.simulator.runner.FLUSH_S", 0.2)
    gone = Receiver()
    gone.close()
    feed = Feed(gone.url, {COURSE: "k"})
    run(clicks(30), feed, threading.Event(), os.getppid())
    feed.close()
    assert feed.dropped["the simulator stopped before the server took them"] == 30


def test_it_stops_at_once_when_it_is_told(receiver: Receiver) -> None:
    feed, stop = Feed(receiver.url, {COURSE: "k"}), threading.Event()
    stop.set()
    run(clicks(10, delay_s=3_600), feed, stop, os.getppid())
    feed.close()
    assert feed.sent == 0


def test_it_dies_with_its_parent(receiver: Receiver) -> None:
    child = f"""
import os, subprocess, sys
command = [sys.executable, "-m", "hindcast.simulator", "--address", {receiver.url!r}, "--key", "k", "--rate", "50"]
print(subprocess.Popen([*command, "--parent", str(os.getpid())]).pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", child], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert until(lambda: bool(receiver.got)), "it never posted"
    parent.kill()
    parent.wait()
    assert until(lambda: _gone(pid))


def _gone(pid: int) -> bool:
    """Whether the process has ended; an orphan that nobody reaps stays behind as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_is_a_light_process() -> None:
    heavy = "import sys, hindcast.simulator.__main__; print({'ray', 'pyarrow', 'numba', 'duckdb'} & sys.modules.keys())"
    answer = subprocess.run([sys.executable, "-c", heavy], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
