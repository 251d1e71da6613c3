"""``python -m hindcast.simulator``: the simulated platforms, posting to a running system until told to stop."""

from __future__ import annotations

import os
import signal
import time
from itertools import chain
from threading import Event as Flag

import click

from hindcast.simulator.runner import Feed, run
from hindcast.simulator.world import COURSE, SAAS, events


@click.command()
@click.option("--address", default="http://127.0.0.1:8000", show_default=True, help="Where the system listens.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    envvar="HINDCAST_SIMULATOR_KEYS",
    metavar="[SOURCE=]KEY",
    help=f"An ingest key for both platforms, or one each: {COURSE}=…, {SAAS}=…",
)
@click.option("--seed", default=7, show_default=True, help="The same seed makes the same people do the same things.")
@click.option(
    "--rate", default=40.0, show_default=True, type=click.FloatRange(0.1, 10_000), help="Mean events a second."
)
@click.option("--parent", type=int, help="Stop once this process is no longer the parent.")
def main(address: str, keys: tuple[str, ...], seed: int, rate: float, parent: int | None) -> None:
    """Simulate a course platform and a SaaS marketing platform, live."""
    named = dict(chain.from_iterable(_by_source(key) for key in keys))
    missing = {COURSE, SAAS} - named.keys()
    if missing:
        raise click.BadParameter(f"there is no key for {', '.join(sorted(missing))}", param_hint="--key")
    stop = Flag()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    feed = Feed(address, named)
    try:
        run(events(seed, time.time_ns() // 1000, rate), feed, stop, parent or os.getppid())
    finally:
        feed.close()


def _by_source(key: str) -> list[tuple[str, str]]:
    source, named, value = key.rpartition("=")
    if not named:
        return [(COURSE, key), (SAAS, key)]
    if source not in (COURSE, SAAS):
        raise click.BadParameter(f"there is no platform {source!r}; they are {COURSE}, {SAAS}", param_hint="--key")
    return [(source, value)]


if __name__ == "__main__":
    main()
