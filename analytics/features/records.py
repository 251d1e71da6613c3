"""The records in which events of subjects are kept: 10 bytes for an event, 26 more for a value that is taken of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analytics.features.plan import Events
from analytics.features.reading import Hits
from analytics.kernels import I64

TIME = np.dtype([("t", "<i8"), ("s", "<u2")])
"""When, and the set of the kinds that the event is of."""
VALUE = np.dtype([("t", "<i8"), ("p", "<i8"), ("v", "<i8"), ("s", "<u2")])
"""When, its place in the log, the value, and the slot of the kind that it is taken for."""
OFFSETS = 1 << 48
"""A place is the producer's number times this, and its offset."""
HEAD = 4


class Rows(NamedTuple):
    """Rows of a batch, in their order, and what they have of each kind of events."""

    names: Sequence[str]
    subject: I64
    """int64[n]: whose each row is, as a place in ``names``; -1: nobody's."""
    time: I64
    place: I64
    """Where it stands in the log: the producer's number times 2^48, and its offset."""
    heard: I64
    """When each was received, us UTC: nothing is asked about a moment before that."""
    hits: Mapping[int, Hits]
    """By slot."""


def joined(told: bytes, said: bytes) -> bytes:
    """The records of one subject as one: how many times, the times, the values."""
    return (len(told) // TIME.itemsize).to_bytes(HEAD, "little") + told + said


def parts(kept: bytes | None) -> tuple[bytes, bytes]:
    """The times and the values of what was joined."""
    if kept is None:
        return b"", b""
    end = HEAD + int.from_bytes(kept[:HEAD], "little") * TIME.itemsize
    return kept[HEAD:end], kept[end:]


def count(told: bytes, said: bytes) -> int:
    return len(told) // TIME.itemsize + len(said) // VALUE.itemsize


class Of(NamedTuple):
    """The new records of one subject, in the order of their rows. ``…_at``: int64, the row of each."""

    subject: str
    times: Any
    times_at: I64
    values: Any
    values_at: I64


class Records:
    """What the rows of a batch have, in their order: the set of kinds without a value, and the values of the others."""

    def __init__(self, rows: Rows, kinds: Mapping[int, Events], number: Callable[[tuple[int, ...]], int]) -> None:
        self._rows = rows
        plain = [slot for slot in sorted(rows.hits) if kinds[slot].taken == "nothing"]
        of = np.zeros((len(rows.time), len(plain)), bool)
        for n, slot in enumerate(plain):
            of[rows.hits[slot].rows, n] = True
        self._times_at = np.flatnonzero(of.any(axis=1) & (rows.subject >= 0))
        self._times = np.empty(len(self._times_at), TIME)
        self._times["t"] = rows.time[self._times_at]
        if len(self._times_at):
            sets, first, which = np.unique(of[self._times_at], axis=0, return_index=True, return_inverse=True)
            numbers = np.zeros(len(sets), np.int64)
            for place in np.argsort(first).tolist():
                numbers[place] = number(
                    tuple(slot for slot, ours in zip(plain, sets[place].tolist(), strict=True) if ours)
                )
            self._times["s"] = numbers[which.reshape(-1)]
        said = [
            (row, slot, value)
            for slot in sorted(rows.hits)
            if kinds[slot].taken != "nothing"
            for row, value in zip(rows.hits[slot].rows.tolist(), _listed(rows.hits[slot].values), strict=True)
            if rows.subject[row] >= 0
        ]
        said.sort(key=lambda one: one[:2])
        self._said = said
        self._said_at = np.array([row for row, *_ in said], np.int64)

    def between(self, low: int, high: int, code: Callable[[int, Any], int]) -> Iterator[Of]:
        """The records of the rows ``[low, high)``, by subject, in the order of the first record of each. ``code`` makes a
        number of a value, and is called in the order of the rows."""
        a, b = np.searchsorted(self._times_at, [low, high]).tolist()
        times, times_at = self._times[a:b], self._times_at[a:b]
        a, b = np.searchsorted(self._said_at, [low, high]).tolist()
        values_at = self._said_at[a:b]
        values = np.empty(b - a, VALUE)
        values["t"], values["p"] = self._rows.time[values_at], self._rows.place[values_at]
        values["v"] = [code(slot, value) for _, slot, value in self._said[a:b]]
        values["s"] = [slot for _, slot, _ in self._said[a:b]]
        of_times, of_values = self._rows.subject[times_at], self._rows.subject[values_at]
        every, at = np.concatenate((of_times, of_values)), np.concatenate((times_at, values_at))
        by_row = np.argsort(at, kind="stable")
        subjects, first = np.unique(every[by_row], return_index=True)
        order_t, order_v = np.argsort(of_times, kind="stable"), np.argsort(of_values, kind="stable")
        cuts = [
            np.searchsorted(found[order], subjects, side).tolist()
            for found, order in ((of_times, order_t), (of_values, order_v))
            for side in ("left", "right")
        ]
        times, times_at, values, values_at = times[order_t], times_at[order_t], values[order_v], values_at[order_v]
        for n in np.argsort(first).tolist():
            t, v = slice(cuts[0][n], cuts[1][n]), slice(cuts[2][n], cuts[3][n])
            yield Of(self._rows.names[int(subjects[n])], times[t], times_at[t], values[v], values_at[v])


def _listed(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values
