"""Forecasts of metrics, in a process of its own that ends when it is done: `python -m actors.edges.forecast_job`.

The libraries that it needs take 250 MB, which no host is to keep. It takes an ``Order`` (pickled) from standard input, and
writes rows of ``forecasts`` (an Arrow IPC stream) to standard output.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from actors.analyzers.findings import parts_of_time, percent
from events.catalog import FORECASTS, rows
from events.errors import Rejected
from events.log import LogReader, LogSpec

_NICE = 10
SETTLES_US = 30_000_000
"""How long after its end a window has its sample, as a rule."""
LEAST = 24
"""Steps with a value without which nothing is forecast."""
SHOWN = 48
"""Known steps, the newest ones, that are recorded beside a forecast."""
COUNTED = ("count", "sum", "distinct")
"""Aggregates of which a step without rows has a figure: zero."""
_FIGURE = {
    "count": "sum(count)",
    "sum": "sum(sum)",
    "mean": "sum(sum) / nullif(sum(count), 0)",
    "min": "min(min)",
    "distinct": "max(distinct_count)",
}
"""Of the windows of a step; the others, such as quantiles, are of one window."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One forecast that is due: its definition, the event that said it, and one step in us."""

    name: str
    cause: str
    spec: Mapping[str, Any]
    step_us: int


@dataclass(frozen=True, slots=True)
class Order:
    log: LogSpec
    tenant: str
    wanted: tuple[Wanted, ...]
    now_us: int


class Known(NamedTuple):
    """The known steps of one key: ``start`` int64[n] us, ``value`` float64[n], NaN where a step has none."""

    key: str
    start: np.ndarray
    value: np.ndarray


def history(log: LogReader, tenant: str, wanted: Wanted, now_us: int) -> list[Known]:
    """The newest steps of a metric that are closed, of the keys with the most rows; what was imported is in it.

    A step without rows is zero for what is counted, from the key's first row on. The first step is left out where it does
    not begin with a window.
    """
    from query.bounds import Limits
    from query.engine import Engine

    spec, step = wanted.spec, wanted.step_us
    end = (now_us - SETTLES_US) // step * step
    since = end - spec["steps"] * step
    figure = _FIGURE.get(spec["aggregate"], f"max({spec['aggregate']})")
    said = f"""
        WITH steps AS MATERIALIZED (
          SELECT coalesce(key, '') AS k, epoch_us(start) // {step} * {step} AS step_at, {figure} AS value, sum(count) AS n,
            min(epoch_us(start)) AS first
          FROM metrics_latest
          WHERE metric = $metric AND start >= TIMESTAMPTZ '{_iso(since)}' AND start < TIMESTAMPTZ '{_iso(end)}'
          GROUP BY 1, 2
        )
        SELECT k, step_at, value::DOUBLE AS value, first FROM steps
        WHERE k IN (SELECT k FROM steps GROUP BY k ORDER BY sum(n) DESC, k LIMIT {spec["keys"]}) ORDER BY k, step_at"""
    engine = Engine(log, Limits(rows=spec["steps"] * spec["keys"], seconds=120.0, threads=1))
    with engine.open(tenant=tenant) as session:
        found = session.run(said, {"metric": spec["metric"]}).table
    keys = np.array(found.column("k").to_pylist(), dtype=object)
    at, first = (found.column(name).to_numpy() for name in ("step_at", "first"))
    value = found.column("value").to_numpy()
    return [
        _known(key, at[keys == key], value[keys == key], first[keys == key], end, wanted) for key in sorted({*keys})
    ]


def _known(key: str, at: np.ndarray, value: np.ndarray, first: np.ndarray, end: int, wanted: Wanted) -> Known:
    begin = int(at[0]) + (wanted.step_us if first[0] != at[0] else 0)
    start = np.arange(begin, end, wanted.step_us, dtype=np.int64)
    whole = np.full(len(start), 0.0 if wanted.spec["aggregate"] in COUNTED else np.nan)
    place = (at - begin) // wanted.step_us
    whole[place[place >= 0]] = value[place >= 0]
    return Known(key, start, whole)


