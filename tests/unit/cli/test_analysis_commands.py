"""The analysis commands on plain files: what goes in, what comes out, with no system running."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from files import tables, writing
from hindcast.cli import main


def run(*args: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(args), input=input, catch_exceptions=False)


def hours(n: int) -> list[str]:
    return [str(datetime(2026, 1, 1) + timedelta(hours=i)) for i in range(n)]


def day(n: int, slope: float = 0.0) -> list[float]:
    """Hourly values with a daily wave and some noise that is no wave."""
    return [round(100 + 10 * math.sin(i * math.tau / 24) + slope * i + ((i * 7919) % 97) / 97, 4) for i in range(n)]


def write(path: Path, header: str, *columns: Iterable[Any]) -> str:
    lines = [header, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def spike(tmp_path: Path) -> str:
    values = day(400)
    values[350] = 900
    return write(tmp_path / "spike.csv", "timestamp,value", hours(400), values)


def test_detect_writes_a_row_for_each_row_and_tells_of_the_worst(spike: str) -> None:
    result = run("detect", spike)
    found = rows(result.stdout)
    assert result.exit_code == 0
    assert list(found[0])[:7] == ["time", "value", "anomaly_score", "expected", "lower", "upper", "is_anomaly"]
    assert [row["time"] for row in found] == hours(400)
    assert found[350]["is_anomaly"] == "true"
    assert float(found[350]["upper"]) < 900
    assert "time: timestamp (guessed), value: value (guessed), key: none" in result.stderr
    assert "2026-01-15 14:00:00 (row 351): 900" in result.stderr


def test_detect_keeps_the_order_of_a_file_of_many_keys_and_judges_each_by_itself(tmp_path: Path) -> None:
    times = [time for time in hours(300) for _ in "ab"]
    values = [level + wave for wave in day(300) for level in (0, 5000)]
    path = write(tmp_path / "f.csv", "host,at,load", ["a", "b"] * 300, times, values)
    result = run("detect", path, "--key", "host", "--time", "at", "--value", "load")
    found = rows(result.stdout)
    assert [row["key"] for row in found] == ["a", "b"] * 300
    assert sum(row["is_anomaly"] == "true" for row in found) <= 6
    assert "guessed" not in result.stderr


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".ndjson", ".parquet"])
def test_what_detect_writes_in_any_format_is_what_it_can_read(spike: str, tmp_path: Path, suffix: str) -> None:
    out = str(tmp_path / f"out{suffix}")
    result = run("detect", spike, "--out", out)
    assert (result.exit_code, result.stdout) == (0, "")
    again = run("detect", out, "--json")
    assert json.loads(again.stdout)["worst"][0]["row"] == 351


def test_detect_in_json_has_a_summary_and_the_rows_unless_they_went_to_a_file(spike: str, tmp_path: Path) -> None:
    whole = json.loads(run("detect", spike, "--json").stdout)
    assert (whole["count"], len(whole["rows"]), whole["rows"][0]["expected"]) == (400, 400, None)
    out = str(tmp_path / "o.parquet")
    summary = json.loads(run("detect", spike, "--json", "--out", out).stdout)
    assert "rows" not in summary
    assert pq.read_table(out).num_rows == 400


def test_a_pipe_is_read_whatever_it_holds(spike: str) -> None:
    packed = gzip.compress(Path(spike).read_bytes())
    assert len(rows(run("detect", "-", input=packed).stdout)) == 400


def test_trend_says_direction_slope_and_season(tmp_path: Path) -> None:
    path = write(tmp_path / "up.csv", "date,sales", hours(480), day(480, slope=0.05))
    result = run("trend", path)
    assert "direction  up" in result.stdout
    assert "season     1 day (24 steps)" in result.stdout
    found = json.loads(run("trend", path, "--json").stdout)["series"][0]
    assert found["slope"]["per"] == "day"
    assert found["slope"]["value"] == pytest.approx(1.2, rel=0.05)


def test_the_slope_over_numbered_steps_is_that_of_one_step(tmp_path: Path) -> None:
    path = write(tmp_path / "n.csv", "ds,y", range(1, 201), [2 * i + (i * 7919) % 5 for i in range(200)])
    found = json.loads(run("trend", path, "--json").stdout)["series"][0]
    assert found["slope"]["per"] == "step"
    assert found["slope"]["value"] == pytest.approx(2, rel=0.01)


def test_trend_of_many_keys_is_a_line_each(tmp_path: Path) -> None:
    keys = ["up"] * 100 + ["down"] * 100 + ["short"]
    values = [*range(100), *range(100, 0, -1), 1]
    path = write(tmp_path / "k.csv", "key,time,value", keys, [*hours(100), *hours(100), *hours(1)], values)
    result = run("trend", path)
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "up" in lines["up"].split()[1]
    assert "down" in lines["down"].split()[1]
    assert "not enough data" in lines["short"]


def test_correlate_finds_who_follows_whom(tmp_path: Path) -> None:
    noise = [(i * i * 7919 + i * 104729) % 1009 / 1009 for i in range(600)]
    other = [(i * i * 6007 + i * 15485863) % 1013 / 1013 for i in range(600)]
    late = [0.0] * 3 + noise[:-3]
    path = write(tmp_path / "c.csv", "time,ads,orders,rain", hours(600), noise, late, other)
    found = json.loads(run("correlate", path, "--json").stdout)
    [pair] = [p for p in found["pairs"] if p["significant"]]
    assert (pair["first"], pair["second"], pair["lag"]) == ("ads", "orders", 3)
    shown = run("correlate", path, "--values", "ads,rain")
    assert "no relation found" in shown.stdout
    assert "values: ads, rain" in shown.stderr


def test_correlate_puts_rows_in_order_and_lays_gaps_out(tmp_path: Path) -> None:
    noise = [(i * i * 7919 + i * 104729) % 1009 / 1009 for i in range(400)]
    table = list(zip(hours(400), noise, [0.0, *noise[:-1]], strict=True))
    del table[100:110]
    path = write(tmp_path / "g.csv", "time,a,b", *zip(*reversed(table), strict=True))
    result = run("correlate", path, "--max-lag", "3", "--json")
    assert json.loads(result.stdout)["pairs"][0]["lag"] == 1
    assert "10 steps without a row taken as missing" in result.stderr


def test_drift_names_the_columns_that_changed(tmp_path: Path) -> None:
    same = [(i * 7919) % 101 for i in range(500)]
    old = write(tmp_path / "old.csv", "at,n,plan,x", hours(500), same, ["a", "b"] * 250, [1] * 500)
    new = write(tmp_path / "new.csv", "at,n,plan,z", hours(500), same, ["a", "c"] * 250, [1] * 500)
    result = run("drift", old, new)
    assert "drift in 1 of 2 columns" in result.stdout
    assert "left out, times: at" in result.stderr
    assert "only in" in result.stderr
    found = json.loads(run("drift", old, new, "--json", "--columns", "plan,n").stdout)
    assert [(c["name"], c["drifted"]) for c in found["columns"]] == [("plan", True), ("n", False)]


def test_forecast_continues_the_times_as_the_file_writes_them(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "unique_id,ds,y", ["s"] * 120, hours(120), day(120))
    result = run("forecast", path, "--horizon", "3", "--level", "80,99.5")
    found = rows(result.stdout)
    assert list(found[0]) == ["key", "time", "forecast", "lo-80", "hi-80", "lo-99.5", "hi-99.5"]
    assert [row["time"] for row in found] == ["2026-01-06 00:00:00", "2026-01-06 01:00:00", "2026-01-06 02:00:00"]
    for row in found:
        low, high = float(row["lo-99.5"]), float(row["hi-99.5"])
        assert low <= float(row["lo-80"]) <= float(row["forecast"]) <= float(row["hi-80"]) <= high
    assert "every hour" in result.stderr


def test_forecast_of_numbered_steps_counts_on_and_says_which_series_are_too_short(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "unique_id,ds,y", [*["a"] * 40, "b"], [*range(1, 41), 1], [*day(40), 3])
    result = run("forecast", path, "--horizon", "2", "--json")
    found = json.loads(result.stdout)
    assert [(row["key"], row["time"]) for row in found["rows"]] == [("a", 41), ("a", 42)]
    assert [one["key"] for one in found["skipped"]] == ["b"]
    assert "not forecast: 'b'" in result.stderr


def test_a_series_that_a_library_model_chokes_on_is_forecast_by_the_others(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "ds,y", hours(80), [(-1) ** i for i in range(80)])
    assert [float(row["forecast"]) for row in rows(run("forecast", path, "--horizon", "2").stdout)]


def test_the_command_starts_without_the_libraries_it_may_need_later() -> None:
    code = (
        "import sys; from hindcast.cli import main; main(['detect', '--help'], standalone_mode=False);"
        "heavy = {'ray', 'numpy', 'numba', 'scipy', 'pandas', 'pyarrow', 'rich', 'statsforecast'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=600)


@pytest.mark.parametrize(
    "command", ["detect", *(pytest.param(c, marks=pytest.mark.slow) for c in ("trend", "correlate", "drift"))]
)
def test_a_command_starts_without_pandas_and_leaves_it_to_be_found(command: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "time,value,other,plan", hours(400), day(400), day(400)[::-1], ["a", "b"] * 200)
    files = [path] * (2 if command == "drift" else 1)
    code = (
        f"import sys; from hindcast.cli import main; main({[command, *files]}, standalone_mode=False);"
        "assert not {'pandas', 'scipy.stats'} & set(sys.modules);"
        "import pyarrow as pa; assert pa.table({'a': [1]}).to_pandas().shape == (1, 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_in_a_shell_stdout_has_the_rows_alone_and_no_ray_is_loaded(spike: str) -> None:
    code = (
        f"import sys; from hindcast.cli import main; main(['detect', {spike!r}], standalone_mode=False);"
        "assert 'ray' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert len(rows(done.stdout)) == 400
    assert "\x1b[2K" not in done.stderr


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".ndjson", ".parquet"])
def test_long_work_tells_how_far_it_is_while_it_reads_and_writes(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_BATCH", 300)
    table = pa.table({"time": list(range(1000)), "text": [f"a, b {i}" for i in range(1000)]})
    path, heard = str(tmp_path / f"f{suffix}"), list[tuple[int, int]]()
    writing.write(table, path, lambda done, total: heard.append((done, total)))
    assert heard == [(300, 1000), (600, 1000), (900, 1000), (1000, 1000)]
    assert tables.read(path).typed().equals(table)


def test_a_long_file_of_text_is_heard_block_by_block(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "time,value", range(400_000), range(400_000))
    heard = list[tuple[int, int]]()
    tables.read(path, lambda done, total: heard.append((done, total)))
    size = Path(path).stat().st_size
    assert len(heard) > 4
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (size, size)
