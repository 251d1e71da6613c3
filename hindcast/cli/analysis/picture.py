"""Pictures of what the analysis commands find: ``--plot F.svg``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from events.errors import Rejected
from hindcast.cli.analysis.source import Source, counted, stamp

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.forecast import Forecasts
    from analytics.kernels import F64, I64
    from analytics.plots import Axis, Panel

SUFFIXES = (".svg",)
SERIES = 6
"""As many at most, each in a panel of its own."""
MARKED = 200
"""As many anomalies of a series at most carry a diamond."""
_BREAK = 10
"""A line ends where the next row is farther off than so many usual steps."""
_CALENDAR = (-62_135_596_800_000_000, 253_402_300_799_000_000)
"""Years 1 to 9999 in µs since 1970: what an axis can name."""
_HEADING = 60

plot_option = click.option("--plot", metavar="F.svg", help="Draw what was found into an SVG file.")


def save(svg: str, path: str) -> None:
    """Write the picture. Raises ``Rejected`` where that is not possible."""
    try:
        Path(path).write_text(svg, encoding="utf-8")
    except OSError as error:
        raise Rejected(path, f"cannot be written: {error.strerror or error}") from None


def of_anomalies(source: Source, found: pa.Table, alarms: list[int]) -> str:
    """The series with the worst alarms: values, what was expected, and a diamond at the farthest value of each alarm.

    ``alarms`` are rows of ``found``, the worst first.
    """
    import numpy as np

    flagged = np.asarray(found["is_anomaly"])
    by_series: dict[int, list[int]] = {}
    for row in alarms:
        by_series.setdefault(int(source.codes[row]), []).append(row)
    shown = list(dict.fromkeys([*by_series, *range(len(source.keys))]))[:SERIES]
    what = f"{counted(int(flagged.sum()), 'anomaly', 'anomalies')} in {counted(found.num_rows, 'row')}"
    return _drawn(
        [_anomalies(source, found, flagged, code, by_series.get(code, [])) for code in shown],
        title=f"{source.columns.value}: {what} of {counted(len(source.keys), 'series', 'series')}",
        description=f"{what}, {counted(len(alarms), 'alarm')}. Values over time within what was expected of each; "
        "a diamond marks the farthest value of each alarm.",
        note=_chosen(len(source.keys), "those with the worst alarms"),
    )


def of_forecasts(source: Source, found: Forecasts, horizon: int) -> str:
    """The largest series: the end of the history, the forecast, and its intervals, the wider the fainter."""
    import numpy as np

    places = {name: code for code, name in enumerate(source.keys)} if source.columns.key is not None else {}
    codes = [places.get(str(one.key), 0) for one in found.series]
    with np.errstate(over="ignore"):
        sizes = np.bincount(source.codes, np.abs(np.nan_to_num(source.values)), len(source.keys))
    shown = sorted(range(len(codes)), key=lambda i: (-sizes[codes[i]], i))[:SERIES]
    ahead = counted(horizon, "step")
    levels = " and ".join(f"{level:g} %" for level in found.lo)
    return _drawn(
        [_forecast(source, found, i, codes[i], horizon) for i in shown],
        title=f"{source.columns.value}: the next {ahead} of {counted(len(codes), 'series', 'series')}",
        description=f"The end of the history, then the next {ahead} with intervals of {levels}.",
        note=_chosen(len(codes), "the largest"),
    )


def _drawn(shown: list[Panel], title: str, description: str, note: str) -> str:
    from analytics.plots import chart, panels

    if len(shown) != 1:
        return panels(shown, title=title, description=description, note=note)
    [one] = shown
    return chart(one.marks, title=f"{one.heading}: {one.remark}", description=description, x=one.x, y=one.y)


def _anomalies(source: Source, found: pa.Table, flagged: Any, code: int, alarms: list[int]) -> Panel:
    import numpy as np

    from analytics.plots import Band, Line, Panel, Points

    rows = np.flatnonzero((source.codes == code) & source.times.known)
    rows = rows[np.argsort(source.times.us[rows], kind="stable")]
    x, *series = _broken(
        _across(source, source.times.us[rows]),
        source.values[rows],
        *(found[side].to_numpy()[rows] for side in ("lower", "upper")),
        np.where(flagged[rows], source.values[rows], np.nan),
    )
    value, low, high, wrong = series
    marked = np.array(alarms[:MARKED], np.int64)
    more = f", the worst {MARKED} marked" if len(alarms) > MARKED else ""
    count = counted(int(flagged[rows].sum()), "anomaly", "anomalies")
    return Panel(
        _heading(source, source.name(code)),
        [
            Band(x, low, high, "expected", opacity=0.3),
            Line(x, value, "value", width=1.2),
            Line(x, wrong, tone="bad", width=1.8),
            Points(
                _across(source, source.times.us[marked]),
                source.values[marked],
                "anomaly",
                "bad",
                shape="diamond",
                size=3.5,
                titles=[_title(source, found, row) for row in alarms[:MARKED]],
            ),
        ],
        remark=f"{count} in {counted(len(alarms), 'alarm')}{more}" if alarms else "no anomaly",
        x=_axis(source, source.times.us[rows]),
        y=_about(value, low, high),
    )


def _forecast(source: Source, found: Forecasts, place: int, code: int, horizon: int) -> Panel:
    import numpy as np

    from analytics.plots import Band, Line, Panel

    one = found.series[place]
    ahead = slice(place * horizon, (place + 1) * horizon)
    rows = np.flatnonzero(source.codes == code)
    rows = rows[np.argsort(source.times.us[rows], kind="stable")]
    rows = rows[-max(3 * horizon, 2 * max(one.seasons, default=0), 40) :]
    past, future = source.times.us[rows], found.time[ahead]
    if source.times.ordinal:
        future = np.rint(future * source.times.per_unit).astype(np.int64)
    x, value = _broken(_across(source, past), source.values[rows])
    known = np.flatnonzero(np.isfinite(source.values[rows]))[-1:]
    # The fan opens at the last value, so that it hangs together with the history.
    fan = _across(source, np.concatenate([past[known], future]))

    def opened(values: F64) -> F64:
        return np.concatenate([source.values[rows][known], values[ahead]])

    widest = sorted(found.lo, reverse=True)
    bands = [
        Band(fan, opened(found.lo[level]), opened(found.hi[level]), f"{level:g} %", "c1", 0.18 + 0.14 * narrower)
        for narrower, level in enumerate(widest)
    ]
    season = f", season {' and '.join(map(str, one.seasons))}" if one.seasons else ", no season"
    return Panel(
        _heading(source, str(one.key)),
        [
            *bands,
            Line(x, value, "history", "ink", width=1.3),
            Line(fan, opened(found.forecast), "forecast", "c1", dashed=True),
        ],
        remark=f"the next {counted(horizon, 'step')}{season}",
        x=_axis(source, np.concatenate([past, future])),
    )


def _across(source: Source, us: I64) -> F64:
    return us / source.times.per_unit if source.times.ordinal else us.astype(float)


def _axis(source: Source, us: I64) -> Axis:
    from analytics.plots import Axis

    named = not len(us) or (us.min() >= _CALENDAR[0] and us.max() <= _CALENDAR[1])
    if source.times.ordinal:
        return Axis()
    return Axis(kind="time") if named else Axis("µs since 1970")


def _about(value: F64, low: F64, high: F64) -> Axis:
    """As high as the values, and as the band up to half as far again: one wide moment of it must not flatten them."""
    import numpy as np

    from analytics.plots import LARGEST, Axis

    value, low, high = (part[np.abs(part) < LARGEST] for part in (value, low, high))
    if not len(value) or not len(low):
        return Axis()
    least, most = float(value.min()), float(value.max())
    room = (most - least) / 2
    if not room:
        return Axis()
    pad = room / 8
    return Axis(
        low=max(min(least, float(low.min())), least - room) - pad,
        high=min(max(most, float(high.max())), most + room) + pad,
    )


def _broken(x: F64, *series: F64) -> tuple[F64, ...]:
    """With a gap in all series where rows are far apart."""
    import numpy as np

    steps = np.diff(x)
    rising = steps[steps > 0]
    if not len(rising):
        return x, *series
    after = np.flatnonzero(steps > _BREAK * np.median(rising)) + 1
    middle = (x[after - 1] + x[after]) / 2
    return np.insert(x, after, middle), *(np.insert(values, after, np.nan) for values in series)


def _title(source: Source, found: pa.Table, row: int) -> str:
    low, high = found["lower"][row].as_py(), found["upper"][row].as_py()
    band = "no band" if low is None else f"{low:.6g} to {high:.6g}"
    return (
        f"{stamp(int(source.times.us[row]), source.times)} (row {row + 1}): {source.values[row]:.6g}, expected {band}"
    )


def _chosen(series: int, which: str) -> str:
    return f"{SERIES} of {series:,} series: {which}" if series > SERIES else ""


def _heading(source: Source, key: str) -> str:
    name = key or source.columns.value
    return name if len(name) <= _HEADING else name[: _HEADING - 1] + "…"
