"""Live views of a cell's committed state: snapshot, then deltas by commit number, from a bounded ring."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from actors.fold import Topic

RING = 600


class Frame(msgspec.Struct, omit_defaults=True):
    """What a subscriber of ``topic`` is sent: the whole (``snap``), or the changes in ``(prev, seq]`` (``delta``)."""

    op: Literal["snap", "delta"]
    topic: str
    seq: int
    epoch: str
    data: Mapping[str, Any]
    prev: int = -1
    policy: str = ""
    cap: int = 0


class Place(msgspec.Struct, frozen=True):
    """Where a subscriber stands: the view's generation and the commit number it has seen."""

    epoch: str
    seq: int


class Ring:
    """The latest deltas of one topic. ``base`` is the commit number below which it knows nothing."""

    def __init__(self, topic: Topic, base: int) -> None:
        self.topic = topic
        self.seq = base
        self._base = base
        self._deltas: deque[tuple[int, Mapping[str, Any]]] = deque()

    def push(self, seq: int, delta: Mapping[str, Any]) -> None:
        if len(self._deltas) == RING:
            self._base = self._deltas.popleft()[0]
        self._deltas.append((seq, delta))
        self.seq = seq

    def since(self, after: int) -> Mapping[str, Any] | None:
        """The merged changes in ``(after, seq]``; None where the ring does not reach back that far."""
        if not self._base <= after <= self.seq:
            return None
        merged: dict[str, Any] = {}
        for seq, delta in self._deltas:
            if seq > after:
                merge(self.topic, merged, delta)
        return merged


def merge(topic: Topic, into: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Lay ``delta`` over ``into`` by the topic's policy: columns are appended and capped, keys replaced."""
    if topic.policy == "append":
        for column, values in delta.items():
            into[column] = [*into.get(column, ()), *values][-topic.cap :]
    else:
        into.update(delta)
