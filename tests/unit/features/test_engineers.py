"""The four feature engineers: of one subject, and of many at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from analytics.features.engineers import (
    ENGINEERS,
    BehavioralFeatureEngineer,
    ContextualFeatureEngineer,
    TemporalFeatureEngineer,
    UserFeatureEngineer,
)
from analytics.features.plan import Events, Spec

EVENTS: list[dict[str, Any]] = [
    {"type": "page", "time": "2026-01-01T09:00:00Z", "properties": {"plan": "free"}},
    {"type": "page", "time": "2026-01-20T09:00:00Z", "context": {"campaign": {"name": "spring"}}},
    {"type": "order", "time": "2026-01-29T09:00:00+01:00", "value": 12.5, "context": {"page": {"path": "/a"}}},
    {"type": "order", "time": "2026-03-01T09:00:00Z", "value": 99.0},
]
DATA = {"user_id": "ada", "plan": "pro", "events": EVENTS, "at": "2026-01-31T09:00:00Z"}


def test_each_makes_names_of_its_own_and_nothing_of_the_future() -> None:
    found = {name: made().engineer(DATA) for name, made in ENGINEERS.items()}
    spaces = [{name.partition(".")[0] for name in one} for one in found.values()]
    assert spaces == [{"user"}, {"behavioral"}, {"temporal"}, {"contextual"}]
    together: dict[str, Any] = {}
    for one in found.values():
        assert not together.keys() & one.keys()
        together |= one
    wanted = {
        "user.plan": "pro",
        "user.events": 3.0,
        "user.tenure_days": 30.0,
        "user.events_per_active_day": 1.0,
        "behavioral.events_7d": 1.0,
        "behavioral.events_30d": 2.0,
        "behavioral.types_30d": 2.0,
        "behavioral.value_30d": 12.5,
        "temporal.recent_share": 0.5,
        "temporal.weekday": 5.0,
        "contextual.last_campaign": "spring",
        "contextual.last_page": "/a",
    }
    assert {name: together[name] for name in wanted} == pytest.approx(wanted)
    assert together["temporal.idle_days"] == pytest.approx(2 + 1 / 24)


def test_a_campaign_has_its_fields_and_nobody_has_nothing() -> None:
    campaign = {"spend": 120.0, "channel": "ads", "audience": 5_000, "paused": False, "notes": ["x"]}
    found = ContextualFeatureEngineer().engineer(campaign)
    assert found["contextual.spend"] == 120.0 and found["contextual.paused"] is False
    assert "contextual.notes" not in found and found["contextual.last_campaign"] is None
    assert set(BehavioralFeatureEngineer().engineer({"user_id": "ada"}).values()) == {None}
    silent = BehavioralFeatureEngineer().engineer({"at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert silent["behavioral.events_7d"] == 0.0


def test_many_subjects_at_many_moments_are_what_each_is_alone() -> None:
    of = {"ada": EVENTS, "bob": EVENTS[1:3], "eve": []}
    rows = [{"subject": s, **{k: v for k, v in e.items() if k in ("type", "time")}} for s, es in of.items() for e in es]
    events = pa.table(
        {
            "subject": [row["subject"] for row in rows],
            "type": [row["type"] for row in rows],
            "time": pa.array([datetime.fromisoformat(row["time"]) for row in rows], pa.timestamp("us", "UTC")),
        }
    )
    asked = [(s, datetime(2026, m, 2, tzinfo=UTC)) for m in (4, 2, 1) for s in ("bob", "ada", "eve")]
    points = pa.table(
        {"subject": [s for s, _ in asked], "at": pa.array([at for _, at in asked], pa.timestamp("us", "UTC"))}
    )
    for engineer in (UserFeatureEngineer(), TemporalFeatureEngineer()):
        table = engineer.engineer_table(events, points)
        assert table.column_names == ["subject", "at", *engineer.names]
        for n, (subject, at) in enumerate(asked):
            alone = engineer.engineer({"events": of[subject], "at": at})
            assert {name: table[name][n].as_py() for name in engineer.names} == {
                name: alone[name] for name in engineer.names
            }


def test_a_set_of_ones_own_and_what_is_wrong_is_named() -> None:
    orders = Spec("behavioral.orders", "count", Events(types=("order",)))
    assert BehavioralFeatureEngineer([orders]).engineer(DATA) == {"behavioral.orders": 1.0}
    with pytest.raises(ValueError, match="not of the name space 'user'"):
        UserFeatureEngineer([orders])
    for events, field in (([{"type": "a", "time": "soon"}], "events.0.time"), ([{"time": 5}], "have no 'type'")):
        with pytest.raises(ValueError, match=field):
            UserFeatureEngineer().engineer({"events": events})
    with pytest.raises(ValueError, match="has no zone"):
        UserFeatureEngineer().engineer({"at": "2026-01-01T00:00:00"})
