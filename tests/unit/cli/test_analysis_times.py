"""Times, calendars and spans of time from a user's view: a file in, the next rows out, written as the file writes them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.cli.test_analysis_commands import rows, run, write

BERLIN = ZoneInfo("Europe/Berlin")


def wave(n: int, season: int = 12) -> list[float]:
    return [round(100 + 0.3 * i + 10 * math.sin(i * math.tau / season) + ((i * 7919) % 97) / 97, 2) for i in range(n)]


def ahead(path: str, horizon: int = 3, *more: str) -> list[str]:
    result = run("forecast", path, "--horizon", str(horizon), *more)
    assert result.exit_code == 0, result.output
    return [row["time"] for row in rows(result.stdout)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([f"{2018 + i // 12}{i % 12 + 1:02}" for i in range(47)], ["202112", "202201", "202202"]),
        ([f"{2018 + i // 12}-{i % 12 + 1:02}" for i in range(47)], ["2021-12", "2022-01", "2022-02"]),
        ([f"{2010 + i // 4}Q{i % 4 + 1}" for i in range(47)], ["2021Q4", "2022Q1", "2022Q2"]),
        ([str(d).replace("-", "") for d in np.datetime64("2024-01-13") + np.arange(47)],
         ["20240229", "20240301", "20240302"]),
        ([str(d.strftime("%d.%m.%Y")) for d in (np.datetime64("2024-01-13") + np.arange(47)).tolist()],
         ["29.02.2024", "01.03.2024", "02.03.2024"]),
        ([f"{d.day}.{d.month}.{d.year}" for d in (np.datetime64("2024-01-13") + np.arange(47)).tolist()],
         ["29.2.2024", "1.3.2024", "2.3.2024"]),
        ([f"1949-{i:03}" for i in range(317, 364)], ["1949-364", "1949-365", "1950-001"]),
        ([f"2020-W{i:02}" for i in range(5, 52)], ["2020-W52", "2020-W53", "2021-W01"]),
        ([str(1_709_211_900 + 60 * i) for i in range(47)], ["1709214720", "1709214780", "1709214840"]),
        ([str(1949 + i) for i in range(47)], ["1996", "1997", "1998"]),
    ],
)  # fmt: skip
def test_the_next_times_are_written_as_the_file_writes_them(
    tmp_path: Path, cells: list[str], expected: list[str]
) -> None:
    path = write(tmp_path / "in.csv", "ds,y", cells, wave(47))
    assert ahead(path) == expected
    assert run("trend", path).exit_code == run("detect", path).exit_code == 0


def parquet(path: Path, when: list[datetime], values: list[float]) -> str:
    pq.write_table(pa.table({"ds": pa.array(when, pa.timestamp("us", "Europe/Berlin")), "y": values}), path)
    return str(path)


def test_months_days_and_weeks_are_steps_on_the_clock_of_their_zone(tmp_path: Path) -> None:
    months = [datetime(2018 + i // 12, i % 12 + 1, 1, tzinfo=BERLIN) for i in range(75)]
    path = parquet(tmp_path / "months.parquet", months[:72], wave(72))
    assert ahead(path) == [f"{m:%Y-%m-%d %H:%M:%S%z}" for m in months[72:]]
    assert "season     12 months (12 steps)" in run("trend", path).stdout
    days = [datetime(2024, 1, 1, tzinfo=BERLIN) + timedelta(days=i) for i in range(100)]
    assert ahead(parquet(tmp_path / "days.parquet", days[:88], wave(88, 7)), 4) == [
        f"{d:%Y-%m-%d %H:%M:%S%z}" for d in days[88:92]
    ]
    working = [d for d in days if d.weekday() < 5]
    path = parquet(tmp_path / "working.parquet", working[:60], wave(60, 5))
    assert ahead(path, 6) == [f"{d:%Y-%m-%d %H:%M:%S%z}" for d in working[60:66]]
    weeks = [datetime(2023, 1, 2, tzinfo=BERLIN) + timedelta(weeks=i) for i in range(67)]
    assert ahead(parquet(tmp_path / "weeks.parquet", weeks[:64], wave(64))) == [
        f"{w:%Y-%m-%d %H:%M:%S%z}" for w in weeks[64:]
    ]
    hours = [datetime(2024, 3, 28, tzinfo=UTC) + timedelta(hours=i) for i in range(99)]
    path = parquet(tmp_path / "hours.parquet", hours[:96], wave(96, 24))
    assert ahead(path) == [f"{h.astimezone(BERLIN):%Y-%m-%d %H:%M:%S%z}" for h in hours[96:]]


def test_text_with_offsets_keeps_its_midnights(tmp_path: Path) -> None:
    months = [datetime(2018 + i // 12, i % 12 + 1, 1, tzinfo=BERLIN).isoformat() for i in range(63)]
    path = write(tmp_path / "months.csv", "time,y", months[:60], wave(60))
    assert [text[:19] for text in ahead(path)] == [text[:19].replace("T", " ") for text in months[60:]]
    lines = tmp_path / "months.ndjson"
    lines.write_text("\n".join(json.dumps({"time": t, "y": y}) for t, y in zip(months, wave(60), strict=False)))
    assert [text[:19] for text in ahead(str(lines))] == [text[:19].replace("T", " ") for text in months[60:]]


def test_last_working_days_are_a_monthly_series_and_stay_so(tmp_path: Path) -> None:
    month = np.datetime64("2018-02", "M") + np.arange(66)
    days = np.busday_offset(month.astype("datetime64[D]"), -1, roll="forward").astype(str).tolist()
    path = write(tmp_path / "ends.csv", "ds,y", days[:60], wave(60))
    assert ahead(path, 6) == days[60:]
    assert (
        "a row every month, on the last working day, season 12 steps" in run("forecast", path, "--horizon", "1").stderr
    )


def test_a_pulse_every_ninety_minutes_is_a_season_of_ninety_minutes(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1)
    noise = np.random.default_rng(2).normal(0, 1, 3600)
    path = write(
        tmp_path / "pulse.csv", "time,y",
        [str(start + timedelta(minutes=i)) for i in range(3600)], [10 + 20 * (i % 90 == 0) + noise[i] for i in range(3600)],
    )  # fmt: skip
    assert "season     90 minutes (90 steps)" in run("trend", path).stdout


@pytest.fixture
def till(tmp_path: Path) -> str:
    """Sales of two shops, closed on Mondays; the last day ends at one o'clock."""
    rng, lines, at = np.random.default_rng(1), ["time,shop,amount"], datetime(2024, 1, 2, 9)
    while at < datetime(2024, 3, 28, 13):
        if at.weekday() != 0 and 9 <= at.hour < 18 and rng.random() < 0.25:
            lines.append(f"{at},{'AB'[int(rng.integers(2))]},{int(rng.integers(1, 9))}")
        at += timedelta(minutes=7)
    path = tmp_path / "till.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_rows_become_one_a_day_and_closed_days_stay_closed(till: str) -> None:
    result = run(
        "forecast", till, "--key", "shop", "--value", "amount", "--every", "day", "--agg", "sum", "--horizon", "6"
    )
    found = rows(result.stdout)
    assert [row["time"] for row in found if row["key"] == "A"] == [
        "2024-03-28", "2024-03-29", "2024-03-30", "2024-03-31", "2024-04-02", "2024-04-03"
    ]  # fmt: skip
    assert "left out: the last day, from 2024-03-28, is not whole" in result.stderr
    assert "closed, so no zero: Mondays" in result.stderr and "a row every day but Monday" in result.stderr


