"""The alert evaluator over the past, with other rules.

Rules about metrics of one definition know nothing of others, so each such group is folded by itself: the same fold, fed with
only the rows that can matter to it. What the live cell took in between them is skipped, and ticks are where nothing can
stand still.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from actors.alerts.evaluator import AlertEvaluator
from actors.alerts.judging import NO_DATA_US
from actors.alerts.samples import CLOSED
from actors.alerts.state import Rule, State
from actors.alerts.wording import Wording
from actors.backtest.taken import ALL, Block, Committed, blocks, joined, taken
from actors.backtest.thinning import kept
from actors.columns import labels, times
from actors.fold import Batch, Outputs
from events.catalog import ALERTS, CLOCK, CONTROL, METRICS, rows
from events.entry import EntryHeader
from events.errors import Rejected
from events.log import LogReader

CELL = "alert_evaluator"
MOST_TURNS = 1_000_000
_COMMANDS = ("metric.defined", "metric.removed", "alert.acknowledged")
"""What is taken from ``control``; rules are those of the backtest."""


@dataclass
class Found:
    """What a part of a backtest found: rows of ``alerts`` (or of ``anomalies``) in order, and how far it looked."""

    turns: pa.Table
    samples: int = 0
    first: int = 0
    """Of the windows that were looked at: the earliest start, us UTC; 0: there was none."""
    last: int = 0
    """The latest end."""


@dataclass
class _Group:
    """Rules about metrics of one definition: a metric, or all that a column names (``open``)."""

    rules: Sequence[Rule]
    fold: AlertEvaluator
    open: bool
    state: State = field(init=False)
    outputs: Outputs = field(default_factory=Outputs)
    turns: int = 0

    def __post_init__(self) -> None:
        silent = [msgspec.structs.replace(rule, channels=()) for rule in self.rules]
        self.state = State(rules={rule.name: rule for rule in silent})
        self.metrics = frozenset(metric for rule in silent for metric in rule.metrics)

    def wanted(self, name: str, closed: bool) -> bool:
        return name in self.metrics or (closed and self.open and name.startswith("{"))

    def take(self, block: Block) -> int:
        """Fold what matters of the block; answers how many samples that were."""
        if block.commands is not None:
            if commands := _about(block.commands):
                self._fold(commands)
            return 0
        chosen, sampled = self._chosen(block.rows.table) if block.rows else (np.empty(0, np.int64), 0)
        place = block.place[chosen]
        if len(chosen) and block.rows and not self._may_stand_still(block, place):
            before = np.searchsorted(block.tick_place, place[-1])
            self._tick(block.ticks[:before][-1:])  # the others would only be forgotten
            part = _part(block.rows, chosen)
            some = kept(part.table, tuple(self.state.rules.values()), self.state)
            self._fold(part if some is None else _part(part, some))
            self._tick(block.ticks[before:])
            return sampled
        for rows_from, rows_to, ticks in _turns(place, block):
            if rows_to > rows_from and block.rows:
                self._fold(_part(block.rows, chosen[rows_from:rows_to]))
            self._tick(ticks)
        return sampled

    def _chosen(self, table: pa.RecordBatch) -> tuple[np.ndarray, int]:
        """The rows that are about the group's metrics, and how many of them are samples."""
        types, type_names = labels(table, "type")
        codes, names = labels(table, "metric")
        closed = np.array([name == CLOSED for name in type_names], np.bool_)[types]
        samples = ~closed & np.array([self.wanted(name, False) for name in names], np.bool_)[codes]
        closings = closed & np.array([self.wanted(name, True) for name in names], np.bool_)[codes]
        return np.flatnonzero(samples | closings), int(samples.sum())

    def _may_stand_still(self, block: Block, place: np.ndarray) -> bool:
        """Whether the clock may have ticked for so long without anything of the group that there were no data."""
        if len(self.state.closings) > 1:
            return True  # each of several definitions has a silence of its own
        if not len(block.ticks):
            return False
        heard = np.unique(place)
        at = np.searchsorted(block.tick_place, heard)
        begun = self.state.now or int(block.ticks[0])
        said = np.concatenate(([begun], block.ticks))[at]  # the newest tick before each slice of the group
        still = max((closing.still for closing in self.state.closings.values()), default=0)
        pauses = np.diff(np.maximum.accumulate(np.concatenate(([begun], said))))
        return bool(pauses[0] + still >= NO_DATA_US or (pauses[1:] >= NO_DATA_US).any())

    def _tick(self, ticks: np.ndarray) -> None:
        if len(ticks):
            header = EntryHeader(CLOCK.name, "", "", 0, len(ticks), 0, 0, 0, CLOCK.version)
            self._fold(Batch(header, 0, rows(CLOCK, {"time": ticks}, len(ticks)), False))

    def _fold(self, batch: Batch) -> None:
        self.state, outputs = self.fold.fold(self.state, batch)
        for stream, emission in outputs.items():
            if stream != ALERTS.name:
                continue
            for part in emission.batches:
                self.outputs.emit(stream, part)
                self.turns += part.num_rows
        if self.turns > MOST_TURNS:
            raise Rejected(
                "rules",
                f"these turn more than {MOST_TURNS:,} times; raise the threshold, or ask for fewer rules at once",
            )


