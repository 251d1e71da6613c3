"""Feature engineers: each makes the features of one name space, of one subject's data or of many subjects at once.

They work with the same kernel as datasets and live features, so a feature is the same wherever it is made. What each makes
by default needs only the envelope of events (type, time); a set of definitions of one's own may be given instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from analytics.features import kernel
from analytics.features.kernel import Happened, Points
from analytics.features.plan import Events, Spec, plan_of
from analytics.features.reading import Reader
from analytics.kernels import I64

DAY = kernel.DAY_US
TIME = pa.timestamp("us", tz="UTC")
ANY = Events()
Data = Mapping[str, Any]


class FeatureEngineer:
    """Makes the features ``specs`` of a name space.

    ``engineer`` takes a mapping of one subject: ``events``, a list of mappings or an Arrow table with ``type`` and ``time``
    (and what features are of: columns, or a JSON object in ``properties``), ``at``, the moment (without it: that of the
    newest event), and any further fields, which are told as features of this name space where they are numbers, texts or
    truths. A moment is a datetime with a zone, ISO 8601, or seconds since 1970. The answer is a new dict, names with their
    name space, null where there is nothing: nothing overwrites anything.
    """

    space: ClassVar[str] = "user"
    specs: Sequence[Spec] = ()
    fields: tuple[str, ...] | None = None
    """Which further fields are told; None: all."""

    def __init__(self, specs: Sequence[Spec] | None = None) -> None:
        chosen = type(self).specs if specs is None else specs
        for spec in chosen:
            if not spec.name.startswith(f"{self.space}."):
                raise ValueError(f"{spec.name!r} is not of the name space {self.space!r}")
        self._plan = plan_of(tuple(chosen))

    @property
    def names(self) -> list[str]:
        """The features that are made of events."""
        return [spec.name for spec in self._plan.specs]

    def engineer(self, data: Data) -> dict[str, Any]:
        """The features of one subject. Raises ``ValueError`` naming the field that is wrong."""
        events = _table(data.get("events"))
        times = events["time"].cast(pa.int64()).to_numpy() if events.num_rows else np.zeros(0, np.int64)
        at = data.get("at")
        moment = _us(at, "at") if at is not None else int(times.max(initial=0))
        found: dict[str, Any] = dict.fromkeys(self.names)
        if at is not None or events.num_rows:
            table = self.engineer_table(events, pa.table({"subject": [""], "at": pa.array([moment], TIME)}))
            found = {name: table[name][0].as_py() for name in self.names}
        return {**self._told(data), **found}

    def engineer_table(self, events: pa.Table, points: pa.Table) -> pa.Table:
        """The features of many subjects at once.

        ``events``: ``subject`` (text; without it, all are of one), ``type``, ``time``, and what the features are of.
        ``points``: ``subject`` and ``at``. Answers a table with these two and a column a feature, in the order of
        ``points``.
        """
        names, subject = _numbered(events)
        asked = points["subject"].cast(pa.string()).to_pylist()
        numbers = {name: n for n, name in enumerate(names)}
        of = np.array([numbers.setdefault(name or "", len(numbers)) for name in asked], np.int64)
        at = points["at"].cast(TIME).cast(pa.int64()).to_numpy()
        columns = kernel.features(self._plan, self._happened(events, subject), Points(of, at))
        made = {name: _arrow(column) for name, column in columns.items()}
        return pa.table({"subject": points["subject"], "at": points["at"], **made})

    def _happened(self, events: pa.Table, subject: I64) -> dict[Events, Happened]:
        if not events.num_rows:
            return {}
        batch = events.combine_chunks().to_batches()[0]
        reader, time = Reader(batch), batch.column("time").cast(pa.int64()).to_numpy(zero_copy_only=False)
        found: dict[Events, Happened] = {}
        for kind in self._plan.events:
            hits = reader.hits(kind)
            at = time[hits.rows]
            found[kind] = Happened(subject[hits.rows], at, at, hits.rows.astype(np.int64), hits.values)
        return found

    def _told(self, data: Data) -> dict[str, Any]:
        wanted = data.items() if self.fields is None else ((name, data[name]) for name in self.fields if name in data)
        return {f"{self.space}.{name}": value for name, value in wanted if _plain(name, value)}


class UserFeatureEngineer(FeatureEngineer):
    """Who somebody is: since when they are here, how much there is of them; further fields of the data (plan, country)."""

    space = "user"
    specs = (
        Spec("user.tenure_days", "days_since_first", ANY),
        Spec("user.events", "count", ANY),
        Spec("user.days_active", "days_active", ANY),
        Spec("user.events_per_active_day", expression="user.events / user.days_active"),
    )


class BehavioralFeatureEngineer(FeatureEngineer):
    """What somebody does: how much, on how many days, of how many types, over a day, a week and 30 days."""

    space = "behavioral"
    fields = ()
    specs = (
        *(Spec(f"behavioral.events_{n}d", "count", ANY, n * DAY) for n in (1, 7, 30)),
        *(Spec(f"behavioral.days_active_{n}d", "days_active", ANY, n * DAY) for n in (7, 30)),
        *(
            Spec(f"behavioral.types_{n}d", "distinct", ANY._replace(of="type", taken="identity"), n * DAY)
            for n in (7, 30)
        ),
        Spec("behavioral.value_30d", "sum", ANY._replace(of="value", taken="number"), 30 * DAY),
        Spec("behavioral.value_mean_30d", "mean", ANY._replace(of="value", taken="number"), 30 * DAY),
    )


class TemporalFeatureEngineer(FeatureEngineer):
    """When: how long ago, whether it gets more or less, and the hour and weekday of the moment itself (UTC)."""

    space = "temporal"
    fields = ()
    specs = (
        Spec("temporal.idle_days", "days_since", ANY),
        Spec("temporal.events_7d", "count", ANY, 7 * DAY),
        Spec("temporal.events_28d", "count", ANY, 28 * DAY),
        Spec("temporal.recent_share", expression="temporal.events_7d / temporal.events_28d"),
        Spec("temporal.hour", calendar="hour"),
        Spec("temporal.weekday", calendar="weekday"),
        Spec("temporal.month", calendar="month"),
    )


class ContextualFeatureEngineer(FeatureEngineer):
    """Where and by what: the latest campaign, device and page; or, of a campaign, its fields (spend, audience, …)."""

    space = "contextual"
    specs = tuple(
        Spec(f"contextual.last_{name}", "last", ANY._replace(of=of, taken="value"))
        for name, of in (
            ("type", "type"),
            ("source", "source"),
            ("campaign", "context.campaign.name"),
            ("medium", "context.campaign.medium"),
            ("page", "context.page.path"),
            ("device", "context.device.type"),
        )
    )


ENGINEERS: Mapping[str, type[FeatureEngineer]] = {
    "user_features": UserFeatureEngineer,
    "behavioral_features": BehavioralFeatureEngineer,
    "temporal_features": TemporalFeatureEngineer,
    "contextual_features": ContextualFeatureEngineer,
}
"""The four, by the names of the specification."""


def _table(said: Any) -> pa.Table:
    if said is None:
        return pa.table({"type": pa.array([], pa.string()), "time": pa.array([], TIME)})
    if isinstance(said, (pa.Table, pa.RecordBatch)):
        table = pa.table(said) if isinstance(said, pa.RecordBatch) else said
    else:
        rows = [{**row, "time": _us(row.get("time"), f"events.{n}.time")} for n, row in enumerate(said)]
        names = list(dict.fromkeys(name for row in rows for name in row)) or ["type", "time"]
        table = pa.table({name: _column([row.get(name) for row in rows], name) for name in names})
    for name in ("type", "time"):
        if name not in table.column_names:
            raise ValueError(f"events: have no {name!r}; they have {', '.join(table.column_names)}")
    return table.set_column(table.schema.get_field_index("time"), "time", table["time"].cast(TIME))


def _column(values: list[Any], name: str) -> pa.Array:
    import orjson

    if name == "time":
        return pa.array(values, pa.int64()).cast(TIME)
    if any(isinstance(value, (dict, list)) for value in values):
        return pa.array([value if value is None else orjson.dumps(value).decode() for value in values], pa.string())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"events.{name}: must be of one type in all events ({error})") from None


def _numbered(events: pa.Table) -> tuple[list[str], I64]:
    if "subject" not in events.column_names or not events.num_rows:
        return [""], np.zeros(events.num_rows, np.int64)
    column = events["subject"].cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return column.dictionary.to_pylist(), codes


def _us(said: Any, field: str) -> int:
    """Microseconds UTC of a moment."""
    if isinstance(said, str):
        try:
            said = datetime.fromisoformat(said)
        except ValueError:
            raise ValueError(f"{field}: must be ISO 8601, got {said[:40]!r}") from None
    if isinstance(said, datetime):
        if said.tzinfo is None:
            raise ValueError(f"{field}: has no zone; write it as in 2026-01-31T09:30:00Z")
        return round(said.timestamp() * 1e6)
    if isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said):
        return round(said * 1e6)
    raise ValueError(f"{field}: must be a moment (ISO 8601, or seconds since 1970), got {said!r}")


def _plain(name: str, value: Any) -> bool:
    return name not in ("events", "at") and isinstance(value, (bool, int, float, str))


def _arrow(column: Any) -> pa.Array:
    if isinstance(column, np.ndarray):
        return pa.array(column, pa.float64(), from_pandas=True)
    return pa.array([None if value is None else str(value) for value in column], pa.string())
