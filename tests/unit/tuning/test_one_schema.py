"""A model's schema says how each column is read: what stands in the other rows of a file changes nothing of a row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from analytics.models.schema import F32, Schema
from hindcast.cli import main
from tuning.data.column_types import schema_of
from tuning.data.preparation import prepare
from tuning.data.tables import as_columns, read_columns, read_file, read_for

RNG = np.random.default_rng(5)
KINDS: dict[str, list[str]] = {
    "codes": ["01", "02", "X9"],
    "exponents": ["1E5", "100000", "2E3", "A7"],
    "regions": ["NA", "EU", "null", "None", ""],
    "zip codes": ["00501", "10001", "94016"],
    "phones": ["+41446681800", "0446681800", "unknown"],
    "hex": ["0x1F", "1F", "31", "e1"],
    "huge": ["9007199254740993", "9007199254740992", "9007199254740991"],
    "answers": ["yes", "no", "TRUE", "1"],
    "truth": ["TRUE", "FALSE", ""],
    "numbers with gaps": ["1", "2.50", "NA", "", "1e2", "-3"],
    "euros": ["1.234,50", "2.345", "17,5", ""],
    "dollars": ["$1,234.50", "$7", ""],
    "days": ["2026-01-31", "2026-02-28", ""],
    "days first": ["31.12.2025", "01.02.2026", ""],
    "clock": ["10:30:00", "00:05:10", ""],
    "zero or more": ["0", "1", "2", "3+"],
}


def put(path: Path, cells: list[str], more: int | None = None) -> Path:
    values = RNG.normal(size=len(cells)) if more is None else RNG.normal(size=(more, len(cells)))[0]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["of", "other"])
        writer.writerows(zip(cells, values, strict=True))
    return path


def matrix(schema: Schema, path: Path) -> F32:
    return schema.matrix(read_for(schema, read_file(path)))[:, : -1 if schema.columns[-1].name == "other" else None]


def same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_reads_alike_alone_and_among_any_others(kind: str, tmp_path: Path) -> None:
    cells = [str(cell) for cell in RNG.choice(KINDS[kind], 300)]
    train = put(tmp_path / "train.csv", cells)
    columns = read_columns(train)
    schema, _ = schema_of(columns, apart={})
    assert not schema.columns[0].dropped, schema.columns[0]
    whole = schema.matrix(columns)[:, :-1]
    assert same(matrix(schema, train), whole)
    of = {cell: whole[i] for i, cell in enumerate(cells)}
    for some in [[cell] for cell in KINDS[kind]] + [KINDS[kind][:2], KINDS[kind][1:], [KINDS[kind][-1]] * 3]:
        found = matrix(schema, put(tmp_path / "new.csv", some))
        assert all(same(row, of[cell]) for row, cell in zip(found, some, strict=True)), some


def test_different_spellings_are_different_levels(tmp_path: Path) -> None:
    for kind in ("codes", "exponents", "regions", "zip codes", "huge", "phones", "hex"):
        columns = read_columns(put(tmp_path / "train.csv", [str(c) for c in RNG.choice(KINDS[kind], 300)]))
        schema, _ = schema_of(columns, apart={})
        assert sorted(schema.columns[0].levels) == sorted(cell for cell in KINDS[kind] if cell), kind


def test_a_table_of_another_format_is_read_by_the_same_schema(tmp_path: Path) -> None:
    train = put(tmp_path / "train.csv", [str(c) for c in RNG.choice(["1", "2", "X9", ""], 300)])
    schema, _ = schema_of(read_columns(train), apart={})
    new = put(tmp_path / "new.csv", ["1", "2", "1"])
    wanted = matrix(schema, new)
    pq.write_table(pa_csv.read_csv(new), tmp_path / "new.parquet")  # whole numbers there
    (tmp_path / "new.ndjson").write_text("".join(json.dumps({"of": c, "other": 1.0}) + "\n" for c in (1, "2", 1)))
    assert same(matrix(schema, tmp_path / "new.parquet"), wanted)
    assert same(matrix(schema, tmp_path / "new.ndjson"), wanted)


def test_whole_numbers_beyond_float64_are_told_apart_in_every_format(tmp_path: Path) -> None:
    ids = [2**53 + 1, 2**53, 2**53 + 2] * 40
    pq.write_table(pa.table({"of": ids}), tmp_path / "t.parquet")
    wanted = [str(i) for i in ids]
    assert as_columns(tmp_path / "t.parquet")["of"].tolist() == wanted
    import pandas as pd

    for rows in (len(ids), 3):
        assert as_columns(pd.DataFrame({"of": ids[:rows]}))["of"].tolist() == wanted[:rows]


def test_groups_are_names_as_they_are_written(tmp_path: Path) -> None:
    from tuning.config import Config

    path = tmp_path / "t.csv"
    names = ["7", "07", "1E1", "10", "NA", "0x7", "8", "9", "11", "12"]
    rows = "".join(f"{names[i % 10]},{RNG.normal()},{RNG.normal()}\n" for i in range(200))
    path.write_text("shop,x,y\n" + rows)
    columns = as_columns(path, as_written=["shop"])
    prepared = prepare(columns, Config("y", group_col="shop"))
    assert prepared.groups is not None
    assert set(prepared.groups.tolist()) == set(names)


def test_a_time_column_of_numbers_with_leading_zeros_or_in_nanoseconds_orders(tmp_path: Path) -> None:
    from tuning.config import Config

    for cells in ([f"{i:05d}" for i in range(200)], [str(1_767_225_600_000_000_000 + i * 10**9) for i in range(200)]):
        path = tmp_path / "t.csv"
        path.write_text("t,x,y\n" + "".join(f"{t},{RNG.normal():.9f},{RNG.normal():.9f}\n" for t in cells))
        prepared = prepare(as_columns(path), Config("y", time_col="t"))
        assert prepared.split.holdout.tolist() == list(range(160, 200))


@pytest.mark.slow
def test_a_prediction_does_not_depend_on_its_neighbours_and_carries_ids(tmp_path: Path) -> None:
    rows = [(str(RNG.choice(["01", "02", "X9"])), str(RNG.choice(["NA", "EU"])), i % 60 + 20) for i in range(400)]
    # Nine in ten are told by the branch: all of them would make it a copy of the target.
    answers = ["no" if (branch == "02") != (RNG.random() < 0.1) else "yes" for branch, _, _ in rows]
    train, model = tmp_path / "train.csv", str(tmp_path / "model")
    lines = [f"{b},{r},{a},{y}" for (b, r, a), y in zip(rows, answers, strict=True)]
    train.write_text("branch,region,age,bought\n" + "\n".join(lines) + "\n")

    def run(*args: str) -> None:
        result = CliRunner().invoke(main, list(args), catch_exceptions=False)
        assert result.exit_code == 0, result.output

    run("automl", str(train), "--target", "bought", "--trials", "2", "--out", model, "--quiet")

    def predicted(cells: list[tuple[str, str, int]]) -> list[dict[str, str]]:
        new, out = tmp_path / "new.csv", tmp_path / "out.csv"
        new.write_text(
            "no,branch,region,age\n" + "".join(f"{i:04d},{b},{r},{a}\n" for i, (b, r, a) in enumerate(cells))
        )
        run("predict", model, str(new), "--out", str(out), "--id", "no", "--id", "branch")
        with out.open() as file:
            return list(csv.DictReader(file))

    only_numbers = [("01", "NA", 30), ("02", "NA", 40)]
    together = predicted([*only_numbers, ("X9", "EU", 50)])
    assert [(row["no"], row["branch"]) for row in together] == [("0000", "01"), ("0001", "02"), ("0002", "X9")]
    assert predicted(only_numbers) == together[:2]
    assert predicted(only_numbers[:1])[0] == together[0]
    assert [row["prediction"] for row in together] == ["yes", "no", "yes"]
    said = CliRunner().invoke(
        main, ["predict", model, str(tmp_path / "new.csv"), "--id", "nr", "--out", str(tmp_path / "o.csv")]
    )
    assert "column 'nr'" in said.stderr and "the id is not in the file" in said.stderr
