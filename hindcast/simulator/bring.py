"""``python -m hindcast.simulator.bring``: brings the demo's past by the import's door, from where it was broken off."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Flag

import click

from hindcast.client import Client
from hindcast.client.answers import Receipt
from hindcast.client.exchange import ApiError, Unreachable
from hindcast.simulator.history import EVENTS, WEEKS, History


@click.command()
@click.option("--address", required=True, help="Where the system listens.")
@click.option("--key", required=True, envvar="HINDCAST_PAST_KEY", help="An ingest key.")
@click.option("--seed", default=7, show_default=True)
@click.option("--end-us", type=int, required=True, help="Where it ends, µs UTC.")
@click.option("--weeks", type=float, default=WEEKS, show_default=True)
@click.option("--events", type=int, default=EVENTS, show_default=True)
@click.option("--parent", type=int, help="Stop once this process is no longer the parent.")
def main(address: str, key: str, seed: int, end_us: int, weeks: float, events: int, parent: int | None) -> None:
    """Bring a simulated past."""
    stop = Flag()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    history = History(seed, end_us, weeks, events)
    began = time.monotonic()
    try:
        with Client(address, key, tries=20) as client:
            rows = bring(history, client, lambda: stop.is_set() or os.getppid() != (parent or os.getppid()))
    except (ApiError, Unreachable) as error:
        print(f"  The simulated past cannot be brought: {error}; the next start goes on", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    if rows:
        print(f"  The simulated past is there: {rows:,} events, after {time.monotonic() - began:.0f} s.", flush=True)  # noqa: T201


def bring(history: History, client: Client, stopped: Callable[[], bool]) -> int:
    """Send what the system does not have yet. Answers how many rows there are now; 0 where there was nothing to do."""
    known = client.import_progress(history.name)
    if known["finished"]:
        return 0
    sent, there = 0, known["rows"]
    with ThreadPoolExecutor(1) as beside:
        under_way: Future[Receipt] | None = None
        for table in history.tables():
            first, sent = sent, sent + table.num_rows
            if sent <= there:
                continue
            had = max(0, there - first)
            if under_way is not None:
                under_way.result()
            if stopped():
                return 0
            under_way = beside.submit(client.import_table, history.name, table.slice(had), first=first + had)
        if under_way is not None:
            under_way.result()
    client.finish_import(history.name, sent, "the demo's past (simulated)")
    return sent


if __name__ == "__main__":
    main()
