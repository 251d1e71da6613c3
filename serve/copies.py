"""A copy of a cell's topics in this process, kept up to date by following them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from actors.followers import Follower
from actors.views import Frame, Place
from serve.following import Following
from serve.hosts import Hosts

FOLLOW_S = 20.0


class TopicCopies:
    """What topics of ``cell`` hold, by topic; all of them of the policy ``upsert``."""

    def __init__(self, hosts: Hosts, tenant: str, cell: str, topics: Sequence[str]) -> None:
        self._hosts = hosts
        self._tenant = tenant
        self._cell = cell
        self._places: dict[str, Place | None] = dict.fromkeys(topics)
        self._data: dict[str, dict[str, Any]] = {topic: {} for topic in topics}
        self._asking = asyncio.Lock()

    def __getitem__(self, topic: str) -> Mapping[str, Any]:
        return self._data[topic]

    async def follow(self, name: str) -> None:
        """Run for the life of the replica, as the follower ``name``; see ``serve.following``."""
        await Following(name, self._step).run()

    async def _step(self, me: Follower) -> None:
        host = self._hosts.where.host_of(self._cell)
        self._take(await self._hosts.changes(host, self._tenant, self._places, FOLLOW_S, me))

    async def refresh(self) -> None:
        """Ask for what is newest. Raises ``Transient``."""
        async with self._asking:
            host = self._hosts.where.host_of(self._cell)
            self._take(await self._hosts.changes(host, self._tenant, self._places, 0.0))

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            topic, place = frame.topic, self._places[frame.topic]
            if frame.op == "snap":
                self._data[topic] = dict(frame.data)
            elif frame.op == "delta" and place and place.seq == frame.prev:
                merged = {**self._data[topic], **frame.data}
                self._data[topic] = {k: v for k, v in merged.items() if v is not None}
            elif frame.op == "delta":
                continue  # it came by two ways: what it holds is here already
            if frame.op != "stale" or (place and place.seq == frame.seq):
                self._places[topic] = Place(frame.epoch, frame.seq, frame.stale)
