"""A system as its user runs it: ``hindcast up`` in a process of its own, reached over HTTP."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

PATIENCE_S = 240.0
"""How long what normally takes seconds may take. A test that passes does not wait for it, and a busy machine fails none."""
START_S = 300.0


def free_port() -> int:
    """A loopback port that is free now. It and its private ports (+10,000) lie below those that Linux hands out by itself.

    So nothing else takes it while a system is stopped that is to start again on it.
    """
    while True:
        port = 11_000 + secrets.randbelow(11_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Running:
    """A started system. ``http`` has the admin key."""

    process: subprocess.Popen[bytes]
    data: Path
    url: str
    key: str
    output: Path
    http: httpx.Client = field(repr=False)

    def stop(self) -> int:
        """Ctrl-C, as a terminal sends it to the whole process group; answers the exit code.

        Fails where it does not end, or leaves a process or a port behind.
        """
        self.http.close()
        if self.process.poll() is None:
            started = self.processes()
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            self.gone(started)
        return self.process.returncode

    def gone(self, started: list[psutil.Process]) -> None:
        """Fails where one of the processes is still there, or something listens on the port."""
        _, left = psutil.wait_procs(started, timeout=60)
        assert not left, f"left behind: {left}"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", httpx.URL(self.url).port or 0)) != 0, f"{self.url} still listens"

    def kill(self) -> None:
        """SIGKILL to the system and all that it started, as a power cut would."""
        started = [psutil.Process(self.process.pid), *self.processes()]
        for process in started:
            struck(process)
        self.process.wait(60)
        psutil.wait_procs(started, timeout=60)

    def processes(self) -> list[psutil.Process]:
        """All that the system started, by pid."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def strike(self, *names: str) -> int:
        """SIGKILL to every process whose title begins so, or that is called so; answers how many there were."""
        found = [p for name in names for p in self.named(name)]
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                if process.name() in names:
                    found.append(process)
        return sum(struck(process) for process in found)

    def named(self, title: str) -> list[psutil.Process]:
        """Ray processes whose title begins so: ``ray::Host``, ``ray::ServeReplica:gateway``."""
        found: list[psutil.Process] = []
        for process in self.processes():
            try:
                if " ".join(process.cmdline()).startswith(title):
                    found.append(process)
            except psutil.NoSuchProcess:
                pass
        return found

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.http.post(path, **arguments)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.http.get(path, **arguments)

    def link(self) -> str:
        """An address that opens the page once."""
        answer = self.post("/v1/links")
        assert answer.status_code == 201, answer.text
        return self.url + answer.json()["path"]

    def sql(self, statement: str) -> list[list[Any]]:
        """Rows of a query."""
        answer = self.post("/v1/query", json={"sql": statement})
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def until(self, question: Any, wanted: Any = True, timeout_s: float = PATIENCE_S) -> Any:
        """Ask ``question()`` until it answers ``wanted`` (or something true); fails with the last answer."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = question()
            if answer == wanted or (wanted is True and answer):
                return answer
            assert time.monotonic() < deadline, f"after {timeout_s} s it is still {answer!r}, not {wanted!r}"
            time.sleep(0.1)


def struck(process: psutil.Process | subprocess.Popen[bytes]) -> bool:
    """SIGKILL; False where it was gone already."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def announced(data: Path, pid: int) -> bool:
    """Whether the process says that its system is ready."""
    try:
        return json.loads((data / "runtime.json").read_text())["pid"] == pid
    except FileNotFoundError:
        return False


def await_ready(process: subprocess.Popen[bytes], data: Path, output: Path) -> None:
    """Fails with the output where the process ends, or is not ready in time."""
    deadline = time.monotonic() + START_S
    while not announced(data, process.pid):
        said = output.read_text()[-3000:]
        assert process.poll() is None, f"it ended with {process.returncode}:\n{said}"
        assert time.monotonic() < deadline, f"not ready after {START_S} s:\n{said}"
        time.sleep(0.1)


def start(folder: Path, config: str, *options: str, port: int | None = None) -> Running:
    """Start a system on ``folder`` and wait until it is ready; fails with its output where it is not."""
    port = port or free_port()
    output = folder / "output.txt"
    data = folder / "data"
    command = [sys.executable, "-m", "hindcast", "up", "--config", config, "--data-dir", str(data), "--port", str(port)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    with output.open("ab") as file:
        process = subprocess.Popen(
            [*command, *options], stdout=file, stderr=subprocess.STDOUT, env=environment, process_group=0
        )
    try:
        await_ready(process, data, output)
    except BaseException:
        if process.poll() is None:  # nothing of a failed start stays behind and slows the next one
            for started in [*psutil.Process(process.pid).children(recursive=True), process]:
                struck(started)
            process.wait(60)
        raise
    url, key = f"http://127.0.0.1:{port}", (data / "admin.key").read_text().strip()
    client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=120.0)
    return Running(process, data, url, key, output, client)
