"""Live views of a cell's committed state: snapshot, then deltas by commit number, from a bounded ring."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from actors.fold import Topic, Viewed
from actors.recovery import Shown

RING = 600


class Frame(msgspec.Struct, omit_defaults=True):
    """What a subscriber of ``topic`` is sent: the whole (``snap``), the changes in ``(prev, seq]`` (``delta``), or only that
    what it has is not current any more, or is again (``stale``).
    """

    op: Literal["snap", "delta", "stale"]
    topic: str
    seq: int
    epoch: str
    data: Mapping[str, Any]
    prev: int = -1
    policy: str = ""
    cap: int = 0
    stale: str = ""
    """Why this is not what the log has now; empty while it is."""


class Place(msgspec.Struct, frozen=True):
    """Where a subscriber stands: the view's generation and the commit number it has seen."""

    epoch: str
    seq: int
    stale: str = ""
    """What it was last told of why the view is not current."""


class Ring:
    """The latest deltas of one topic. ``base`` is the commit number below which it knows nothing, ``reach`` the one up to
    which it knows all: a topic may stand still while its cell goes on.

    One thread pushes, others read.
    """

    def __init__(self, topic: Topic, base: int) -> None:
        self.topic = topic
        self.reach = base
        self._base = base
        self._deltas: deque[tuple[int, Mapping[str, Any]]] = deque()
        self._lock = threading.Lock()

    def push(self, seq: int, delta: Mapping[str, Any]) -> None:
        with self._lock:
            if len(self._deltas) == RING:
                self._base = self._deltas.popleft()[0]
            self._deltas.append((seq, delta))
            self.reach = seq

    def since(self, after: int) -> tuple[int, Mapping[str, Any]] | None:
        """(seq, the merged changes in ``(after, seq]``), where ``seq`` is ``after`` if there are none.

        None where the ring does not reach back that far, or ``after`` is of another life.
        """
        with self._lock:
            if not self._base <= after <= self.reach:
                return None
            deltas = [(at, delta) for at, delta in self._deltas if at > after]
        merged: dict[str, Any] = {}
        for _, delta in deltas:
            merge(self.topic, merged, delta)
        return (deltas[-1][0] if deltas else after), merged


def merge(topic: Topic, into: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Lay ``delta`` over ``into`` by the topic's policy: columns are appended and capped, keys replaced."""
    if topic.policy == "append":
        for column, values in delta.items():
            into[column] = [*into.get(column, ()), *values][-topic.cap :]
    else:
        into.update(delta)


Look = Callable[[str], tuple[int, Mapping[str, Any]] | None]
"""(commit number, the topic's whole data) of the committed state; None where there is none, or not soon."""


class Views:
    """The topics of one cell, for subscribers wherever they stand.

    While there is no state (it is being rebuilt, or lost), new subscribers get what the topics showed at the newest
    snapshot.
    """

    def __init__(self, fold: Viewed, generation: str, version: int) -> None:
        self._fold = fold
        self._topics = {topic.name: topic for topic in fold.topics}
        self._generation = generation
        self._epoch = f"{generation}.{version}"
        self._rings: dict[str, Ring] = {}
        self.shown: Shown | None = None

    def recovered(self, state: Any, seq: int) -> None:
        """The state is there, as of commit ``seq``."""
        self._fold.changes(state)
        self._rings = {topic.name: Ring(topic, seq) for topic in self._fold.topics}
        self.shown = None

    def lost(self, shown: Shown | None) -> None:
        """The state is gone; this is what was shown at the newest snapshot."""
        self.shown = shown

    def moved(self, state: Any, seq: int) -> bool:
        """Take up the changes of commit ``seq``; whether there were any."""
        changes = self._fold.changes(state)
        for topic, delta in changes.items():
            self._rings[topic].push(seq, delta)
        for ring in self._rings.values():
            ring.reach = max(ring.reach, seq)
        return bool(changes)

    def frames(self, places: Mapping[str, Place | None], look: Look, stale: Callable[[], str]) -> list[Frame]:
        """What subscribers at ``places`` have not seen; topics that the cell does not have are left out."""
        wanted = {name: place for name, place in places.items() if name in self._topics}
        why = stale() if wanted else ""
        found = (self._frame(self._topics[name], place, look, why) for name, place in wanted.items())
        return [frame for frame in found if frame]

    def _frame(self, topic: Topic, place: Place | None, look: Look, stale: str) -> Frame | None:
        ring = self._rings.get(topic.name)
        since = ring.since(place.seq) if ring and place and place.epoch == self._epoch else None
        if since and place:
            seq, delta = since
            if seq == place.seq:
                return _only_stale(topic, place, stale)
            return Frame("delta", topic.name, seq, self._epoch, delta, prev=place.seq, stale=stale)
        looked = look(topic.name)
        if looked:
            seq, data = looked
            if place and place == Place(self._epoch, seq, place.stale):
                return _only_stale(topic, place, stale)
            return Frame("snap", topic.name, seq, self._epoch, data, policy=topic.policy, cap=topic.cap, stale=stale)
        return self._last_shown(topic, place, stale)

    def _last_shown(self, topic: Topic, place: Place | None, stale: str) -> Frame | None:
        shown = self.shown
        if shown is None or topic.name not in shown.topics:
            return None
        epoch = f"{self._generation}.{shown.version}"
        if place and place.epoch == epoch and place.seq >= shown.commit:
            return _only_stale(topic, place, stale)
        data: Mapping[str, Any] = shown.topics[topic.name]
        return Frame("snap", topic.name, shown.commit, epoch, data, policy=topic.policy, cap=topic.cap, stale=stale)


def _only_stale(topic: Topic, place: Place, stale: str) -> Frame | None:
    if stale == place.stale:
        return None
    return Frame("stale", topic.name, place.seq, place.epoch, {}, stale=stale)
