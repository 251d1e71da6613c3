"""``hindcast demo``: a running system, fed live by the simulated platforms, with eight simulated weeks behind it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import click
import msgspec

from config.complete import MODELS
from events.errors import Rejected
from hindcast.simulator import COURSE, SAAS
from hindcast.simulator.history import EVENTS, WEEKS, History

STOP_S = 8.0
BY_CHANCE = 0.5
TRAINED = {
    name: {"min_score_threshold": BY_CHANCE} for name in ("churn_prediction", "user_retention", "conversion_prediction")
}
"""Simulated people are hard to foresee: a model of them is shown as soon as it is better than chance, with its score."""
BUSY = 40.0
"""Events a second of a demo without a past."""
RECORD = "demo-past.json"


class Open(Protocol):
    """What the demo needs of a system."""

    @property
    def url(self) -> str: ...

    def create_key(self, name: str, scopes: list[str], source: str | None = None) -> str: ...

    def revoke_keys(self, name: str) -> None: ...

    def train_in_background(self, models: Mapping[str, Mapping[str, Any]], *, after_import: bool = False) -> None: ...

    def wait(self) -> None: ...


def past_of(data: Path, seed: int, wanted: bool, *, weeks: float = WEEKS, events: int = EVENTS) -> History | None:
    """The past of the demo on a data directory: the one that it began with, or a new one where the directory is empty.

    Call it before the system starts. None where there is none: it was left out, or the directory had a log before.
    """
    record = data / RECORD
    if record.exists():
        try:
            return msgspec.json.decode(record.read_bytes(), type=History)
        except (OSError, msgspec.MsgspecError) as error:
            raise Rejected(RECORD, f"of {data} cannot be read ({error}); remove it to go on without") from None
    if not wanted or any((data / name).exists() for name in ("generation", "log")):
        return None
    history = History(seed, time.time_ns() // 1000, weeks, events)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    record.write_bytes(msgspec.json.encode(history))
    return history


def run(system: Open, seed: int = 7, rate: float | None = None, past: History | None = None) -> None:
    """Feed a started ``system`` and wait until it ends (Ctrl-C)."""
    rate = rate or (past.rate if past else BUSY)
    system.train_in_background({name: TRAINED.get(name, {}) for name in MODELS}, after_import=past is not None)
    with simulator(system, seed, rate, past):
        click.echo(f"  About {rate:.3g} events a second come from {COURSE} and {SAAS}, both simulated.")
        if past:
            click.echo(
                f"  So are the {past.weeks:g} weeks before (about {past.events:,} events), which come in now, in half a"
                " minute or so.\n  --no-past leaves them out, --rate 40 makes a busy demo."
            )
        click.echo("  Ctrl-C stops everything.\n")
        system.wait()


@contextmanager
def simulator(
    system: Open, seed: int = 7, rate: float = BUSY, past: History | None = None
) -> Generator[subprocess.Popen[bytes], None, None]:
    """The simulator as a process of its own, with an ingest key for each platform; ended when the block ends.

    The past comes by another process beside it. Keys go by the environment, not by arguments: those are for everybody to
    see.
    """
    fresh = _fresh_keys(system)
    keys = " ".join(f"{source}={key}" for source, key in fresh.items())
    live = ["hindcast.simulator", "--address", system.url, "--seed", str(seed), "--rate", str(rate)]
    processes = [_started(live, {"HINDCAST_SIMULATOR_KEYS": keys})]
    if past:
        bring = ["hindcast.simulator.bring", "--address", system.url, "--seed", str(past.seed)]
        bring += ["--end-us", str(past.end_us), "--weeks", str(past.weeks), "--events", str(past.events)]
        processes.append(_started(bring, {"HINDCAST_PAST_KEY": fresh[COURSE]}))
    try:
        yield processes[0]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _started(module: Sequence[str], secrets: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A session of its own: Ctrl-C reaches the system, which drains while events still come, and then we end this."""
    command = [sys.executable, "-P", "-m", *module, "--parent", str(os.getpid())]
    return subprocess.Popen(command, env={**os.environ, **secrets}, start_new_session=True)


def _fresh_keys(system: Open) -> dict[str, str]:
    """An ingest key for each platform, named after it; those of earlier runs are revoked."""
    for source in (COURSE, SAAS):
        system.revoke_keys(source)
    return {source: system.create_key(source, ["ingest"], source) for source in (COURSE, SAAS)}
