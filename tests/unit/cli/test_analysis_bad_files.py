"""Files as they come: every fault is one line that names it, or a treatment that is said; no number that is none."""

from __future__ import annotations

import gzip
import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hindcast.cli import main

TIMES = [str(datetime(2026, 1, 1) + timedelta(hours=i)) for i in range(80)]
VALUES: list[Any] = [(i % 24) + i / 10 for i in range(80)]


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), catch_exceptions=False)


def text(values: list[Any] = VALUES, times: list[str] = TIMES) -> str:
    return "time,value\n" + "".join(f"{t},{v}\n" for t, v in zip(times, values, strict=True))


def put(cells: list[Any], at: int, cell: Any) -> list[Any]:
    return [*cells[:at], cell, *cells[at + 1 :]]


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty: it needs a header and rows"),
    "header only": ("time,value\n", "has no rows"),
    "text among numbers": (text(put(VALUES, 40, "abc")), "column 'value', row 41: 'abc' is not a number; write it like"),
    "another date format": (text(times=put(TIMES, 50, "31/01/2026")), "column 'time', row 51: '31/01/2026' is not a time"),
    "zones here and there": (text(times=put(TIMES, 5, TIMES[5] + "Z")), "row 6: times with and without a zone are mixed"),
    "no such columns": ("a,b\nx,y\n", "which column is the time? There are 'a', 'b': name it (--time)"),
    "a cell too many": (text() + "2026-02-01,1,2\n", "row 81 does not fit the header: 3 cells, not 2"),
    "names twice": ("time,value,value\n2026-01-01,1,2\n", "two columns are named 'value'"),
    "binary": (b"\x00\x8f\x07\x00" * 500, "is binary"),
    "workbook": (b"PK\x03\x04" + b"\x07" * 100, "save the sheet as CSV"),
    "cut Parquet": (b"PAR1" + b"\x07" * 100, "cannot be read"),
    "cut gzip": (gzip.compress(text().encode())[:100], "is damaged"),
    "Latin-1 cell": (text().encode() + "2026-02-01,café\n".encode("latin-1"), "column 'value' is not UTF-8"),
    "Latin-1 header": ("time,café\n2026-01-01,1\n".encode("latin-1"), "not UTF-8"),
    "broken JSON": ('{"time": "2026-01-01", "value": 1}\n{oops\n', "row 2 is not JSON"),
    "JSON of lists": ('{"time": "2026-01-01", "value": 1}\n[1]\n', "row 2 must be an object"),
    "mixed JSON": ('{"time": 1, "value": 1}\n{"time": 2, "value": "x"}\n', "row 2: 'x' is not a number"),
    "times beyond measure": ("time,value\n1e300,1\n2e300,2\n", "column 'time' reaches 2e+300"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
@pytest.mark.parametrize("command", [["detect"], ["trend"], ["forecast", "--horizon", "2"]], ids=lambda c: c[0])
def test_what_cannot_be_read_is_named_in_one_line(command: list[str], fault: str, tmp_path: Path) -> None:
    content, said = REFUSED[fault]
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run(command[0], str(path), *command[1:])
    assert (result.exit_code, result.stdout) == (2, "")
    error = result.stderr.splitlines()[-1]
    assert error.startswith(f"Error: {path}: ")
    assert said in error


TREATED: dict[str, str] = {
    "one row": text(VALUES[:1], TIMES[:1]),
    "all null": text([""] * 80),
    "constant": text([5] * 80),
    "infinite": text(put(VALUES, 40, "inf")),
    "beyond a float": text(put(VALUES, 40, "1e400")),
    "huge": text(put(VALUES, 40, "1e308")),
    "all huge": text([(-1) ** i * 1.7e308 for i in range(80)]),
    "one time twice": text(times=put(TIMES, 41, TIMES[40])),
    "no time": text(times=put(TIMES, 50, "")),
    "unordered": text(times=TIMES[::-1]),
    "several zones": text(times=[t + ("Z" if i % 2 else "+02:00") for i, t in enumerate(TIMES)]),
    "a gap of a year": text() + "2027-06-01 00:00:00,3\n2027-06-01 01:00:00,4\n",
    "the end of time": text(times=put(TIMES, 50, "9999-12-31 00:00:00")),
    "semicolons": text().replace(",", ";"),
    "Windows": "\ufeff" + text().replace("\n", "\r\n"),
}

ANSWERED = {"constant", "huge", "unordered", "several zones", "semicolons", "Windows"}
"""By every command."""


@pytest.mark.parametrize("kind", TREATED)
@pytest.mark.parametrize("command", [["detect"], ["trend"], ["forecast", "--horizon", "2"]], ids=lambda c: c[0])
def test_what_is_odd_gives_numbers_or_a_reason_and_never_a_nan(command: list[str], kind: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(TREATED[kind], newline="")
    result = run(command[0], str(path), *command[1:], "--json")
    if result.exit_code:
        assert result.exit_code == 2
        assert kind not in ANSWERED
        assert result.stderr.splitlines()[-1].startswith(f"Error: {path}: ")
        return
    for cell in numbers(json.loads(result.stdout)):
        assert math.isfinite(cell)


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers(item)]
    return [value] if isinstance(value, float) else []


def test_forecast_names_both_rows_of_one_time_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text(TREATED["one time twice"])
    assert (
        "rows 41 and 42 have the same time; name the series' column with --key"
        in run("forecast", str(path), "--horizon", "2").stderr
    )


def test_a_column_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text())
    for command in (["detect"], ["trend"], ["forecast", "--horizon", "2"]):
        result = run(command[0], str(path), *command[1:], "--value", "sales")
        assert "there is no column 'sales' for the value; there are 'time', 'value'" in result.stderr
    assert "there is no column 'sales'" in run("correlate", str(path), "--values", "sales,value").stderr
    assert "there is no column 'sales'" in run("drift", str(path), str(path), "--columns", "sales").stderr


def test_a_suffix_that_says_no_format_is_refused_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text())
    result = run("detect", str(path), "--out", str(tmp_path / "o.xlsx"))
    assert result.exit_code == 2
    assert "the suffix says the format" in result.stderr
    assert run("forecast", str(path), "--horizon", "2", "--out", str(tmp_path / "no" / "o.csv")).exit_code == 2


def test_drift_says_which_file_has_text_where_the_other_has_numbers(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(text())
    bad.write_text(text(put(VALUES, 40, "abc")))
    assert f"{bad}: column 'value', row 41: 'abc' is not a number" in run("drift", str(good), str(bad)).stderr


def test_a_kind_that_changes_far_down_a_file_is_named_where_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("time,value\n" + "".join(f"{i},{i}\n" for i in range(1, 200_000)) + "200000,abc\n")
    assert "column 'value', row 200000: 'abc' is not a number" in run("trend", str(path)).stderr
