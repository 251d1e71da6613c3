"""The trend analyzer: whether the newest windows of a metric rise or fall, each key by itself.

Each watch is judged anew whenever a twelfth of its windows has closed. All its keys are judged together: those that are said
to rise or fall are chosen by Benjamini and Hochberg (1995), so that with many keys the share of false ones stays below
``alpha``. What was said holds until the test is far from saying it again, so that a key on the edge does not go to and fro.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from actors.analyzers.findings import (
    LETS_GO,
    PARTS,
    Finding,
    Said,
    commands,
    finding_rows,
    parts_of_time,
    percent,
    spec_of,
    withdrawn,
)
from actors.analyzers.recent import MOST_KEYS, Closing, Recent, Sample, read
from actors.fold import Batch, Outputs
from analytics.kernels import F64
from events.catalog import CONTROL, INSIGHTS, METRICS, PAST_METRICS

LEAST = 16
"""Windows without which nothing is said."""
LOOKS = 4.0
"""Judging twelve times within a span gives chance about as many occasions as four independent looks: on steady Poisson
counts, 60 windows, the share of spans with a false trend is 0.9 % at ``alpha`` 0.01 with this divisor, and 3.1 % without."""
HOUR_US = 3_600_000_000


class TrendWatch(msgspec.Struct):
    metric: str
    windows: int
    alpha: float
    recent: Recent
    said: dict[str, Said] = {}
    """By key."""
    judged: int = 0
    """The part of time that was judged last."""

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> TrendWatch:
        recent = Recent(spec["aggregate"], spec["windows"])
        return cls(spec["metric"], spec["windows"], spec["alpha"], recent)


State = dict[str, TrendWatch]


@dataclass(frozen=True)
class TrendAnalyzer:
    """The fold: ``control`` says what is watched, ``metrics`` and ``past_metrics`` what happened; it finds ``insights``."""

    name: str = "trends"
    version: int = 2
    reads: tuple[str, ...] = (CONTROL.name, METRICS.name, PAST_METRICS.name)
    writes: tuple[str, ...] = (INSIGHTS.name,)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        if batch.stream == CONTROL.name:
            found = [each for row in commands(batch, "trend") for each in self._command(state, row)]
        else:
            found = [each for row in read(batch, _wanted(state)) for each in self._take(state, row)]
        if found:
            outputs.emit(INSIGHTS.name, finding_rows("trend.judged", found))
        return state, outputs

    def _command(self, state: State, row: Mapping[str, Any]) -> Iterator[Finding]:
        name, now = row["subject"], state.get(row["subject"])
        spec = spec_of(row)
        fresh = TrendWatch.of(spec) if spec is not None else None
        if now is not None and fresh is not None and (now.windows, now.alpha) == (fresh.windows, fresh.alpha):
            return
        if now is not None:
            del state[name]
            at = int(row["time"].timestamp() * 1e6)
            yield from withdrawn(name, now.metric, now.recent.aggregate, now.said, at)
        if fresh is not None:
            state[name] = fresh

    def _take(self, state: State, row: Sample | Closing) -> Iterator[Finding]:
        for name, watch in sorted(state.items()):
            if isinstance(row, Sample):
                if row.metric == watch.metric:
                    watch.recent.take(row)
            elif watch.recent.close(row):
                part = watch.recent.closed_to // (watch.recent.width * max(1, watch.windows // PARTS))
                if part > watch.judged:
                    watch.judged = part
                    yield from _judged(name, watch)

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # its dictionaries are in the order of the rows that filled them

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _wanted(state: State) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for watch in state.values():
        found.setdefault(watch.metric, set()).add(watch.recent.aggregate)
    return found


def _judged(name: str, watch: TrendWatch) -> Iterator[Finding]:
    """What is new to say of each key; keys that are silent over all windows are taken back."""
    from analytics import trend  # needs scipy, which takes its time to load

    recent = watch.recent
    found: dict[str, Finding] = {}
    p_values: dict[str, float] = {}
    for key in sorted(recent.keys):
        start, value = recent.series(key)
        if int(np.isfinite(value).sum()) < LEAST:
            found[key] = _learning(name, watch, key, len(value))
            continue
        answer = trend.analyze(start, value, alpha=watch.alpha)
        if answer.test is None or answer.slope is None:
            found[key] = _learning(name, watch, key, len(value))
            continue
        p_values[key] = answer.test.p_value
        found[key] = _finding(name, watch, key, start, value, answer)
    errors = _least_rates(p_values)
    for key, finding in found.items():
        before = watch.said.get(key)
        said_at = watch.alpha / LOOKS
        if key in errors and errors[key] > said_at:
            kept = before is not None and before.status == finding.status and errors[key] <= LETS_GO * said_at
            if not kept:
                finding = finding.as_steady()
        if (
            before is None
            or before.status != finding.status
            or finding.worth_repeating(before, recent.windows * recent.width)
        ):
            watch.said[key] = Said(finding.status, finding.time)
            yield finding
    gone = {key: said for key, said in watch.said.items() if key not in found}
    for key in gone:
        del watch.said[key]
    yield from withdrawn(name, watch.metric, recent.aggregate, gone, recent.closed_to)


def _least_rates(p_values: Mapping[str, float]) -> dict[str, float]:
    """The least share of false ones at which each key is among those that are found (Benjamini and Hochberg 1995)."""
    ordered = sorted(p_values, key=lambda key: (p_values[key], key))
    least, found = 1.0, dict[str, float]()
    for rank in range(len(ordered), 0, -1):
        key = ordered[rank - 1]
        least = min(least, p_values[key] * len(ordered) / rank)
        found[key] = least
    return found


def _learning(name: str, watch: TrendWatch, key: str, known: int) -> Finding:
    windows = "1 window is" if known == 1 else f"{known} windows are"
    message = f"not enough data: {windows} known, at least {LEAST} with a value are needed"
    return Finding(
        name, "learning", watch.metric, watch.recent.aggregate, key, watch.recent.closed_to, message, n=known
    )


def _finding(name: str, watch: TrendWatch, key: str, start: Any, value: F64, answer: Any) -> Finding:
    recent, slope = watch.recent, answer.slope
    hours = HOUR_US / slope.unit_us
    span = int(start[-1] - start[0])
    middle = float(np.nanmean(value))
    change = slope.value * (span / slope.unit_us) / abs(middle) if middle else None
    status = "rising" if slope.value > 0 else "falling"
    series = f"{watch.metric}.{recent.aggregate}" + (f" of {key}" if key else "")
    by = f" by {percent(abs(change))} of its mean" if change is not None else ""
    message = f"{series} {'rises' if slope.value > 0 else 'falls'}{by} in {parts_of_time(span + recent.width)}"
    if recent.left_out:
        message += f" (there are more keys than the {MOST_KEYS:,} that are followed)"
    return Finding(
        name,
        status,
        watch.metric,
        recent.aggregate,
        key,
        recent.closed_to,
        message,
        start=int(start[0]),
        value=slope.value * hours,
        lower=slope.lower * hours,
        upper=slope.upper * hours,
        change=change,
        p_value=answer.test.p_value,
        n=len(value),
    )
