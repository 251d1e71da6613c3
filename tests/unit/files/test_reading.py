"""CSV as it comes from spreadsheets, databases and instruments: what is read is what is written there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events.errors import Rejected
from files.rows import open_rows
from files.tables import Read, read

WANTED = {"day": ["2026-01-01", "2026-01-02"], "Sales, net": ["1,5", "2"]}
FORMS: dict[str, str | bytes] = {
    "commas and quotes": 'day,"Sales, net"\n2026-01-01,"1,5"\n2026-01-02,2\n',
    "semicolons, a comma in the header": '"day";"Sales, net"\n2026-01-01;1,5\n2026-01-02;2\n',
    "semicolons, a comma in the header without quotes": "day;Sales, net\n2026-01-01;1,5\n2026-01-02;2\n",
    "tabs": "day\tSales, net\n2026-01-01\t1,5\n2026-01-02\t2\n",
    "bars": "day|Sales, net\n2026-01-01|1,5\n2026-01-02|2\n",
    "blanks around the names": 'day ," Sales, net "\n2026-01-01,"1,5"\n2026-01-02,2\n',
    "Windows, with its mark": '\ufeffday;"Sales, net"\r\n2026-01-01;1,5\r\n2026-01-02;2\r\n',
    "old Macintosh": 'day;"Sales, net"\r2026-01-01;1,5\r2026-01-02;2\r',
    "blank lines": '\n\nday;"Sales, net"\n\n2026-01-01;1,5\n2026-01-02;2\n\n',
    "a mark at the end of each line": "day;Sales, net;\n2026-01-01;1,5;\n2026-01-02;2;\n",
    "a mark at the end of each row": "day;Sales, net\n2026-01-01;1,5;\n2026-01-02;2;\n",
    "UTF-16": 'day;"Sales, net"\n2026-01-01;1,5\n2026-01-02;2\n'.encode("utf-16"),
}


def put(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def found(folder: Path, content: str | bytes) -> Read:
    return read(put(folder / "f.csv", content))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_csv_is_the_same_table(form: str, tmp_path: Path) -> None:
    assert found(tmp_path, FORMS[form]).written.to_pydict() == WANTED


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("UTF-16", "blank lines")])
def test_rows_that_are_sent_have_the_same_names_and_cells(form: str, tmp_path: Path) -> None:
    with open_rows(put(tmp_path / "f.csv", FORMS[form])) as opened:
        rows = [row.fields for row in opened.rows]
    told = [{name: cell for name, cell in row.items() if cell is not None} for row in rows]
    assert [list(row) for row in told] == [list(WANTED)] * 2
    assert [row["day"] for row in told] == WANTED["day"]


def test_line_ends_within_quotes_are_read_in_names_and_in_cells_of_any_length(tmp_path: Path) -> None:
    long = "a line; of a note, or two\n" * 100_000
    table = found(tmp_path, f'"day\n(UTC)";"note"\n1;"{long}"\n2;"short\n"\n').written
    assert table.to_pydict() == {"day\n(UTC)": ["1", "2"], "note": [long, "short\n"]}
    names = found(tmp_path, f'"{long}";b\n1;2\n').written.column_names
    assert names == [long.strip(), "b"]


def test_a_text_with_other_marks_moves_no_column(tmp_path: Path) -> None:
    rows = "".join(f'{i},"a; b; c | d",{i}\n' for i in range(300))
    assert found(tmp_path, f"id,note,n\n{rows}").written.column_names == ["id", "note", "n"]
    assert found(tmp_path, "a,b\n1;2;3,x\n4;5;6,y\n").written.to_pydict() == {"a": ["1;2;3", "4;5;6"], "b": ["x", "y"]}


def test_cells_are_kept_as_they_are_written_and_typed_only_where_all_of_a_column_are_of_a_type(tmp_path: Path) -> None:
    table = found(
        tmp_path,
        "code,zip,region,n,share,flag,day,big,name\n"
        "1E5,00501,NA,1,1e3,TRUE,2026-01-01,9007199254740993,null\n"
        "X9,10001,EU,NA,,false,,9007199254740992,None\n",
    )
    written = table.written.to_pydict()
    assert written["code"] == ["1E5", "X9"]
    assert written["zip"] == ["00501", "10001"]
    assert (written["region"], written["name"]) == (["NA", "EU"], ["null", "None"])
    assert written["big"] == ["9007199254740993", "9007199254740992"]
    typed = table.typed()
    assert [str(typed.schema.field(name).type) for name in ("code", "zip", "region", "n")] == ["string"] * 3 + ["int64"]
    assert [str(typed.schema.field(name).type) for name in ("share", "flag", "day")] == [
        "double",
        "bool",
        "date32[day]",
    ]
    assert typed["n"].to_pylist() == [1, None]
    assert typed["zip"].to_pylist() == ["00501", "10001"]


def test_texts_of_json_and_parquet_stay_text(tmp_path: Path) -> None:
    rows = [{"key": "007", "at": "2026-01-01T00:00:00"}, {"key": "7", "at": "2026-01-02"}]
    table = read(put(tmp_path / "f.ndjson", "\n".join(map(json.dumps, rows))))
    assert table.written.to_pylist() == rows
    assert pa.types.is_timestamp(table.typed().schema.field("at").type)
    assert read(put(tmp_path / "f.json", json.dumps(rows))).written.to_pylist() == rows
    pq.write_table(pa.table({" key ": ["007", "7"]}), tmp_path / "f.parquet")
    packed = put(tmp_path / "f.parquet.gz", gzip.compress((tmp_path / "f.parquet").read_bytes()))
    assert read(packed).typed().to_pydict() == {"key": ["007", "7"]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n1\n", "row 2 does not fit the header: 1 cells, not 2"),
        ("a,b\n1,2,\n1,2,3\n", "row 1 does not fit the header: 3 cells, not 2"),
        ("a, a\n1,2\n", "two columns are named 'a'"),
        ("a;b\n", "has no rows"),
        ('"a\n', "quotation mark that is never closed"),
        ("a,b\n1,caf\u00e9\n".encode("latin-1"), "column 'b' is not UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_with_its_row(content: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=said):
        found(tmp_path, content)
