"""What the folds cost: processor time an event over the demo's metrics, anomaly and dashboards, live as they run.

The events are the simulator's, 1,000 a second for 150 s, in entries of 500 rows or another number, with a tick of the clock
and the machine's gauges every second. After each entry a dashboard says what changed, as for the page. Log and commits are
not in the figure. Prints JSON lines ``{name, value, unit, against, ratio}``; ``python -m benchmarks.folds [--rows 500]``

``python -m benchmarks.side_by_side folds`` runs it in turns with another checkout: it uses only what both have.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any, cast

import numpy as np
import pyarrow as pa

from actors.fold import Batch, Viewed
from config.settings import Settings
from events.catalog import CLOCK, CONTROL, SYSTEM_METRICS, USER_INTERACTIONS, rows
from events.entry import EntryHeader
from hindcast.simulator.stage import Event
from hindcast.simulator.world import events
from hindcast.topology import cells
from serve.ingest import decode_segment

SECOND = 1_000_000
START = 1_795_495_200 * SECOND
RATE, EVENTS, REQUEST, ROUNDS = 1_000, 150_000, 500, 3
LATENCY = 20_000
BOUND = 5 * SECOND
FOLDS = ("metrics", "anomaly", "user_activity", "system_health", "alert_system")
GAUGES = ("cpu.percent", "memory.percent", "disk.percent", "network.bytes_per_s", "load.1m", "uptime.s")
NAMES = {"user_id": "userId", "anonymous_id": "anonymousId", "group_id": "groupId"}


def message(event: Event, number: int, at_us: int) -> dict[str, Any]:
    """A call of the Segment SDK as it goes over the wire."""
    time = str(np.datetime64(at_us // 1000, "ms")) + "Z"
    said = {NAMES.get(name, name): value for name, value in event.kwargs.items()}
    context = {"app": {"name": event.source}}
    return {"type": event.kind, "messageId": f"m-{number:012d}", "timestamp": time, "context": context, **said}


def interactions(count: int, size: int) -> Iterator[pa.RecordBatch]:
    """The simulator's events as rows of ``user_interactions``, in requests of 500, each received 20 ms after its last."""
    at = START
    messages, times, parts = list[dict[str, Any]](), list[int](), list[pa.RecordBatch]()
    for number, event in zip(range(count), events(7, START, RATE), strict=False):
        at += int(event.delay_s * SECOND)
        times.append(at)
        messages.append(message(event, number, at))
        if len(messages) == REQUEST:
            part = decode_segment("batch", json.dumps({"batch": messages}).encode(), at + LATENCY).batch
            assert part.num_rows == REQUEST, "the simulator's events are all accepted"
            places = {"time": times, "received": at + LATENCY}
            columns = {f.name: places.get(f.name, part.column(f.name)) for f in USER_INTERACTIONS.schema}
            parts.append(rows(USER_INTERACTIONS, columns, REQUEST))
            messages, times = [], []
            if len(parts) * REQUEST >= size:
                table = pa.Table.from_batches(parts).unify_dictionaries().combine_chunks()
                yield table.to_batches()[0]
                parts = []


class Feed:
    """Rows as entries of a log, without the log."""

    def __init__(self) -> None:
        self._heads: dict[str, int] = {}

    def batch(self, stream: str, table: pa.RecordBatch, watermark: int, committed: int) -> Batch:
        first = self._heads.get(stream, 0)
        header = EntryHeader(stream, f"demo/{stream}/0", "demo", first, table.num_rows, 1, committed, 1, 1, watermark)
        self._heads[stream] = header.end
        return Batch(header, first, table, True)


def course(size: int) -> list[Batch]:
    """All that comes in, in order."""
    feed, found, second = Feed(), list[Batch](), START // SECOND
    for table in interactions(EVENTS, size):
        last = table.column("time")[-1].value
        while (second + 1) * SECOND <= last:
            second += 1
            now = second * SECOND
            gauges = {
                "type": list(GAUGES),
                "source": "host",
                "time": now,
                "received": now,
                "value": [20.0 + second % 7] * 6,
            }
            found.append(feed.batch(SYSTEM_METRICS.name, rows(SYSTEM_METRICS, gauges, len(GAUGES)), now - BOUND, now))
            tick = {"type": "clock.ticked", "time": now, "received": now}
            found.append(feed.batch(CLOCK.name, rows(CLOCK, tick, 1), now, now))
        found.append(feed.batch(USER_INTERACTIONS.name, table, last - BOUND, last + 30_000))
    return found


def defined(settings: Settings) -> pa.RecordBatch:
    """What the start tells on ``control``: metrics and watches; nothing where they come with the folds' making."""
    said = list[tuple[str, str, dict[str, Any]]]()
    for key, definition in settings.definitions() if hasattr(settings, "definitions") else ():
        if key.kind in ("metric", "anomaly"):
            spec = definition.model_dump(mode="json")
            said.append((f"{key.kind}.defined", key.name, {"spec": spec, "bound_s": settings.collectors.bound_s}))
    told = {
        "type": [type_ for type_, _, _ in said],
        "subject": [name for _, name, _ in said],
        "data": [json.dumps(data) for _, _, data in said],
        "time": START,
        "received": START,
    }
    return rows(CONTROL, told, len(said))


def spent(batches: list[Batch]) -> dict[str, list[float]]:
    """By fold: seconds of processor time for each of ``batches`` and what came of it, with what is shown."""
    settings = Settings.load("demo")
    folds = {cell.fold.name: cell.fold for cell in cells(settings, Path.cwd())}
    running = [(folds[name], folds[name].initial()) for name in FOLDS]
    took: dict[str, list[float]] = {name: [] for name in FOLDS}
    feed = Feed()
    told = feed.batch(CONTROL.name, defined(settings), START, START)
    for fold, state in running:
        if fold.name in ("metrics", "anomaly") and told.rows:
            fold.fold(state, told)
    shown = {name for name in FOLDS if isinstance(folds[name], Viewed)}
    for first in batches:
        waiting = [first]
        for fold, state in running:
            took[fold.name].append(0.0)
            for batch in [batch for batch in waiting if batch.stream in fold.reads]:
                begin = process_time()
                _, outputs = fold.fold(state, batch)
                if fold.name in shown:
                    cast(Viewed, fold).changes(state)
                took[fold.name][-1] += process_time() - begin
                for stream, emission in outputs.items():
                    committed = batch.header.committed
                    waiting += [feed.batch(stream, table, emission.watermark, committed) for table in emission.batches]
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500)
    options = parser.parse_args()
    batches = course(options.rows)
    counted = sum(batch.rows for batch in batches if batch.stream == USER_INTERACTIONS.name)
    spent(batches[:50])
    rounds = [spent(batches) for _ in range(ROUNDS)]
    # Of each batch the quickest round: what a neighbour on the same core costs is in none of them, or in few.
    best = {name: sum(map(min, zip(*(took[name] for took in rounds), strict=True))) for name in FOLDS}
    for name, seconds in [*best.items(), ("all folds", sum(best.values()))]:
        line = {"name": f"{name}, entries of {options.rows} rows", "value": round(seconds / counted * 1e6, 3)}
        print(json.dumps({**line, "unit": "us of processor time an event", "against": "", "ratio": None}), flush=True)


if __name__ == "__main__":
    main()
