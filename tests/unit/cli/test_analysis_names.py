"""Names in files (keys, codes, regions) reach every command as they are written; what a column is no other row decides."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hindcast.cli import main

KEYS = [
    "007",
    "7",
    "1E5",
    "100000",
    "NA",
    "null",
    "9007199254740993",
    "9007199254740992",
    "+41 44",
    "0x1F",
    "TRUE",
    "1.0",
]


def run(*args: str) -> Result:
    result = CliRunner().invoke(main, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


def series(path: Path, keys: list[str], name: str = "unique_id") -> str:
    chance = random.Random(1)
    lines = [f"{key},2026-01-{day:02d},{chance.gauss(10, 1):.2f}" for key in keys for day in range(1, 29)]
    path.write_text(f"{name},ds,y\n" + "\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("keys", [KEYS, ["007", "012"], ["1E5", "2E7"], ["NA"], ["7", "07"]], ids=",".join)
def test_keys_are_what_the_file_says_alone_and_beside_others(keys: list[str], tmp_path: Path) -> None:
    path = series(tmp_path / "f.csv", keys)
    detected = csv.DictReader(io.StringIO(run("detect", path).stdout))
    assert list(dict.fromkeys(row["key"] for row in detected)) == keys
    forecast = csv.DictReader(io.StringIO(run("forecast", path, "--horizon", "2").stdout))
    assert sorted({row["key"] for row in forecast}) == sorted(keys)
    found = json.loads(run("trend", path, "--json").stdout)
    assert sorted(str(one["key"]) for one in found["series"]) == sorted(keys)


def test_a_named_key_and_numbers_with_leading_zeros_as_values(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "shop,t,count\n" + "".join(f"{shop},{i:03d},{i % 7:04d}\n" for shop in ("01", "1") for i in range(30))
    )
    found = csv.DictReader(
        io.StringIO(run("detect", str(path), "--key", "shop", "--time", "t", "--value", "count").stdout)
    )
    rows = list(found)
    assert {row["key"] for row in rows} == {"01", "1"}
    assert [float(row["value"]) for row in rows[:8]] == [0, 1, 2, 3, 4, 5, 6, 0]


def sample(path: Path, **columns: list[str]) -> str:
    chance = random.Random(len(columns) + len(path.name))
    rows = [
        ",".join([*(chance.choice(of) for of in columns.values()), f"{chance.gauss(9, 1):.3f}"]) for _ in range(400)
    ]
    path.write_text(",".join([*columns, "amount"]) + "\n" + "\n".join(rows) + "\n")
    return str(path)


def drift(before: str, now: str) -> dict[str, dict[str, object]]:
    found = json.loads(run("drift", before, now, "--json").stdout)
    return {column["name"]: column for column in found["columns"]}


@pytest.mark.parametrize(
    ("before", "now", "unseen"),
    [
        (["001", "002", "003"], ["001", "002", "W10"], ["W10"]),
        (["001", "002", "W10"], ["001", "002", "003"], ["003"]),
        (["EU", "US"], ["NA"], ["NA"]),
        (["7", "8"], ["007", "8"], ["007"]),
        (["true", "false"], ["true", "maybe"], ["maybe"]),
    ],
)
def test_a_new_category_is_the_drift_and_other_columns_are_told(
    before: list[str], now: list[str], unseen: list[str], tmp_path: Path
) -> None:
    found = drift(sample(tmp_path / "a.csv", code=before), sample(tmp_path / "b.csv", code=now))
    assert found["code"]["drifted"]
    assert set(unseen) <= set(found["code"]["unseen"])  # pyright: ignore[reportArgumentType]
    assert found["amount"]["status"] == "compared" and not found["amount"]["drifted"]


def test_a_column_that_changed_its_type_is_the_drift(tmp_path: Path) -> None:
    chance = random.Random(3)
    numbers = [f"{chance.gauss(5, 1):.4f}" for _ in range(2000)]
    names = [f"person {i}" for i in range(2000)]
    a, b = sample(tmp_path / "a.csv", x=numbers), sample(tmp_path / "b.csv", x=names)
    for before, now in ((a, b), (b, a)):
        found = drift(before, now)
        assert (found["x"]["kind"], found["x"]["drifted"], found["amount"]["drifted"]) == ("mixed", True, False)
    assert "column 'x', row 1: 'person" in run("drift", a, b).stderr
    few = sample(tmp_path / "c.csv", x=[*numbers, "unknown"])
    assert not drift(a, few)["x"]["drifted"]


def test_the_same_codes_in_parquet_and_in_csv_are_the_same(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = sample(tmp_path / "a.csv", code=["001", "002", "9"])
    with Path(path).open() as file:
        rows = list(csv.DictReader(file))
    table = pa.table({"code": [row["code"] for row in rows], "amount": [float(row["amount"]) for row in rows]})
    pq.write_table(table, tmp_path / "b.parquet")
    found = drift(path, str(tmp_path / "b.parquet"))
    assert [column["status"] for column in found.values()] == ["compared", "compared"]
    assert not any(column["drifted"] for column in found.values())


def test_a_header_over_two_lines_names_a_column_of_correlate(tmp_path: Path) -> None:
    path, chance = tmp_path / "f.csv", random.Random(1)
    level = [chance.gauss(0, 1) for _ in range(200)]
    rows = "".join(f"{i};{v:.3f};{v + chance.gauss(0, 0.1):.3f}\n" for i, v in enumerate(level))
    path.write_text(f'"t\n(hours)";" Sales, EUR";costs\n{rows}')
    found = json.loads(run("correlate", str(path), "--time", "t\n(hours)", "--json").stdout)
    assert [(pair["first"], pair["second"], pair["significant"]) for pair in found["pairs"]] == [
        ("Sales, EUR", "costs", True)
    ]
