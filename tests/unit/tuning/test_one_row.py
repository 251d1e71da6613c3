"""One row: what it costs, and that it is answered as it would be among many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analytics.models.schema import Schema, WrongInput
from tuning.config import Config
from tuning.data.column_types import schema_of
from tuning.data.tables import as_columns
from tuning.ensemble.latency import ROW_MS, Stopwatch
from tuning.pipeline import fit_table


def frame(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    start = np.datetime64("2024-01-01", "us")
    return pd.DataFrame(
        {
            "number": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
            "whole": rng.integers(0, 9, rows),
            "large": 1_700_000_000_000 + rng.integers(0, 10_000, rows),
            "endless": np.where(rng.random(rows) < 0.1, np.inf, rng.normal(size=rows)),
            "flag": rng.random(rows) < 0.5,
            "plan": [None if r < 0.2 else "ab"[int(r * 20) % 2] for r in rng.random(rows)],
            "texts of numbers": [str(round(v, 3)) for v in rng.normal(size=rows)],
            "mixed": [None if i % 7 == 0 else i % 3 if i % 2 else "x" for i in range(rows)],
            "day": start + rng.integers(0, 10**12, rows).astype("timedelta64[us]"),
        }
    )


def schema(table: pd.DataFrame) -> Schema:
    return schema_of(as_columns(table), apart={})[0]


@pytest.mark.parametrize("without", [[], ["day"]], ids=["with dates", "plain types alone"])
@pytest.mark.parametrize("rows", [1, 5, 64, 65])
def test_few_rows_become_the_same_matrix_as_among_many(rows: int, without: list[str]) -> None:
    table = frame().drop(columns=without)
    known = schema(table)
    whole = known.matrix(as_columns(table))
    some = known.matrix(as_columns(table.iloc[:rows]))
    assert np.array_equal(some, whole[:rows], equal_nan=True)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("number", "high", "row 1: 'high' is not a number"),
        ("flag", "perhaps", "row 1: 'perhaps' is not true or false"),
        ("number", None, ""),
        ("number", np.inf, ""),
        ("plan", "never seen", ""),
        ("plan", 7.5, ""),
        ("plan", np.nan, ""),
    ],
)
def test_one_odd_value_is_answered_or_refused_by_name(column: str, value: Any, said: str) -> None:
    table = frame().drop(columns=["day"])
    known = schema(table)
    row = table.iloc[:1].astype({column: object}).assign(**{column: [value]})
    if not said:
        assert known.matrix(as_columns(row)).shape[0] == 1
        return
    with pytest.raises(WrongInput, match=said) as caught:
        known.matrix(as_columns(row))
    assert caught.value.column == column


def numbers(rows: int = 300) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    data: dict[str, Any] = {name: rng.normal(size=rows) for name in "abcd"}
    return data | {"y": (data["a"] * data["b"] + data["c"] > 0).astype(float)}


@pytest.mark.slow
def test_a_shipped_model_answers_a_row_within_the_limit_by_its_own_time() -> None:
    data = numbers()
    result = fit_table(data, Config("y", budget_s=15.0))
    took = Stopwatch(data, np.arange(30), "y").of(result.model)
    assert took.cpu_ms <= ROW_MS
    assert result.report.artifact is not None and result.report.artifact.row_ms is not None
    assert not any(note.code == "slow-row" for note in result.report.warnings)


@pytest.mark.slow
def test_what_cannot_be_fast_enough_becomes_as_small_as_can_be_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuning.run.engine.ROW_MS", 0.01)
    monkeypatch.setattr("tuning.ensemble.latency.ROW_MS", 0.01)
    report = fit_table(numbers(), Config("y", budget_s=15.0)).report
    assert any(note.code == "slow-row" for note in report.warnings)
    assert sum(c.weight > 0 for c in report.leaderboard) <= 2, "two kinds of five members each cost 0.3 ms"
