"""The load: events with ids of their own, posted by several connections until each one is acknowledged."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
import orjson

TYPES = ("order.placed", "order.refunded", "page.viewed", "lesson.completed", "error.shown")
CURRENCIES = (("EUR", 2), ("USD", 2), ("JPY", 0))
LATE = 0.03
"""Share of events that happened 10 to 40 s before they are sent; all others within two seconds."""
TWICE = 0.05
BATCH_ROWS = (20, 400)
CONNECTIONS = 4
PATIENCE_S = 240.0
"""How long one request may be tried: longer than any restart takes."""


class Event(NamedTuple):
    """What was sent, as the log must have it."""

    id: str
    type: str
    subject: str
    time: int
    """us UTC"""
    amount: int | None
    """Minor units."""
    currency: str | None


@dataclass
class Tally:
    """What the answers said. Lost answers are in none of the sums, so ``accepted`` is at most the number of ids."""

    accepted: int = 0
    duplicate: int = 0
    tries: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0


class Load:
    """Sends ``n`` events at ``rate`` a second, and more until it ``may_end``; ``finish`` returns when ``sent`` has all."""

    def __init__(self, url: str, key: str, n: int, rate: float, seed: int) -> None:
        self.sent: dict[str, Event] = {}
        self.tally = Tally()
        self._random = random.Random(seed)
        self._n, self._rate = n, rate
        self._http = {"base_url": url, "headers": {"authorization": f"Bearer {key}"}, "timeout": 20.0}
        self.may_end = threading.Event()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, name=f"load-{i}") for i in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait until everything is acknowledged. Raises what went wrong in a connection."""
        self.may_end.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            with httpx.Client(**self._http) as client:
                while batch := self._next():
                    self._post(client, batch)
        except BaseException as error:  # noqa: BLE001 - raised again by `finish`
            self._errors.append(error)

    def _next(self) -> list[Event]:
        """A batch of new events, in no order, with some that were sent before."""
        with self._lock:
            r = self._random
            room = self._n - len(self.sent) if self.may_end.is_set() else BATCH_ROWS[1]
            ahead = len(self.sent) / self._rate - (time.monotonic() - self._began)
            new = [self._event(len(self.sent) + i) for i in range(min(room, r.randint(*BATCH_ROWS)))]
            if not new:
                return []
            known = list(self.sent)
            again = [self.sent[r.choice(known)] for _ in new if known and r.random() < TWICE / 2]
            again += [event for event in new if r.random() < TWICE / 2]
            self.sent |= {event.id: event for event in new}
            batch = new + again
            r.shuffle(batch)
        time.sleep(max(0.0, ahead))
        return batch

    def _event(self, number: int) -> Event:
        r = self._random
        ago_s = r.uniform(10, 40) if r.random() < LATE else r.uniform(0, 2)
        at = time.time_ns() // 1000 - int(ago_s * 1e6)
        type_ = r.choices(TYPES, (5, 1, 8, 4, 2))[0]
        amount, currency = None, None
        if type_.startswith("order."):
            currency, _ = r.choice(CURRENCIES)
            amount = r.randint(1, 50_000) * (-1 if type_ == "order.refunded" else 1)
        return Event(f"e{number}", type_, f"u{min(r.randint(0, 400), r.randint(0, 400))}", at, amount, currency)

    def _post(self, client: httpx.Client, batch: list[Event]) -> None:
        body = orjson.dumps([_cloudevent(event) for event in batch])
        headers = {"content-type": "application/cloudevents-batch+json"}
        began = time.monotonic()
        while True:
            try:
                answer = client.post("/v1/events", content=body, headers=headers)
                if answer.status_code == 200:
                    return self._acknowledged(answer.json(), len(batch), time.monotonic() - began)
                failure = str(answer.status_code)
                assert answer.status_code in (429, 502, 503, 504), f"{failure}: {answer.text[:500]}"
            except httpx.TransportError as error:
                failure = type(error).__name__
            with self._lock:
                self.tally.failures[failure] = self.tally.failures.get(failure, 0) + 1
            assert time.monotonic() - began < PATIENCE_S, f"no acknowledgement in {PATIENCE_S} s, last: {failure}"
            time.sleep(0.1)

    def _acknowledged(self, receipt: dict[str, Any], rows: int, took_s: float) -> None:
        assert receipt["rejected_total"] == 0, receipt
        assert receipt["accepted"] + receipt["duplicate"] == rows, receipt
        with self._lock:
            self.tally.accepted += receipt["accepted"]
            self.tally.duplicate += receipt["duplicate"]
            self.tally.tries += 1
            self.tally.slowest_s = max(self.tally.slowest_s, took_s)


def _cloudevent(event: Event) -> dict[str, Any]:
    seconds, micros = divmod(event.time, 1_000_000)
    data: dict[str, Any] = {"n": event.id}
    if event.amount is not None:
        digits = dict(CURRENCIES)[str(event.currency)]
        sign, units = "-" if event.amount < 0 else "", abs(event.amount)
        text = f"{sign}{units}" if not digits else f"{sign}{units // 100}.{units % 100:02d}"
        data |= {"revenue": text, "currency": event.currency}
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros:06d}Z"
    return {"specversion": "1.0", "id": event.id, "source": "load", "type": event.type, "subject": event.subject,
            "time": when, "data": data}  # fmt: skip
