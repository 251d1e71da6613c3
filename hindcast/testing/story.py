"""Given, when, then for folds.

    given(Windows()).rows("user_interactions", time=[1, 2], value=[1.0, 2.0]).tick(at=90).then("metrics", count=[2])

What happens and what is expected may have words of their own (``tests.folds.words``):

    given(AlertEvaluator()).when(rule("busy", "cpu.mean > 90"), sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))

A story proves recovery as it goes: before each step one copy of the state is stored and loaded, another is kept, and
both must make the same of it. Times are microseconds; ``received`` is ``time`` unless given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from actors.fold import Batch, Outputs
from events.catalog import CLOCK, STREAMS, rows
from events.entry import NO_WATERMARK, EntryHeader

Step = Callable[[Any], tuple[Any, Outputs, Any]]
Word = Callable[["Story"], Any]
"""Something that happens in a story, or that is expected of it."""


class Story:
    """What one fold was given, and what it said."""

    def __init__(self, fold: Any) -> None:
        self.fold = fold
        self.answer: Any = None
        """Of the last ``told``."""
        self.now = 0
        """Where words that let time pass have come to."""
        self._kept = fold.initial()
        self._stored = fold.dump(fold.initial())
        self._heads: dict[tuple[str, str], int] = {}
        self._marks: dict[tuple[str, str], int] = {}
        self._unheard = Outputs()

    # -- when --------------------------------------------------------------------------------------------------------

    def when(self, *happenings: Word) -> Story:
        """These things happen, in this order."""
        for happening in happenings:
            happening(self)
        return self

    def rows(self, stream: str, *, producer: str = "", watermark: int = NO_WATERMARK, **columns: Any) -> Story:
        """An entry of ``stream`` comes. A column is a list, or one value for every row; without any list it is one row."""
        n = max((len(c) for c in columns.values() if isinstance(c, (list, tuple))), default=1)
        columns.setdefault("received", columns.get("time"))
        return self._entry(stream, producer, rows(STREAMS[stream], columns, n), watermark)

    def watermark(self, stream: str, at: int, *, producer: str = "") -> Story:
        """A punctuation of ``stream`` comes: no rows, only a watermark."""
        return self._entry(stream, producer, rows(STREAMS[stream], {}, 0), at)

    def tick(self, at: int) -> Story:
        """The clock says ``at``."""
        return self.rows(CLOCK.name, type="clock.ticked", time=at)

    def told(self, step: Step) -> Story:
        """The world tells a recorded fold something: ``step`` as for ``Cell.record``."""
        loaded, outputs, self.answer = step(self._loaded())
        self._kept, again, answer = step(self._kept)
        assert repr(answer) == repr(self.answer), f"a reloaded state answers {self.answer}, a kept one {answer}"
        return self._heard(loaded, outputs, again)

    # -- then --------------------------------------------------------------------------------------------------------

    def then(self, expected: str | Word, *more: Word, **columns: Any) -> Story:
        """Since the last ``then`` exactly these rows were emitted to a stream; only the named columns are looked at.

        ``expected`` is the stream; or it and ``more`` are words that say what was emitted or is shown.
        """
        if isinstance(expected, str):
            return self._then_rows(expected, columns)
        for word in (expected, *more):
            word(self)
        return self

    def _then_rows(self, stream: str, columns: Mapping[str, Any]) -> Story:
        emitted = dict(self._unheard.items()).get(stream)
        batches = emitted.batches if emitted else []
        found = pa.Table.from_batches(batches, schema=STREAMS[stream].schema)
        n = max((len(c) for c in columns.values() if isinstance(c, (list, tuple))), default=1)
        expected = rows(STREAMS[stream], columns, n)
        assert found.num_rows == n, f"{n} rows of {stream} expected, {found.num_rows} came: {_said(found, columns)}"
        for name in columns:
            told, wanted = found.column(name).to_pylist(), expected.column(name).to_pylist()
            assert told == wanted, f"{stream}.{name} is {told}, expected {wanted}"
        if emitted:
            emitted.batches = []
        return self

    def then_nothing(self) -> Story:
        """Since the last ``then`` no row was emitted that was not asked about."""
        for stream, emission in self._unheard.items():
            n = sum(batch.num_rows for batch in emission.batches)
            assert n == 0, f"{n} rows of {stream} came: {pa.Table.from_batches(emission.batches).to_pylist()}"
        return self

    def then_complete(self, stream: str, until: int) -> Story:
        """``stream`` is complete until this event time: its watermark."""
        emitted = dict(self._unheard.items()).get(stream)
        assert emitted and emitted.watermark == until, f"{stream} is complete until {emitted and emitted.watermark}"
        return self

    def then_shows(self, topic: str, **values: Any) -> Story:
        """The view of ``topic`` has these values at its top level."""
        view = self.view(topic)
        shown = {name: view.get(name) for name in values}
        assert shown == values, f"{topic} shows {shown}, expected {values}"
        return self

    def view(self, topic: str) -> Mapping[str, Any]:
        """What the stored state shows of ``topic``, as after a restart."""
        return self.fold.view(self._loaded(), topic)

    def changes(self) -> Mapping[str, Mapping[str, Any]]:
        """What a follower is sent: what changed since the last call."""
        return self.fold.changes(self._kept)

    def emitted(self, stream: str) -> list[dict[str, Any]]:
        """The rows of ``stream`` that no ``then`` has asked about yet."""
        emission = dict(self._unheard.items()).get(stream)
        return [row for batch in emission.batches for row in batch.to_pylist()] if emission else []

    # ----------------------------------------------------------------------------------------------------------------

    def _entry(self, stream: str, producer: str, table: pa.RecordBatch, watermark: int) -> Story:
        source = (stream, producer or f"t/{stream}/0")
        first = self._heads.get(source, 0)
        mark = self._marks[source] = max(watermark, self._marks.get(source, NO_WATERMARK))
        number = sum(self._heads.values()) + 1
        version = STREAMS[stream].version
        header = EntryHeader(*source, "t", first, table.num_rows, number, number, 1, version, mark)
        self._heads[source] = header.end
        batch = Batch(header, first, table, True)
        loaded, outputs = self.fold.fold(self._loaded(), batch)
        self._kept, again = self.fold.fold(self._kept, batch)
        return self._heard(loaded, outputs, again)

    def _loaded(self) -> Any:
        return self.fold.load(self._stored)

    def _heard(self, loaded: Any, outputs: Outputs, again: Outputs) -> Story:
        self._stored = self.fold.dump(loaded)
        assert self._stored == self.fold.dump(self._kept), f"{self.fold.name}: a reloaded state goes another way"
        assert _plain(outputs) == _plain(again), f"{self.fold.name}: a reloaded state says something else"
        self._unheard.extend(outputs)
        return self


def given(fold: Any) -> Story:
    """A story about ``fold``, from its beginning."""
    return Story(fold)


def _plain(outputs: Outputs) -> str:
    return repr({s: ([b.to_pylist() for b in e.batches], e.watermark) for s, e in outputs.items()})


def _said(table: pa.Table, columns: Mapping[str, Any]) -> Any:
    return table.select(list(columns)).to_pylist()
