"""The correlation analyzer: which of the series of a watch move together, and which of two goes first.

A watch is judged anew whenever a twelfth of its windows has closed for all its series. All pairs are judged together, on
what is new in each series given its own past, with control of the false discovery rate (see ``analytics.correlation``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from actors.analyzers.findings import LETS_GO, PARTS, Finding, Said, commands, finding_rows, parts_of_time, spec_of
from actors.analyzers.recent import Closing, Recent, Sample, read
from actors.definitions.correlation import parted
from actors.fold import Batch, Outputs
from events.catalog import CONTROL, INSIGHTS, METRICS, PAST_METRICS


class CorrelationWatch(msgspec.Struct):
    series: list[str]
    windows: int
    max_lag: int
    fdr: float
    recent: dict[str, Recent]
    """By series."""
    said: dict[str, Said] = {}
    """By pair: the names of both, with a line between."""
    judged: int = 0

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> CorrelationWatch:
        recent = {name: Recent(parted(name)[1], spec["windows"]) for name in spec["series"]}
        return cls(list(spec["series"]), spec["windows"], spec["max_lag"], spec["fdr"], recent)

    def says(self) -> tuple[list[str], int, int, float]:
        return self.series, self.windows, self.max_lag, self.fdr


State = dict[str, CorrelationWatch]


@dataclass(frozen=True)
class CorrelationAnalyzer:
    """The fold: ``control`` says what is watched, ``metrics`` and ``past_metrics`` what happened; it finds ``insights``."""

    name: str = "correlations"
    version: int = 2
    reads: tuple[str, ...] = (CONTROL.name, METRICS.name, PAST_METRICS.name)
    writes: tuple[str, ...] = (INSIGHTS.name,)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        if batch.stream == CONTROL.name:
            found = [each for row in commands(batch, "correlation") for each in self._command(state, row)]
        else:
            found = [each for row in read(batch, _wanted(state)) for each in self._take(state, row)]
        if found:
            outputs.emit(INSIGHTS.name, finding_rows("correlation.judged", found))
        return state, outputs

    def _command(self, state: State, row: Mapping[str, Any]) -> Iterator[Finding]:
        name, now = row["subject"], state.get(row["subject"])
        spec = spec_of(row)
        fresh = CorrelationWatch.of(spec) if spec is not None else None
        if now is not None and fresh is not None and now.says() == fresh.says():
            return
        if now is not None:
            del state[name]
            yield from _withdrawn(name, now, int(row["time"].timestamp() * 1e6))
        if fresh is not None:
            state[name] = fresh

    def _take(self, state: State, row: Sample | Closing) -> Iterator[Finding]:
        for name, watch in sorted(state.items()):
            moved = False
            for series, recent in watch.recent.items():
                metric, _, key = parted(series)
                if isinstance(row, Closing):
                    moved |= recent.close(row)
                elif (row.metric, row.key) == (metric, key):
                    recent.take(row)
            if moved and (at := _common(watch)):
                part = at // (_width(watch) * max(1, watch.windows // PARTS))
                if part > watch.judged:
                    watch.judged = part
                    yield from _judged(name, watch, at)

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # its dictionaries are in the order of the rows that filled them

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _wanted(state: State) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for watch in state.values():
        for series in watch.series:
            metric, aggregate, _ = parted(series)
            found.setdefault(metric, set()).add(aggregate)
    return found


def _width(watch: CorrelationWatch) -> int:
    """The window that all series are compared on: the widest of theirs, in us."""
    return max(recent.width for recent in watch.recent.values())


def _common(watch: CorrelationWatch) -> int:
    """Up to where the windows of all series that have any are closed; 0 while fewer than two have."""
    ends = [recent.closed_to for recent in watch.recent.values() if recent.closed_to]
    return min(ends) if len(ends) > 1 else 0


def _judged(name: str, watch: CorrelationWatch, at: int) -> Iterator[Finding]:
    from analytics.correlation import correlate  # needs scipy, which takes its time to load

    width = _width(watch)
    at = at // width * width
    starts = np.arange(at - watch.windows * width, at, width, dtype=np.int64)
    columns = {series: _column(recent, parted(series)[2], starts, width) for series, recent in watch.recent.items()}
    known = [series for series, column in columns.items() if np.isfinite(column).any()]
    if len(known) < 2:
        return
    table = np.column_stack([columns[series] for series in known])
    first = int(np.flatnonzero(np.isfinite(table).any(axis=1))[0])
    table = table[first:]
    if len(table) <= max(3, watch.max_lag):
        return
    answer = correlate(table, names=known, max_lag=watch.max_lag, fdr=watch.fdr, any_dependence=True)
    for pair in answer.pairs:
        label = f"{pair.first} | {pair.second}"
        before = watch.said.get(label)
        status = "apart" if pair.status == "judged" else "learning"
        if pair.coefficient is not None and pair.q_value is not None:
            direction = "together" if pair.coefficient > 0 else "opposed"
            held = before is not None and before.status == direction and pair.q_value <= LETS_GO * watch.fdr
            if pair.significant or held:
                status = direction
        finding = _finding(name, pair, status, at, int(starts[first]), width)
        if before is None or before.status != status or finding.worth_repeating(before, watch.windows * width):
            watch.said[label] = Said(finding.status, at)
            yield finding


def _column(recent: Recent, key: str, starts: np.ndarray, width: int) -> np.ndarray:
    """The values at ``starts``, each of ``width``: narrower windows are added up where they count, averaged else."""
    found = np.full(len(starts), np.nan)
    own, value = recent.series(key)
    if not len(own) or width % recent.width:
        return found
    place = (own - starts[0]) // width
    ours = (place >= 0) & (place < len(starts)) & np.isfinite(value)
    place, value = place[ours], value[ours]
    n = np.bincount(place, minlength=len(starts))
    total = np.bincount(place, value, minlength=len(starts))
    whole = n == width // recent.width if recent.aggregate in ("count", "sum") else n > 0
    found[whole] = total[whole] if recent.aggregate in ("count", "sum") else total[whole] / n[whole]
    return found


def _finding(name: str, pair: Any, status: Any, at: int, start: int, width: int) -> Finding:
    (metric, aggregate, key), (with_metric, with_aggregate, with_key) = parted(pair.first), parted(pair.second)
    lag = (pair.lag or 0) * width
    if status in ("together", "opposed"):
        says = "move together" if status == "together" else "move against each other"
        ahead, behind = (pair.first, pair.second) if lag >= 0 else (pair.second, pair.first)
        follows = f"; {behind} follows {ahead} by {parts_of_time(abs(lag))}" if lag else ""
        message = f"{pair.first} and {pair.second} {says} (coefficient {pair.coefficient:.2f}){follows}"
    elif status == "apart":
        message = f"{pair.first} and {pair.second} have nothing to do with each other beyond chance"
    else:
        message = f"{pair.first} and {pair.second}: {pair.status}, {pair.n} windows of both are known"
    return Finding(
        name,
        status,
        metric,
        aggregate,
        key,
        at,
        message,
        with_metric,
        with_aggregate,
        with_key,
        start,
        pair.coefficient,
        pair.lower,
        pair.upper,
        None,
        lag if pair.lag is not None else None,
        pair.p_value,
        pair.n,
    )


def _withdrawn(name: str, watch: CorrelationWatch, at: int) -> Iterator[Finding]:
    for label in sorted(watch.said):
        first, _, second = label.partition(" | ")
        (metric, aggregate, key), (with_metric, with_aggregate, with_key) = parted(first), parted(second)
        gone = "it is no longer watched"
        yield Finding(name, "withdrawn", metric, aggregate, key, at, gone, with_metric, with_aggregate, with_key)
