"""What is kept of each subject so that its features can be told at once: its events, packed, as far back as they matter.

An event costs 10 bytes (its time, and which kinds of events it is of), and 26 more for each number or text that is taken of
it. From these the kernel works out the features of one subject as it does those of all, so both are the same to the last
bit. Events that no window can reach any more are let go. Memory is bounded twice: a subject of more than ``most_events``
is let go, and beyond ``most_bytes`` those are who were silent the longest. Such a subject is remembered by 8 bytes; its
features are worked out from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
import numpy as np

from analytics.features.kernel import Happened, Points, features
from analytics.features.plan import Events, Plan
from analytics.features.reading import identity_of
from analytics.features.records import OFFSETS, TIME, VALUE, Of, Records, Rows, count, joined, parts
from analytics.kernels import I64

MOST_EVENTS = 20_000
MOST_BYTES = 256 << 20
OVERHEAD = 250
"""Bytes of a subject beside its events: its name, and its place among the others."""
ROOM_EVERY = 65_536
"""After so many rows it is looked whether there is too much."""
KEPT_SHARE = 0.8
"""Of ``most_bytes``, that is left when room is made."""
LONGEST_AGO = -(1 << 62)


class Group(msgspec.Struct):
    """The subjects of one stream and key. ``kinds``: what each slot is; an empty one is not used any more."""

    packed: dict[str, bytes] = {}
    """By subject: the number of times (4 bytes), the times, the values."""
    sets: list[list[int]] = []
    """Which slots an event is of, by the number that stands in its record."""
    texts: list[Any] = []
    """Values that are no numbers, by the number that stands in their records."""
    dropped: set[int] = set()
    """Hashes of the subjects that were let go."""
    size: int = 0
    """Bytes, about."""
    heard: int = LONGEST_AGO
    """When the newest row was received, us UTC: nothing is asked about earlier moments."""
    rows: int = 0
    """So many rows were folded; now and then room is made, at rows that this number fixes."""


class Live:
    """One group as it is folded and asked. ``kinds``: by slot; ``spans``: how long events of each matter (None: always)."""

    def __init__(
        self,
        group: Group,
        kinds: Mapping[int, Events],
        spans: Mapping[int, int | None],
        turning: Callable[[], AbstractContextManager[None]] = nullcontext,
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
        room_every: int = ROOM_EVERY,
    ) -> None:
        self.group = group
        self._kinds, self._spans, self._turning = kinds, spans, turning
        self._most_events, self._most_bytes, self._room_every = most_events, most_bytes, room_every
        self._set_of = {tuple(one): n for n, one in enumerate(group.sets)}
        self._text_of = {(type(value), value): n for n, value in enumerate(group.texts)}

    # -- folding -------------------------------------------------------------------------------------------------

    def take(self, rows: Rows) -> None:
        """Add what rows have. However they were cut into batches, the state is the same to the last bit."""
        records = Records(rows, self._kinds, self._set)
        n, low = len(rows.subject), 0
        heard = np.maximum.accumulate(np.maximum(rows.heard, self.group.heard)) if n else rows.heard
        while low < n:
            high = min(n, low + self._room_every - self.group.rows % self._room_every)
            for new in records.between(low, high, self._code):
                self._add(new, heard)
            self.group.rows += high - low
            self.group.heard = int(heard[high - 1])
            if self.group.rows % self._room_every == 0 and self.group.size > self._most_bytes:
                with self._turning():
                    self._make_room()
            low = high

    def join(self, subject: str, slot: int, events: Sequence[tuple[int, int, Any]]) -> None:
        """Add events of the past of one kind: time, place and value of each."""
        times, values = np.empty(0, TIME), np.empty(0, VALUE)
        if self._kinds[slot].taken == "nothing":
            times = np.array([(time, self._set((slot,))) for time, _, _ in events], TIME)
        else:
            values = np.array([(time, place, self._code(slot, value), slot) for time, place, value in events], VALUE)
        none = np.zeros(0, np.int64)
        self._add(Of(subject, times, none, values, none), None)

    def _add(self, new: Of, heard: I64 | None) -> None:
        group, subject = self.group, new.subject
        if group.dropped and identity_of(subject) in group.dropped:
            return
        before = group.packed.get(subject)
        old_times, old_values = parts(before)
        told, said = old_times + new.times.tobytes(), old_values + new.values.tobytes()
        if count(told, said) > self._most_events:
            found = self._added_by_row(old_times, old_values, new, heard)
            if found is None:
                self._drop(subject)
                return
            told, said = found
        kept = joined(told, said)
        group.size += len(kept) + (OVERHEAD if before is None else -len(before))
        group.packed[subject] = kept

    def _added_by_row(self, told: bytes, said: bytes, new: Of, heard: I64 | None) -> tuple[bytes, bytes] | None:
        """Row after row, letting go of what is out of reach whenever there is too much; None where there still is."""
        if heard is None:
            told, said = self._pruned(told + new.times.tobytes(), said + new.values.tobytes(), self.group.heard)
            return None if count(told, said) > self._most_events else (told, said)
        for row in np.union1d(new.times_at, new.values_at).tolist():
            told += new.times[new.times_at == row].tobytes()
            said += new.values[new.values_at == row].tobytes()
            if count(told, said) > self._most_events:
                told, said = self._pruned(told, said, int(heard[row]))
                if count(told, said) > self._most_events:
                    return None
        return told, said

    def _set(self, slots: tuple[int, ...]) -> int:
        found = self._set_of.get(slots)
        if found is None:
            found = self._set_of[slots] = len(self.group.sets)
            self.group.sets.append(list(slots))
        return found

    def _code(self, slot: int, value: Any) -> int:
        """A value as 64 bits: numbers and hashes as they are, anything else by its number."""
        kind = self._kinds[slot]
        if kind.taken == "identity":
            return int(value)
        if kind.taken == "number" or kind.number:
            return int(np.float64(value).view(np.int64))
        key = (type(value), value)
        found = self._text_of.get(key)
        if found is None:
            found = self._text_of[key] = len(self.group.texts)
            self.group.texts.append(value)
            self.group.size += _weight(value)
        return found

    # -- bounds --------------------------------------------------------------------------------------------------

    def _pruned(self, told: bytes, said: bytes, now: int) -> tuple[bytes, bytes]:
        """Without what no feature can reach any more, at ``now`` or later."""
        times, values = np.frombuffer(told, TIME), np.frombuffer(said, VALUE)
        of_set = np.array([self._since(slots, now) for slots in self.group.sets] or [0], np.int64)
        of_slot = np.array([self._since((slot,), now) for slot in range(max(self._kinds, default=0) + 1)], np.int64)
        return times[times["t"] > of_set[times["s"]]].tobytes(), values[values["t"] > of_slot[values["s"]]].tobytes()

    def _since(self, slots: Sequence[int], now: int) -> int:
        """Events of these kinds matter that are after this time."""
        spans = [self._spans.get(slot, 0) for slot in slots if slot in self._kinds]
        return LONGEST_AGO if None in spans else now - max((s for s in spans if s is not None), default=0)

    def _drop(self, subject: str) -> None:
        gone = self.group.packed.pop(subject, None)
        self.group.size += 8 - (len(gone) + OVERHEAD if gone is not None else 0)
        self.group.dropped.add(identity_of(subject))

    def _make_room(self) -> None:
        """Let go of what nothing reaches any more; then, where that is not enough, of those who were silent the longest."""
        group, silent = self.group, list[tuple[int, str]]()
        for subject, packed in list(group.packed.items()):
            told, said = self._pruned(*parts(packed), group.heard)
            if not told and not said:
                del group.packed[subject]
                continue
            group.packed[subject] = joined(told, said)
            latest = max(int(r["t"].max()) for r in (np.frombuffer(told, TIME), np.frombuffer(said, VALUE)) if len(r))
            silent.append((latest, subject))
        self._measure()
        for _, subject in sorted(silent):
            if group.size <= KEPT_SHARE * self._most_bytes:
                break
            self._drop(subject)
        self._renumber()
        self._measure()

    def forget(self, slots: Collection[int]) -> None:
        """Let go of all events of some kinds, whose slots may then be used for others."""
        kinds = {slot: kind for slot, kind in self._kinds.items() if slot not in slots}
        self._kinds = kinds
        group = self.group
        sets = [[slot for slot in one if slot in kinds] for one in group.sets]
        kept, gone = np.array([bool(one) for one in sets] or [False], bool), list(slots)
        for subject, packed in list(group.packed.items()):
            told, said = (np.frombuffer(part, form) for part, form in zip(parts(packed), (TIME, VALUE), strict=True))
            told, said = told[kept[told["s"]]].tobytes(), said[~np.isin(said["s"], gone)].tobytes()
            if told or said:
                group.packed[subject] = joined(told, said)
            else:
                del group.packed[subject]
        group.sets = sets
        self._set_of = {tuple(one): n for n, one in enumerate(group.sets)}
        self._renumber()
        self._measure()

    def _renumber(self) -> None:
        """Keep only the texts that some record has."""
        group = self.group
        ours = [slot for slot, kind in self._kinds.items() if kind.taken == "value" and not kind.number]
        codes: dict[int, int] = {}
        for subject in sorted(group.packed):
            packed = group.packed[subject]
            said = np.frombuffer(parts(packed)[1], VALUE)
            at = np.isin(said["s"], ours)
            if at.any():
                said = said.copy()
                said["v"][at] = [codes.setdefault(code, len(codes)) for code in said["v"][at].tolist()]
                group.packed[subject] = packed[: len(packed) - said.nbytes] + said.tobytes()
        group.texts = [group.texts[code] for code in codes]
        self._text_of = {(type(value), value): n for n, value in enumerate(group.texts)}

    def _measure(self) -> None:
        group = self.group
        group.size = 8 * len(group.dropped) + sum(map(_weight, group.texts))
        group.size += sum(len(packed) + OVERHEAD for packed in group.packed.values())

    # -- asking --------------------------------------------------------------------------------------------------

    def knows(self, subject: str) -> bool:
        """Whether all that matters of the subject is kept here."""
        return not self.group.dropped or identity_of(subject) not in self.group.dropped

    def happened(self, subjects: Sequence[str], rank: Mapping[int, int]) -> dict[Events, Happened]:
        """The events of these subjects, numbered in their order. ``rank``: the order of the producers' numbers."""
        times: list[Any] = []
        values: list[Any] = []
        lengths: list[tuple[int, int]] = []
        for subject in subjects:
            packed = self.group.packed.get(subject)
            told, said = parts(packed)
            times.append(told)
            values.append(said)
            lengths.append((len(told) // TIME.itemsize, len(said) // VALUE.itemsize))
        told, said = np.frombuffer(b"".join(times), TIME), np.frombuffer(b"".join(values), VALUE)
        numbers = np.arange(len(subjects), dtype=np.int64)
        counts = np.array(lengths, np.int64).reshape(-1, 2)
        of_times, of_values = np.repeat(numbers, counts[:, 0]), np.repeat(numbers, counts[:, 1])
        found: dict[Events, Happened] = {}
        for slot, kind in self._kinds.items():
            if kind.taken == "nothing":
                ours = np.array([slot in one for one in self.group.sets] or [False], bool)
                at = np.flatnonzero(ours[told["s"]])
                time = told["t"][at]
                found[kind] = Happened(of_times[at], time, time, np.zeros(len(at), np.int64))
            else:
                at = np.flatnonzero(said["s"] == slot)
                time = said["t"][at]
                place = _ranked(said["p"][at], rank)
                found[kind] = Happened(of_values[at], time, time, place, self._values(kind, said["v"][at]))
        return found

    def _values(self, kind: Events, values: I64) -> Any:
        if kind.taken == "identity":
            return np.ascontiguousarray(values)
        if kind.taken == "number":
            return np.ascontiguousarray(values).view(np.float64)
        if kind.number:
            return np.ascontiguousarray(values).view(np.float64).tolist()
        return [self.group.texts[code] for code in values.tolist()]


def _ranked(places: I64, rank: Mapping[int, int]) -> I64:
    if len(rank) < 2 or not len(places):
        return places
    table = np.array([rank.get(n, n) for n in range(max(rank) + 1)], np.int64)
    return table[places >> 48] * OFFSETS + (places & (OFFSETS - 1))


def _weight(text: Any) -> int:
    return 100 + (len(text) if isinstance(text, str) else 0)


def told(
    plan: Plan, groups: Sequence[Live], subjects: Sequence[str], at: int, rank: Mapping[int, int]
) -> dict[str, Any]:
    """The features of ``plan`` of these subjects at a moment (us UTC): a column each, in their order."""
    happened: dict[Events, Happened] = {}
    for group in groups:
        happened |= group.happened(subjects, rank)
    n = len(subjects)
    return features(plan, happened, Points(np.arange(n, dtype=np.int64), np.full(n, at, np.int64)))
