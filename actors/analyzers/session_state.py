"""The sessions of one definition: each device's events on a line, and where a late one belongs.

A device's sessions that can still change are kept in order of time. An event joins all sessions that it is no further from
than the gap, so a late one may make one session of two. What a session says depends on its events alone, not on the order
in which they came: the first page and what brought the visitor are those of the least (time, id, place).
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

import msgspec

from analytics.channels import Touch

Place = tuple[int, str, str, int]
"""(time, id, producer, offset): an order of events that no two of them share."""


class Hit(NamedTuple):
    """One event as a session takes it."""

    place: Place
    device: str
    subject: str
    page: str
    is_page: bool
    converts: bool
    touch: Touch | None


class Session(msgspec.Struct):
    start: int
    end: int
    """Times of the first and of the last event, us UTC."""
    events: int = 0
    pages: int = 0
    conversions: int = 0
    entry: tuple[Place, str] | None = None
    exit: tuple[Place, str] | None = None
    who: tuple[Place, str] | None = None
    """The last name that an event has beside the device's own, or that one."""
    touch: tuple[Place, Touch] | None = None
    id: str = ""
    """Given when it is told first."""
    revision: int = -1
    told: bool = False
    """As it is now."""

    def take(self, hit: Hit) -> None:
        at = hit.place
        self.start, self.end = min(self.start, at[0]), max(self.end, at[0])
        self.events += 1
        self.told = False
        self.conversions += hit.converts
        if hit.is_page:
            self.pages += 1
            self._page((at, hit.page), (at, hit.page))
        if hit.touch is not None:
            self._touch((at, hit.touch))
        self._who((at, hit.subject), hit.device)

    def join(self, other: Session, device: str) -> None:
        """Take all that ``other`` has."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.events += other.events
        self.pages += other.pages
        self.conversions += other.conversions
        self.told = False
        if other.entry is not None and other.exit is not None:
            self._page(other.entry, other.exit)
        if other.touch is not None:
            self._touch(other.touch)
        if other.who is not None:
            self._who(other.who, device)

    def _page(self, first: tuple[Place, str], last: tuple[Place, str]) -> None:
        self.entry = first if self.entry is None or first[0] < self.entry[0] else self.entry
        self.exit = last if self.exit is None or last[0] > self.exit[0] else self.exit

    def _touch(self, found: tuple[Place, Touch]) -> None:
        if self.touch is None or found[0] < self.touch[0]:
            self.touch = found

    def _who(self, found: tuple[Place, str], device: str) -> None:
        known, named = self.who, found[1] != device
        if known is None or (named, found[0]) > (known[1] != device, known[0]):
            self.who = found


class Device(msgspec.Struct):
    sessions: list[Session] = []
    """In order of time."""
    alarm: int = 0
    """When it is to be looked at: the time of its entry in the queue."""


class Told(NamedTuple):
    """What is to be said of a session; a withdrawn one is part of another one now."""

    device: str
    session: Session
    withdrawn: bool = False


class Visits(msgspec.Struct):
    """All devices of one definition. Times are us UTC."""

    stream: str
    gap: int
    lateness: int
    bound: int
    conversions: list[str]
    own_hosts: tuple[str, ...]
    version: str = ""
    devices: dict[str, Device] = {}
    queue: list[tuple[int, str]] = []
    """A heap of (alarm, device). Entries that are no device's alarm any more are passed over."""

    def take(self, hit: Hit, watermark: int) -> Iterator[Told] | None:
        """Take one event, as the stream's watermark stands before it. None: it comes too late to say whose session it is."""
        time = hit.place[0]
        if time < watermark - self.lateness:
            return None
        device = self.devices.get(hit.device)
        if device is None:
            device = self.devices[hit.device] = Device()
        return self._place(device, hit, time, watermark)

    def _place(self, device: Device, hit: Hit, time: int, watermark: int) -> Iterator[Told]:
        near = [s for s in device.sessions if s.start - self.gap <= time <= s.end + self.gap]
        if not near:
            home = Session(time, time)
            device.sessions.append(home)
            device.sessions.sort(key=_by_start)
        else:
            told = [s for s in near if s.id]
            home = told[0] if told else near[0]
            for other in near:
                if other is not home:
                    home.join(other, hit.device)
                    device.sessions.remove(other)
        home.take(hit)
        gone = [s for s in near if s is not home and s.id]
        return self._settle(hit.device, device, home, gone, watermark)

    def _settle(self, name: str, device: Device, home: Session, gone: list[Session], watermark: int) -> Iterator[Told]:
        for session in gone:
            session.revision += 1
            yield Told(name, session, withdrawn=True)
        if home.end + self.gap < watermark:
            yield self._tell(name, home)
        self._set(name, device, watermark)

    def pass_to(self, watermark: int) -> Iterator[Told]:
        """The stream is complete up to here: what ends now, in the order in which it ends."""
        while self.queue and self.queue[0][0] < watermark:
            alarm, name = heappop(self.queue)
            device = self.devices.get(name)
            if device is None or device.alarm != alarm:
                continue
            device.alarm = 0
            for session in device.sessions:
                if not session.told and session.end + self.gap < watermark:
                    yield self._tell(name, session)
            device.sessions = [s for s in device.sessions if not s.told or self._last(s) >= watermark]
            if device.sessions:
                self._set(name, device, watermark)
            else:
                del self.devices[name]

    def close(self) -> Iterator[Told]:
        """The definition goes: what is open is told as it is."""
        for name, device in sorted(self.devices.items()):
            for session in device.sessions:
                if not session.told:
                    yield self._tell(name, session)

    def _tell(self, name: str, session: Session) -> Told:
        session.id = session.id or f"{name}/{session.start}"
        session.revision += 1
        session.told = True
        return Told(name, session)

    def _last(self, session: Session) -> int:
        """Beyond this no event can change it."""
        return session.end + self.gap + self.lateness

    def _set(self, name: str, device: Device, watermark: int) -> None:
        due = min(self._last(s) if s.told else s.end + self.gap for s in device.sessions)
        if not device.alarm or due < device.alarm:
            device.alarm = due
            heappush(self.queue, (due, name))


def _by_start(session: Session) -> int:
    return session.start