def _turns(place: np.ndarray, block: Block) -> Iterator[tuple[int, int, np.ndarray]]:
    """(from, to, ticks): rows of a group by their places, and the ticks that came after them and before the next rows."""
    _, starts = np.unique(place, return_index=True)
    ends = [*starts[1:].tolist(), len(place)][: len(starts)]
    ticks_at = np.searchsorted(block.tick_place, place[starts]).tolist()
    yield 0, 0, block.ticks[: ticks_at[0] if ticks_at else len(block.ticks)]
    for begin, end, first, last in zip(
        starts.tolist(), ends, ticks_at, [*ticks_at[1:], len(block.ticks)], strict=False
    ):
        yield begin, end, block.ticks[first:last]


def _part(batch: Batch, chosen: np.ndarray) -> Batch:
    return Batch(batch.header, 0, batch.table.take(pa.array(chosen)), False)


def _about(batch: Batch) -> Batch | None:
    codes, names = labels(batch.table, "type")
    ours = np.flatnonzero(np.array([name in _COMMANDS for name in names], np.bool_)[codes])
    return _part(batch, ours) if len(ours) else None


def grouped(rules: Sequence[Rule], named: Collection[str]) -> list[tuple[Rule, ...]]:
    """Rules that have to be folded together: those about one metric, where it has that name by definition; all others.
    Each rule over several series is one by itself."""
    found: dict[str, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: rule.name):
        where = rule.metric if rule.metric in named else ""
        found.setdefault(f"{where}\0{rule.name}" if rule.joint else where, []).append(rule)
    return [tuple(group) for _, group in sorted(found.items())]


def evaluated(
    log: LogReader,
    tenant: str,
    groups: Sequence[Sequence[Rule]],
    named: Collection[str],
    wording: Wording | None = None,
    slices: Iterator[Batch] | None = None,
    span: Committed = ALL,
) -> Found:
    """The turns that alerts of these rules would have taken in all that the live evaluator took in; nobody is told.

    ``named``: the metrics that have their name by definition. ``slices``: what it would have taken in instead. ``span``:
    what is read of it. In memory are one block of rows, the groups' states and the turns.
    """
    slices = slices or taken(log, f"{tenant}/{CELL}/0", (CONTROL.name, METRICS.name, CLOCK.name), span)
    fold = AlertEvaluator(wording=wording or Wording(), tells=False)
    made = [
        _Group(group, fold, not all(metric in named for rule in group for metric in rule.metrics)) for group in groups
    ]
    found = Found(ALERTS.schema.empty_table())
    for block in blocks(slices):
        for group in made:
            found.samples += group.take(block)
        if block.rows is not None:
            _look(found, block.rows.table)
    parts = [batch for group in made for _, emission in group.outputs.items() for batch in emission.batches]
    if parts:
        found.turns = pa.Table.from_batches([joined(parts)])
    return found


def _look(found: Found, table: pa.RecordBatch) -> None:
    starts, ends = times(table, "start"), times(table, "time")
    told = starts[starts > 0]
    if len(told):
        found.first = min(found.first or int(told.min()), int(told.min()))
        found.last = max(found.last, int(ends.max()))
