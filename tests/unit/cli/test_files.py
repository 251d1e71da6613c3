"""Files as people have them: of every format, gzipped, cut off, with a byte order mark."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events.errors import Rejected
from files import rows as files
from files.rows import Row, open_rows

ROWS = [{"type": "a", "n": 1, "text": "x, “y”"}, {"type": "b", "n": 2.5, "text": None}]


def read(path: Path, format: Any = None) -> list[Row]:
    with open_rows(str(path), format) as opened:
        return list(opened.rows)


def fields(path: Path) -> list[dict[str, Any]]:
    return [row.fields for row in read(path)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("array.json", json.dumps(ROWS)),
        ("pretty.json", json.dumps(ROWS, indent=2)),
        ("bom.json", "\ufeff" + json.dumps(ROWS)),
        ("one-after-the-other.json", "\n".join(map(json.dumps, ROWS))),
        ("lines.ndjson", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("lines.jsonl", "\r\n".join(map(json.dumps, ROWS))),
        ("table.csv", 'type,n,text\na,1,"x, “y”"\nb,2.5,\n'),
        ("table.tsv", 'type\tn\ttext\na\t1\t"x, “y”"\nb\t2.5\t\n'),
        ("unnamed", json.dumps(ROWS)),
    ],
)
def test_every_text_format_gives_the_same_rows_also_gzipped(tmp_path: Path, name: str, text: str) -> None:
    plain = write(tmp_path / name, text)
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert fields(plain) == fields(packed) == ROWS
    assert [row.number for row in read(plain)] == [1, 2]


def test_parquet_values_become_json(tmp_path: Path) -> None:
    at = dt.datetime(2026, 1, 31, 9, 30)
    table = pa.table({"at": [at], "nan": [float("nan")], "raw": [b"ab"], "list": [[{"x": 1}]], "day": [at.date()]})
    pq.write_table(table, tmp_path / "x.parquet")
    (tmp_path / "x.parquet.gz").write_bytes(gzip.compress((tmp_path / "x.parquet").read_bytes()))
    row = {"at": "2026-01-31T09:30:00Z", "nan": None, "raw": "YWI=", "list": [{"x": 1}], "day": "2026-01-31"}
    assert fields(tmp_path / "x.parquet") == fields(tmp_path / "x.parquet.gz") == [row]


def test_values_longer_than_a_block_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 7)
    rows = [{"n": i, "text": "é" * i, "deep": {"list": [1, [2]]}} for i in range(60)]
    assert fields(write(tmp_path / "x.json", json.dumps(rows))) == rows


def test_a_bad_line_spoils_no_other(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "x.ndjson", '{"a": 1}\n{"a": \n[1]\n{"a": 2}\n'))
    assert [bool(row.fault) for row in rows] == [False, True, True, False]
    assert "must be an object" in rows[2].fault


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": ', '[{"a": 1}, {"a": NaN}]', '[{"a": 1}, nonsense]'])
def test_a_broken_array_gives_its_good_rows_and_says_where_it_ends(tmp_path: Path, text: str) -> None:
    good, bad = read(write(tmp_path / "x.json", text))
    assert good.fields == {"a": 1}
    assert bad.number == 2
    assert "is not JSON" in bad.fault


def test_csv_columns_keep_what_is_no_number(tmp_path: Path) -> None:
    text = "zip,price,flag,mixed,late\n00501,1e3,true,1,5\n10001,-2.5,false,A1,\n"
    [first, second] = fields(write(tmp_path / "x.csv", text))
    assert first == {"zip": "00501", "price": 1000.0, "flag": True, "mixed": "1", "late": 5}
    assert second == {"zip": "10001", "price": -2.5, "flag": False, "mixed": "A1", "late": None}


def test_a_csv_row_of_another_width_is_named(tmp_path: Path) -> None:
    assert read(write(tmp_path / "x.csv", "a,b\n1,2\n3\n"))[1] == Row(2, {}, "has 1 cells, the header 2")
    with pytest.raises(Rejected, match="name each column once"):
        read(write(tmp_path / "y.csv", "a,a\n1,2\n"))


def test_damaged_files_are_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(json.dumps(ROWS * 999).encode())[:-200])
    with pytest.raises(Rejected, match="is damaged"):
        read(tmp_path / "cut.json.gz")
    (tmp_path / "latin.csv").write_bytes("a\ncafé\n".encode("latin-1"))
    with pytest.raises(Rejected, match="is not UTF-8"):
        read(tmp_path / "latin.csv")
    (tmp_path / "no.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(Rejected, match="no Parquet file"):
        read(tmp_path / "no.parquet")
    with pytest.raises(Rejected, match="cannot read"):
        read(tmp_path / "absent.csv")
