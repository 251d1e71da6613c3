"""Posts the simulated events in real time, each platform with a Segment SDK client of its own.

The SDK retries through a server's restart; its queue is bounded, so a server that stays away costs events. They are
counted, and said on standard error.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from threading import Event as Flag
from typing import Any

from segment.analytics.client import Client

from hindcast.simulator.stage import Event

QUEUE = 20_000
"""Events that wait for the server, a client: about ten minutes at the default rate."""
REPORT_S = 10.0
FLUSH_S = 3.0
BEHIND_S = 5.0
"""Further behind than this (a suspended machine), what was missed is skipped instead of sent all at once."""


class Feed:
    """The SDK clients, one a source. ``sent`` and ``dropped`` count events; an accepted event may still be queued."""

    def __init__(self, address: str, keys: Mapping[str, str]) -> None:
        logging.getLogger("segment").setLevel(logging.CRITICAL)  # it would say each loss; `report` says their sum
        self.sent = 0
        self.dropped: Counter[str] = Counter()
        self._said = 0
        self._clients = {
            source: Client(
                key,
                host=address,
                gzip=True,
                max_queue_size=QUEUE,
                max_retries=1_000_000,
                timeout=10,
                upload_size=100,
                upload_interval=0.25,
                on_error=self._lost,
            )
            for source, key in keys.items()
        }

    def send(self, event: Event, at_us: int) -> None:
        """Queue one event as having happened at ``at_us`` (µs UTC). The app's name in its context is the platform's."""
        call = getattr(self._clients[event.source], event.kind)
        timestamp = datetime.fromtimestamp(at_us / 1e6, UTC)
        queued, _ = call(**event.kwargs, timestamp=timestamp, context={"app": {"name": event.source}})
        if queued:
            self.sent += 1
        else:
            self.dropped["the queue is full"] += 1

    def report(self) -> None:
        """Say how many events were dropped, and why, if there are new ones."""
        dropped = self.dropped.total()
        if dropped > self._said:
            self._said = dropped
            why = "; ".join(f"{n:,} because {reason}" for reason, n in self.dropped.most_common(3))
            print(f"simulator: {dropped:,} events dropped so far: {why}", file=sys.stderr, flush=True)  # noqa: T201

    def close(self) -> None:
        """Give what is queued ``FLUSH_S`` seconds to leave, then let go of the rest."""
        until = time.monotonic() + FLUSH_S
        waiting = [client.queue for client in self._clients.values()]
        while time.monotonic() < until and any(queue.unfinished_tasks for queue in waiting):
            time.sleep(0.05)
        for queue in waiting:
            if queue.unfinished_tasks:
                self.dropped["the simulator stopped before the server took them"] += queue.unfinished_tasks
        for client in self._clients.values():
            for consumer in client.consumers or ():
                consumer.pause()
        self.report()

    def _lost(self, error: Exception, batch: list[Any]) -> None:
        self.dropped[str(error)[:200]] += len(batch)


def run(events: Iterable[Event], feed: Feed, stop: Flag, parent: int) -> None:
    """Send ``events`` as their time comes, until ``stop`` is set or the process is no longer ``parent``'s child."""
    due = report_at = time.monotonic()
    ahead = time.time() - due
    for event in events:
        due += event.delay_s
        now = time.monotonic()
        if now - due > BEHIND_S:
            due = now
            ahead = time.time() - now
        while due > now:
            if stop.wait(min(due - now, 1.0)) or os.getppid() != parent:
                return
            now = time.monotonic()
        if stop.is_set():
            return
        feed.send(event, int((due + ahead) * 1e6))
        if now >= report_at:
            report_at = now + REPORT_S
            feed.report()
            if os.getppid() != parent:
                return