def test_figures_of_days_are_what_the_rows_add_up_to(till: str) -> None:
    lines = [line.split(",") for line in Path(till).read_text().splitlines()[1:]]
    figures = {
        "sum": sum, "count": len, "mean": np.mean, "max": max, "median": np.median,
        "first": lambda cells: cells[0], "last": lambda cells: cells[-1],
    }  # fmt: skip
    for how, figure in figures.items():
        result = run("detect", till, "--value", "amount", "--every", "day", "--agg", how)
        days = {row["time"]: float(row["value"]) for row in rows(result.stdout)}
        assert len(days) >= 70
        for day in ("2024-01-02", "2024-02-15", "2024-03-27"):
            assert days[day] == pytest.approx(figure([float(cells[2]) for cells in lines if cells[0].startswith(day)]))


def test_spans_follow_the_clock_of_the_zone_and_silence_is_zero(tmp_path: Path) -> None:
    at = [datetime(2024, 3, 25, tzinfo=UTC) + timedelta(hours=i) for i in range(-1, 24 * 14 - 1) if not 60 <= i < 84]
    path = parquet(tmp_path / "hours.parquet", at, [1.0] * len(at))
    found = rows(run("detect", path, "--every", "day", "--agg", "count").stdout)
    counts = {row["time"][:10]: float(row["value"]) for row in found}
    assert counts["2024-03-31"] == 23 and counts["2024-04-02"] == 24 and counts["2024-03-28"] == 11


def test_half_a_question_about_spans_is_refused(till: str) -> None:
    for options, message in (
        (("--every", "day"), "--every needs --agg"),
        (("--agg", "sum"), "--agg needs --every"),
        (("--every", "fortnight", "--agg", "sum"), "'fortnight' is no span of time"),
    ):
        result = run("trend", till, "--value", "amount", *options)
        assert result.exit_code == 2 and message in result.stderr


def test_drift_fails_a_pipeline_only_where_asked_and_where_there_is_some(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    same = [
        write(tmp_path / f"{i}.csv", "age,city", rng.normal(40, 9, 300), rng.choice(list("ab"), 300)) for i in range(2)
    ]
    other = write(tmp_path / "other.csv", "age,city", rng.normal(60, 9, 300), rng.choice(list("ab"), 300))
    assert run("drift", *same, "--fail-on-drift").exit_code == 0
    assert run("drift", same[0], other).exit_code == 0
    failed = run("drift", same[0], other, "--fail-on-drift", "--json")
    assert failed.exit_code == 1 and json.loads(failed.stdout)["columns"]
