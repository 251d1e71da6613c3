"""``hindcast demo``: a running system, fed live by the simulated platforms."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import click

from hindcast.simulator import COURSE, SAAS

STOP_S = 8.0


class Open(Protocol):
    """What the demo needs of a system."""

    @property
    def url(self) -> str: ...

    def create_key(self, name: str, scopes: list[str], source: str | None = None) -> str: ...

    def revoke_keys(self, name: str) -> None: ...

    def wait(self) -> None: ...


def run(system: Open, seed: int = 7, rate: float = 40.0) -> None:
    """Feed a started ``system`` and wait until it ends (Ctrl-C)."""
    with simulator(system, seed, rate):
        click.echo(f"  About {rate:g} events a second come from {COURSE} and {SAAS}. Ctrl-C stops everything.\n")
        system.wait()


@contextmanager
def simulator(system: Open, seed: int = 7, rate: float = 40.0) -> Generator[subprocess.Popen[bytes], None, None]:
    """The simulator as a process of its own, with an ingest key for each platform; ended when the block ends.

    Keys go by the environment, not by arguments: those are for everybody to see.
    """
    keys = " ".join(f"{source}={key}" for source, key in _fresh_keys(system).items())
    command = [sys.executable, "-P", "-m", "hindcast.simulator", "--address", system.url]
    command += ["--seed", str(seed), "--rate", str(rate), "--parent", str(os.getpid())]
    # A session of its own: Ctrl-C reaches the system, which drains while events still come, and then we end this.
    process = subprocess.Popen(command, env={**os.environ, "HINDCAST_SIMULATOR_KEYS": keys}, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fresh_keys(system: Open) -> dict[str, str]:
    """An ingest key for each platform, named after it; those of earlier runs are revoked."""
    for source in (COURSE, SAAS):
        system.revoke_keys(source)
    return {source: system.create_key(source, ["ingest"], source) for source in (COURSE, SAAS)}
