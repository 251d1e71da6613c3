"""A log of made-up customers whose events come late, and a plain reading of what was known when."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from events.catalog import METRICS, USER_INTERACTIONS, Stream, rows
from events.entry import encode
from events.log import Commit, EventLog, Output

TENANT = "demo"
DAY_US = 86_400_000_000
BEGIN = 1_790_000_000_000_000
PRODUCERS = ("demo/user_interactions/0", "demo/user_interactions/1")


class Event(NamedTuple):
    """``known``: when it was received."""

    key: str | None
    time: int
    known: int
    kind: str
    amount: int | None
    value: float | None
    plan: str | None
    producer: str
    offset: int


def put(log: EventLog, cell: str, stream: Stream, n: int, at: int, **columns: Any) -> int:
    """Commit ``n`` rows at a time; answers the offset of the first."""
    lease = log.acquire(cell, [stream.name])
    output = Output(stream.name, encode(stream, rows(stream, columns, n)))
    log.commit(lease, Commit(lease.commit, f"{lease.epoch}".encode(), at, outputs=(output,)))
    return lease.heads.get(stream.name, 0)


def put_events(log: EventLog, producer: str, events: Sequence[Event], at: int) -> list[Event]:
    """Commit events of a producer; answers them with their offsets."""
    columns = {
        "id": [f"{producer[-1]}-{at}-{n}" for n in range(len(events))],
        "type": [event.kind for event in events],
        "source": "shop",
        "subject": [event.key for event in events],
        "time": [event.time for event in events],
        "received": [event.known for event in events],
        "amount": [event.amount for event in events],
        "currency": ["TRY" if event.amount is not None else None for event in events],
        "value": [event.value for event in events],
        "properties": [json.dumps({"plan": event.plan} if event.plan else {}) for event in events],
    }
    first = put(log, producer, USER_INTERACTIONS, len(events), at, **columns)
    return [event._replace(producer=producer, offset=first + n) for n, event in enumerate(events)]


def shop(log: EventLog, seed: int, n: int = 600, keys: int = 12) -> list[Event]:
    """``n`` events of thirty days, many at the same moment, a third of them late by up to five days."""
    chance = random.Random(seed)
    made: list[Event] = [
        Event("c0", BEGIN - DAY_US, BEGIN - DAY_US, kind, 1, 1.0, "free", "", 0) for kind in ("page", "order")
    ]
    for _ in range(n):
        time = BEGIN + chance.randrange(30 * 24) * (DAY_US // 24)  # whole hours, so that many are at one moment
        late = chance.randrange(5 * DAY_US) if chance.random() < 0.33 else chance.randrange(2_000_000)
        order = chance.random() < 0.4
        made.append(
            Event(
                None if chance.random() < 0.05 else f"c{chance.randrange(keys)}",
                time,
                time + late,
                "order" if order else "page",
                chance.randrange(1, 10_000) if order else None,
                chance.choice([None, chance.random() * 10 ** chance.randrange(-3, 6)]),
                chance.choice([None, "free", "pro", "team"]),
                "",
                0,
            )
        )
    made.sort(key=lambda event: event.known)
    found: list[Event] = []
    while made:
        take = chance.randrange(1, 40)
        part, made = made[:take], made[take:]
        found += put_events(log, chance.choice(PRODUCERS), part, part[-1].known)
    return found


def sample(
    log: EventLog, metric: str, start: int, width: int, count: int, at: int, key: str = "", revision: int = 0
) -> None:
    """Tell a window of a metric, at ``at``."""
    columns = {"type": "metric.sampled", "time": start + width, "metric": metric, "key": key, "start": start,
               "width_us": width, "count": count, "revision": revision, "cause": "demo/control/0:7"}  # fmt: skip
    put(log, "demo/metrics/0", METRICS, 1, at, **columns)


def oracle(events: Sequence[Event], key: str, at: int, feature: Mapping[str, Any]) -> Any:
    """The value of a feature, read off event by event."""
    found = sorted(_concerned(events, key, at, feature), key=lambda event: (event.time, event.producer, event.offset))
    aggregate = feature.get("aggregate", "count")
    if aggregate == "count":
        return len(found)
    if aggregate == "days_since":
        return (at - found[-1].time) / DAY_US if found else None
    values = [value for event in found if (value := getattr(event, feature["of"])) is not None]
    if aggregate == "last":
        return values[-1] if values else None
    if aggregate == "distinct":
        return len(set(values))
    total: Any = 0 if feature["of"] == "amount" else 0.0
    for value in values:
        total += value
    return total


def _concerned(events: Sequence[Event], key: str, at: int, feature: Mapping[str, Any]) -> Iterator[Event]:
    days = float(feature["window"].removesuffix("d")) if "window" in feature else None
    for event in events:
        if event.key != key or event.time > at or event.known > at:
            continue
        if days is not None and event.time <= at - days * DAY_US:
            continue
        if "event" in feature and event.kind != feature["event"]:
            continue
        if "where" in feature and event.plan != feature["where"][0]["value"]:
            continue
        yield event
