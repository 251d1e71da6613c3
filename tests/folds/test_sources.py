"""How late each source's events come: a wrong time zone is a peak at whole hours, and unreadable money is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import settings
from hypothesis import strategies as st

from actors.dashboards.sources import CAP, OTHERS, Sources
from actors.dashboards.system_health import SystemHealth
from actors.fold import Batch
from events.catalog import USER_INTERACTIONS, rows
from events.entry import EntryHeader
from events.money import claims_money
from hindcast.testing.story import given
from serve.ingest import decode_cloudevents

SECOND, HOUR = 1_000_000, 3_600_000_000
NOW = 1_795_495_200_000_000


def arrived(story: Any, lags_s: list[float], source: str = "shop", at: int = NOW, **columns: Any) -> Any:
    times = [at - int(lag * SECOND) for lag in lags_s]
    return story.rows("user_interactions", time=times, received=at, source=source, **columns)


def shown(story: Any) -> dict[str, dict[str, Any]]:
    view = story.fold.view(story._loaded(), "sources")
    return {row.pop("source"): row for row in view["rows"]}


def test_local_time_that_is_taken_for_utc_is_a_peak_at_its_hours() -> None:
    story = given(SystemHealth())
    arrived(story, [7200 + n / 10 for n in range(90)] + [0.1] * 10)
    arrived(story, [-19_800.0] * 5, source="blog")
    found = shown(story)
    assert found["shop"]["peaks"] == [{"lag_h": 2.0, "rows": 90}]
    assert (found["shop"]["rows"], found["shop"]["ahead"], found["shop"]["lag_p50_s"]) == (100, 0, 21_600.0)
    assert found["blog"]["peaks"] == [{"lag_h": -5.5, "rows": 5}]
    assert (found["blog"]["ahead"], found["blog"]["lag_p95_s"]) == (5, 0.0)


def test_a_slow_network_is_no_peak() -> None:
    story = arrived(given(SystemHealth()), [0.2, 3.0, 40.0, 400.0])
    assert shown(story)["shop"]["peaks"] == []
    assert (shown(story)["shop"]["lag_p50_s"], shown(story)["shop"]["lag_p95_s"]) == (5.0, 600.0)
    assert shown(arrived(story, [9e6] * 99))["shop"]["lag_p95_s"] is None


def test_what_came_a_day_ago_is_forgotten() -> None:
    story = arrived(given(SystemHealth()), [1.0] * 3)
    arrived(story, [1.0], at=NOW + 23 * HOUR, source="blog").tick(at=NOW + 23 * HOUR)
    assert set(shown(story)) == {"shop", "blog"}
    story.tick(at=NOW + 25 * HOUR)
    assert set(shown(story)) == {"blog"}


def test_money_that_cannot_be_read_is_counted_by_source() -> None:
    said = ['{"revenue":"free"}', '{"value":5,"currency":"coins"}', '{"plan":"revenue"}', "{}", '{"re\\u0076enue":[1]}']
    story = arrived(given(SystemHealth()), [1.0] * 5, properties=said)
    arrived(story, [1.0], properties='{"revenue":5}', amount=500)
    assert shown(story)["shop"]["no_amount"] == 3


def test_sources_without_end_are_counted_together() -> None:
    story = given(SystemHealth())
    for n in range(CAP + 20):
        arrived(story, [1.0], source=f"device-{n}")
    found = shown(story)
    assert len(found) == CAP + 1
    assert found[OTHERS]["rows"] == 20


@settings(deadline=None)
@any_of(
    st.lists(st.tuples(st.integers(0, 150), st.sampled_from([0, 1, 7200, -900])), min_size=1, max_size=300), st.data()
)
def test_how_rows_are_cut_changes_nothing(said: list[tuple[int, int]], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=5)))

    def counted(parts: list[list[tuple[int, int]]]) -> dict[int, Any]:
        sources = Sources()
        for part in parts:
            times = [NOW - lag * SECOND for _, lag in part]
            columns = {"source": [f"s{name}" for name, _ in part], "time": times, "received": NOW}
            table = rows(USER_INTERACTIONS, columns, len(part))
            sources.take(Batch(EntryHeader("user_interactions", "p", "t", 0, len(part), 1, 1, 1, 1), 0, table, True))
        return sources.hours

    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert counted([said]) == counted(pieces)


values = st.sampled_from([None, 5, -1.5, "5", "free", "", [1], "EUR", "coins", " EUR ", 10**400])


@settings(deadline=None)
@any_of(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("revenue", "amount", "total", "value", "currency", "plan"), values)
    )
)
def test_what_the_door_reads_as_money_is_what_the_fold_counts(properties: dict[str, Any]) -> None:
    event = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t", "data": properties}
    row = decode_cloudevents(json.dumps(event).encode(), "application/json", {}, NOW).batch.to_pylist()[0]
    if row["amount"] is not None:
        assert claims_money(json.dumps(properties))
    warned = decode_cloudevents(json.dumps(event).encode(), "application/json", {}, NOW).warned
    lost = row["amount"] is None and any("has no amount" in warning.reason for warning in warned)
    assert lost == (row["amount"] is None and claims_money(json.dumps(properties)))


@pytest.mark.parametrize("text", ["", "[]", "7", "no json", "[" * 5000, '"revenue"'])
def test_what_is_no_object_says_no_money(text: str) -> None:
    assert not claims_money(text)
    story = given(SystemHealth()).rows("user_interactions", time=NOW, received=NOW, source="s", properties=text)
    assert shown(story)["s"]["no_amount"] == 0