def made(wanted: Wanted, known: Sequence[Known], now_us: int) -> pa.RecordBatch:
    """Rows of ``forecasts``: what is expected of each key, or why nothing is."""
    found = [row for one in known for row in _of_key(wanted, one)]
    if not found:
        found = [_missing("", "the metric has no rows over the time that is looked back on")]
    common = {"watch": wanted.name, "metric": wanted.spec["metric"], "aggregate": wanted.spec["aggregate"]}
    common |= {"cause": wanted.cause, "time": now_us, "width_us": wanted.step_us, "level": wanted.spec["level"]}
    names = sorted({name for row in found for name in row})
    return rows(FORECASTS, {**common, **{name: [row.get(name) for row in found] for name in names}}, len(found))


def _missing(key: str, why: str, n: int = 0) -> dict[str, Any]:
    return {"type": "forecast.missing", "key": key, "n": n, "message": f"no forecast: {why}"}


def _of_key(wanted: Wanted, known: Known) -> Iterator[dict[str, Any]]:
    n = int(np.isfinite(known.value).sum())
    if n < LEAST:
        yield _missing(known.key, f"{n} steps are known, at least {LEAST} are needed", n)
        return
    from analytics.forecast import forecast  # statsforecast takes more than a second to import

    spec, level = wanted.spec, wanted.spec["level"]
    try:
        ahead = forecast(
            [known.key] * len(known.value), known.start, known.value, horizon=spec["horizon"], levels=[level]
        )
    except ValueError as error:
        yield _missing(known.key, str(error), n)
        return
    for place in range(max(0, len(known.value) - SHOWN), len(known.value)):
        value = known.value[place]
        yield {
            "type": "forecast.known",
            "key": known.key,
            "step": place - len(known.value) + 1,
            "start": int(known.start[place]),
            "value": float(value) if np.isfinite(value) else None,
        }
    evidence, message = ahead.series[0], _sentence(wanted, known, ahead)
    for step in range(spec["horizon"]):
        yield {
            "type": "forecast.made",
            "key": known.key,
            "step": step + 1,
            "start": int(known.start[-1]) + (step + 1) * wanted.step_us,
            "expected": float(ahead.forecast[step]),
            "lower": float(ahead.lo[level][step]),
            "upper": float(ahead.hi[level][step]),
            "n": n,
            "error": evidence.error,
            "naive_error": evidence.naive_error,
            "message": message,
        }


def _sentence(wanted: Wanted, known: Known, ahead: Any) -> str:
    horizon, level = wanted.spec["horizon"], wanted.spec["level"]
    series = f"{wanted.spec['metric']}.{wanted.spec['aggregate']}" + (f" of {known.key}" if known.key else "")
    expected, lower, upper = (_figure(side[0]) for side in (ahead.forecast, ahead.lo[level], ahead.hi[level]))
    said = f"{series}: {expected} expected next, {lower} to {upper}"
    last = known.value[-horizon:]
    before = float(np.nanmean(last)) if np.isfinite(last).any() else 0.0
    if before <= 0:
        return said
    change = float(ahead.forecast.mean()) / before - 1
    more = "about as much" if abs(change) < 0.01 else f"{percent(abs(change))} {'more' if change > 0 else 'less'}"
    return f"{said}; {more} over the next {parts_of_time(horizon * wanted.step_us)} than over the last"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _iso(us: int) -> str:
    return f"{np.datetime64(us, 'us')}+00"


def forecasts(log: LogReader, order: Order) -> Iterator[pa.RecordBatch]:
    """What was asked for, one after the other; what cannot be read is said so, and the others are made."""
    for wanted in order.wanted:
        try:
            known = history(log, order.tenant, wanted, order.now_us)
        except Rejected as error:  # too much to read at once
            yield made_none(wanted, str(error), order.now_us)
            continue
        yield made(wanted, known, order.now_us)


def made_none(wanted: Wanted, why: str, now_us: int) -> pa.RecordBatch:
    """The row that says why there is no forecast."""
    spec = wanted.spec
    common = {"watch": wanted.name, "metric": spec["metric"], "aggregate": spec["aggregate"], "cause": wanted.cause}
    return rows(FORECASTS, {**common, "time": now_us, "width_us": wanted.step_us, **_missing("", why)}, 1)


def main() -> None:
    """Do what standard input asks for."""
    os.nice(_NICE)
    order: Order = pickle.load(sys.stdin.buffer)  # from the host that started this process
    log = order.log.open(woken=False)
    try:
        with pa.ipc.new_stream(sys.stdout.buffer, FORECASTS.schema) as out:
            for batch in forecasts(log, order):
                out.write_batch(batch)
    finally:
        log.close()


if __name__ == "__main__":
    main()
