"""``detect`` on tables as people have them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomaly import columns, detect
from tests.examples import up_to

START = datetime(2026, 1, 1, tzinfo=UTC)


def minutes(n: int) -> list[datetime]:
    return [START + timedelta(minutes=i) for i in range(n)]


def quiet(n: int = 300) -> np.ndarray:
    return np.random.default_rng(3).normal(100, 3, n)


def test_a_spike_is_found_in_a_plain_table() -> None:
    values = quiet()
    values[250] = 400
    found = detect(pa.table({"timestamp": minutes(300), "value": values}))
    assert found.column_names == [
        "time", "value", "anomaly_score", "expected", "lower", "upper", "is_anomaly", "direction", "status"
    ]  # fmt: skip
    rows = found.to_pylist()
    assert [i for i, row in enumerate(rows) if row["is_anomaly"]] == [250]
    assert rows[250]["direction"] == 1 and rows[250]["upper"] < 400 and rows[0]["status"] == "warming"


def test_rows_come_back_in_the_order_given_whatever_their_times() -> None:
    values, shuffled = quiet(), np.random.default_rng(1).permutation(300)
    table = pa.table({"time": minutes(300), "value": values})
    assert detect(table).take(pa.array(shuffled)).equals(detect(table.take(pa.array(shuffled))).combine_chunks())


def test_each_key_is_judged_by_itself() -> None:
    a, b = quiet(), quiet() * 1000
    alone = [detect(pa.table({"time": minutes(300), "value": v})) for v in (a, b)]
    table = pa.table({"time": minutes(300) * 2, "key": ["a"] * 300 + [None] * 300, "value": np.concatenate([a, b])})
    together = detect(table)
    assert together["key"].to_pylist() == table["key"].to_pylist()
    assert together["anomaly_score"].to_pylist() == [s for one in alone for s in one["anomaly_score"].to_pylist()]


def test_progress_is_told_to_the_end_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    n = 1_000
    table = pa.table({"time": np.arange(n) * 60, "value": rng.normal(size=n), "key": rng.choice(["a", "b"], n)})
    whole = detect(table)
    monkeypatch.setattr("analytics.anomaly.table._PIECE", 300)
    heard: list[tuple[int, int]] = []
    assert detect(table, progress=lambda done, total: heard.append((done, total))).equals(whole)
    assert heard == [(300, n), (600, n), (900, n), (n, n)]


def test_columns_are_guessed_by_name_then_by_type() -> None:
    table = pa.table({"n": [1], "Timestamp": ["2026-01-01"], "when": [START], "unique_id": ["a"], "y": [2.0]})
    assert columns(table) == ("Timestamp", "y", "unique_id")
    assert columns(table, time="when", value="n") == ("when", "n", "unique_id")
    assert columns(table.select(["n", "when"])) == ("when", "n", None)
    with pytest.raises(ValueError, match="which column is the time"):
        columns(table.select(["n"]))
    with pytest.raises(ValueError, match="no column 'x' for the key"):
        columns(table, key="x")


@pytest.mark.parametrize(
    ("times", "values", "says"),
    [
        (["2026-01-01", "soon"], [1.0, 2.0], "column 'time', row 2: 'soon' is not a time"),
        (["2026-01-01", "2026-01-02"], ["1.5", "many"], "column 'value', row 2: 'many' is not a number"),
        (["2026-01-01T00:00Z", "2026-01-01T00:00"], [1.0, 2.0], "with and without a zone are mixed"),
        ([True, False], [1.0, 2.0], "column 'time' is bool"),
    ],
)
def test_what_cannot_be_read_is_named(times: list[object], values: list[object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        detect(pa.table({"time": times, "value": values}), time="time", value="value")


def test_text_numbers_and_epochs_are_read_as_what_they_say() -> None:
    values = quiet(60)
    want = detect(pa.table({"time": minutes(60), "value": values})).drop_columns(["time", "value"])
    stamps = [int(m.timestamp()) for m in minutes(60)]
    for times in (
        stamps,
        [s * 1000 for s in stamps],
        [s * 10**9 for s in stamps],
        [m.isoformat() for m in minutes(60)],
    ):
        table = pa.table({"time": times, "value": [f" {v!r}" for v in values.tolist()]})
        assert detect(table, value="value").drop_columns(["time", "value"]).equals(want)


def test_rows_without_a_time_or_a_number_are_passed_over() -> None:
    values, times = quiet().tolist(), list[datetime | None](minutes(300))
    for row in range(100, 110):
        values.insert(row, float("inf"))
        times.insert(row, START + timedelta(minutes=99, seconds=row - 99))
    times[200] = None
    found = detect(pa.table({"time": times, "value": values}))
    assert found["anomaly_score"].to_pylist()[100:110] == [0.0] * 10 and found["value"][100].as_py() is None
    assert found["lower"][200].as_py() is None and found["status"][109].as_py() == "ready"


@settings(max_examples=up_to(60), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**40), 2**40)),
            st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1e308, -1e308, 5e-324])),
        ),
        max_size=80,
    )
)
def test_no_table_gives_nan(rows: list[tuple[int | None, float | None]]) -> None:
    times, values = [r[0] for r in rows], [r[1] for r in rows]
    found = detect(pa.table({"time": pa.array(times, pa.int64()), "value": pa.array(values, pa.float64())}))
    assert found.num_rows == len(rows)
    for row in found.to_pylist():
        assert 0 <= row["anomaly_score"] <= 1
        assert all(v is None or math.isfinite(v) for v in (row["expected"], row["lower"], row["upper"], row["value"]))
