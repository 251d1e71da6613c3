"""Every defect a file may have, put to all five commands: refused with file, column and row, or treated as said.

Of each defect: the content, what is said by default, and by commands that say or do something else. What begins with
``!`` is an error (exit code 2); else the words are somewhere in what the command writes.
"""

from __future__ import annotations

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
OTHERS: list[Any] = [(i * i * 7919) % 101 / 10 for i in range(84)]
COMMANDS = ("detect", "trend", "correlate", "drift", "forecast")


def text(values: list[Any] = VALUES, times: list[str] = TIMES) -> str:
    rows = zip(times, values, OTHERS, strict=False)
    return "time,value,other\n" + "".join(f"{time},{value},{other}\n" for time, value, other in rows)


def put(cells: list[Any], at: int, cell: Any) -> list[Any]:
    return [*cells[:at], cell, *cells[at + 1 :]]


ZONES = [time + ("Z" if i % 2 else "+02:00") for i, time in enumerate(TIMES)]
LEFT_OUT = "left out, times: time"
DEFECTS: dict[str, tuple[str | bytes, dict[str, str]]] = {
    "empty": ("", {"": "!is empty: it needs a header and rows"}),
    "header only": ("time,value,other\n", {"": "!has no rows: there is nothing to compute"}),
    "one row": (text(VALUES[:1], TIMES[:1]), {
        "detect": "1 row not judged", "trend": "not enough data", "correlate": "no relation found",
        "drift": "no drift found", "forecast": "!series 'value': history too short: 1 values"}),
    "all null": (text([""] * 80), {
        "detect": "80 rows without a time or a finite value: not judged", "trend": "not enough data",
        "correlate": "1 pair (1 not enough data)", "drift": "100.0%", "forecast": "!series 'value': history too short: 0"}),
    "constant": (text([5] * 80), {
        "detect": "80 rows: ", "trend": "direction  flat", "correlate": "1 pair (1 constant)", "drift": "value",
        "forecast": "the history is constant"}),
    "text in numbers": (text(put(VALUES, 40, "abc")), {
        "drift": "column 'value', row 41: 'abc' is not a number", "": "!column 'value', row 41: 'abc' is not a number"}),
    "one time twice": (text(times=put(TIMES, 41, TIMES[40])), {
        "detect": "80 rows: ", "trend": "1 rows share their time with another: averaged", "drift": LEFT_OUT,
        "": "!column 'time': rows 41 and 42 have the same time"}),
    "unordered": (text(times=TIMES[::-1]), {
        "detect": "80 rows: ", "trend": "rows were put in order of time", "correlate": "1 pair",
        "drift": LEFT_OUT, "forecast": "season 24 steps"}),
    "several zones": (text(times=ZONES), {
        "detect": "80 rows: ", "trend": "direction", "correlate": "2 steps without a row taken as missing",
        "drift": LEFT_OUT, "forecast": "2 missing steps"}),
    "zones here and there": (text(times=put(TIMES, 5, TIMES[5] + "Z")), {
        "drift": LEFT_OUT, "": "!column 'time', row 6: times with and without a zone are mixed"}),
    "a gap of a year": (text([*VALUES, 3, 4], [*TIMES, "2027-06-01 00:00:00", "2027-06-01 01:00:00"]), {
        "detect": "82 rows: ", "trend": "direction", "correlate": "no regular step: lags count rows",
        "drift": LEFT_OUT, "forecast": "!series 'value': 82 rows spread over 12386 steps (every hour)"}),
    "infinite": (text(put(VALUES, 40, "-inf")), {
        "detect": "1 row without a time or a finite value", "trend": "1 of 80 rows left out",
        "correlate": "1 infinite value taken as missing", "drift": "infinite values taken as missing: value (1)",
        "forecast": "!column 'value', row 41: the value is infinite"}),
    "beyond a float": (text(put(VALUES, 40, "1e400")), {
        "detect": "1 row without a time or a finite value", "trend": "1 of 80 rows left out",
        "correlate": "1 infinite value taken as missing", "drift": "infinite values taken as missing: value (1)",
        "forecast": "!column 'value', row 41: the value is infinite"}),
    "1e308": (text(put(VALUES, 40, "1e308")), {
        "detect": "(row 41): 1e+308", "trend": "direction", "correlate": "1 pair", "drift": "value",
        "forecast": "no season"}),
    "all 1e308": (text([(-1) ** i * 1.7e308 for i in range(80)]), {
        "detect": "80 rows", "trend": "direction", "correlate": "1 pair", "drift": "value",
        "forecast": "!series 'value': its forecast or a bound exceeds the largest float64"}),
    "a row without a time": (text(times=put(TIMES, 50, "")), {
        "detect": "1 row without a time", "trend": "1 row without a time left out",
        "correlate": "1 row without a time left out", "drift": LEFT_OUT, "forecast": "!column 'time', row 51: no time"}),
    "no time at all": (text(times=[""] * 80), {
        "drift": LEFT_OUT, "": "!column 'time' has no time in any row: name another with --time"}),
    "a date of another kind": (text(times=put(TIMES, 50, "31/01/2026")), {
        "drift": LEFT_OUT, "": "!column 'time', row 51: '31/01/2026' is not a time (ISO 8601)"}),
    "a cell too many": (text() + "2026-02-01,1,2,3\n", {"": "!row 81 does not fit the header: 4 cells, not 3"}),
    "not UTF-8": (text().encode() + b"2026-02-01,caf\xe9,2\n", {"": "!column 'value' is not UTF-8"}),
    "binary": (b"\0\1" * 500, {"": "!is binary, not CSV, NDJSON or Parquet"}),
    "broken JSON": ('{"time": 1, "value": 1, "other": 2}\n{oops\n', {"": "!row 2 is not JSON"}),
}  # fmt: skip


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), catch_exceptions=False)


def asked(command: str, bad: Path) -> list[str]:
    good = bad.with_name("good.csv")
    good.write_text(text())
    return {"drift": ["drift", str(good), str(bad)], "forecast": ["forecast", str(bad), "--horizon", "2"]}.get(
        command, [command, str(bad)]
    )


def no_number(constant: str) -> None:
    raise AssertionError(f"{constant} is presented as a result")


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_defect_is_named_or_treated_and_no_result_is_nan(command: str, defect: str, tmp_path: Path) -> None:
    content, by_command = DEFECTS[defect]
    said = by_command.get(command, by_command.get("", ""))
    bad, out = tmp_path / "bad.csv", tmp_path / "out.ndjson"
    bad.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = asked(command, bad)
    plain = run(*line)
    if said.startswith("!"):
        assert (plain.exit_code, plain.stdout) == (2, "")
        error = plain.stderr.splitlines()[-1]
        assert error.startswith(f"Error: {bad}: ")
        assert said[1:] in error
        return
    assert plain.exit_code == 0, plain.stderr
    assert said and said in plain.stdout + plain.stderr
    written = ["--out", str(out)] if command in ("detect", "forecast") else []
    document = json.loads(run(*line, "--json", *written).stdout, parse_constant=no_number)
    assert finite(document)
    if written:
        rows = [json.loads(row, parse_constant=no_number) for row in out.read_text().splitlines()]
        assert finite(rows) and rows


def test_text_among_the_numbers_of_a_column_to_spare_is_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    rows = zip(TIMES, VALUES, OTHERS, put(VALUES, 40, "abc"), strict=False)
    path.write_text("time,a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    result = run("correlate", str(path))
    assert "left out: column 'c', row 41: 'abc' is not a number" in result.stderr
    assert "values: a, b (guessed)" in result.stderr
