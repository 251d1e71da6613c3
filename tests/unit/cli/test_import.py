"""``hindcast import``: what a file's rows become at the door, after it broke off, and the second time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from events.errors import Transient
from hindcast.cli import main
from hindcast.cli.rehearsal import Rehearsal
from hindcast.cli.target import Target
from hindcast.client import columnar, sending
from serve.ingest import Decoded, decode_cloudevents, decode_import

NOW = 1_795_495_200_000_000


class Door(Rehearsal):
    """Decodes as the server does, knows again what it has, and goes away after so many requests."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests = 0
        self.most = 1_000_000
        self.imports: dict[str, dict[str, Any]] = {}

    def import_progress(self, name: str) -> Any:
        found = self.imports.setdefault(name, {"name": name, "rows": 0, "accepted": 0, "finished": False})
        return dict(found)

    def finish_import(self, name: str, rows: int, file: str = "") -> Any:
        assert self.imports[name]["rows"] == rows
        self.imports[name]["finished"] = True
        return dict(self.imports[name])

    def import_table(self, name: str, table: Any, *, first: int = 0) -> Any:
        total, known = sending.empty_receipt(), self.imports[name]
        for call in columnar.import_table(name, table, first):
            assert call.params["first"] == known["rows"], "a part is missing, or comes twice"
            decoded = decode_import(bytes(call.content or b""), call.content_type, NOW)
            total = sending.added(total, self._take(decoded), sending.rows_in(total))
            known["rows"] += decoded.rows
        return total

    def send(self, events: Iterable[Mapping[str, Any]]) -> Any:
        total = sending.empty_receipt()
        for call in sending.send(events):
            part = self._take(decode_cloudevents(bytes(call.content or b""), call.content_type, {}, NOW))
            total = sending.added(total, part, sending.rows_in(total))
        return total

    def _take(self, decoded: Decoded) -> Any:
        self.requests += 1
        if self.requests > self.most:
            raise Transient("the connection was refused")
        new = 0
        for row in decoded.batch.to_pylist():
            new += (row["source"], row["id"]) not in self.rows
            self.rows.setdefault((row["source"], row["id"]), row)
        refused = [
            {"index": r.index, "id": r.id, "field": r.field, "reason": r.reason, "faults": []} for r in decoded.refused
        ]
        return {
            **sending.empty_receipt(),
            "accepted": new,
            "duplicate": decoded.batch.num_rows - new,
            "rejected": refused,
            "rejected_total": len(refused),
        }


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    found = Door()
    monkeypatch.setattr(Target, "client", lambda self: found)
    return found


def run(tmp_path: Path, *args: object) -> Result:
    result = CliRunner().invoke(main, ["import", *map(str, args), "--data-dir", str(tmp_path / "data")])
    assert "Traceback" not in result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def orders(path: Path, rows: int, **columns: Any) -> Path:
    table: dict[str, Any] = {
        "event": ["order.placed"] * rows,
        "user_id": pa.array(range(rows)),
        "created_at": [datetime(2026, 1, 31, 9, 30, tzinfo=UTC)] * rows,
        "amount": [12.5] * rows,
        "currency": ["EUR"] * rows,
        **columns,
    }
    pq.write_table(pa.table({name: values for name, values in table.items() if values is not None}), path)
    return path


def event(n: int, **more: Any) -> dict[str, Any]:
    when = "2026-01-31T09:30:00Z"
    return {
        "specversion": "1.0",
        "id": f"e{n}",
        "source": "shop",
        "type": "seen",
        "time": when,
        "data": {"n": n},
        **more,
    }


def ndjson(path: Path, rows: Iterable[Any]) -> Path:
    text = "".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_parquet_columns_are_attributes_and_properties(tmp_path: Path, door: Door) -> None:
    result = run(tmp_path, orders(tmp_path / "orders.parquet", 3))
    assert result.exit_code == 0, result.output
    assert "type = column event" in result.stderr
    assert "3 accepted, 0 duplicate, 0 rejected" in result.stderr
    row = next(iter(door.rows.values()))
    assert (row["type"], row["subject"], row["source"]) == ("order.placed", "0", "orders")
    assert (row["amount"], row["currency"], row["time"]) == (1250, "EUR", datetime(2026, 1, 31, 9, 30, tzinfo=UTC))
    assert row["id"].endswith("-1")


def test_a_cloud_event_becomes_the_same_row_as_by_send(tmp_path: Path, door: Door) -> None:
    rows = [
        event(1),
        event(2, subject="ada", datacontenttype="application/json"),
        event(3, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        event(4, data=[1, 2]),
        event(5, data=None),
        event(6, data={"revenue": "29.99", "currency": "USD", "text": "Grüße"}),
        {"type": "plain", "id": "e7", "source": "shop", "data": {"a": 1}},
    ]
    run(tmp_path, ndjson(tmp_path / "events.ndjson", rows))
    imported, door.rows = door.rows, {}
    door.send(rows[:-1])
    door.send(rows[-1:])
    ours = {place: {**row, "received": None} for place, row in imported.items()}
    theirs = {place: {**row, "received": None} for place, row in door.rows.items()}
    ours[("shop", "e7")]["time"] = theirs[("shop", "e7")]["time"] = None
    assert ours == theirs


def test_an_import_that_broke_off_goes_on_there_and_a_second_one_adds_nothing(tmp_path: Path, door: Door) -> None:
    file = ndjson(tmp_path / "events.ndjson.gz", (event(n) for n in range(50_000)))
    door.most = 2
    broken = run(tmp_path, file)
    assert broken.exit_code == 3
    assert len(door.rows) == 40_000
    door.most = 1_000_000
    door.requests = 0
    again = run(tmp_path, file)
    assert "goes on after row 40,000" in again.stderr
    assert (again.exit_code, door.requests, len(door.rows)) == (0, 1, 50_000)
    door.rows.clear()  # the server's memory for ids is bounded: the record alone must do
    copy = tmp_path / "renamed.gz"
    copy.write_bytes(file.read_bytes())
    second = run(tmp_path, copy)
    assert "imported already" in second.stderr
    assert not door.rows
    assert run(tmp_path, copy, "--again").exit_code == 0
    assert len(door.rows) == 50_000


def test_parquet_goes_on_in_the_middle_of_a_group(tmp_path: Path, door: Door) -> None:
    file = orders(tmp_path / "orders.parquet", 45_000)
    door.most = 1
    assert run(tmp_path, file).exit_code == 3
    door.most = 1_000_000
    run(tmp_path, file)
    assert sorted(int(id.rpartition("-")[2]) for _, id in door.rows) == list(range(1, 45_001))


def test_refused_rows_are_named_by_their_numbers(tmp_path: Path, door: Door) -> None:
    rows = [event(1), "\n", "{broken\n", event(2, time="yesterday"), event(3, type=""), "[1]\n", event(4)]
    result = run(tmp_path, ndjson(tmp_path / "events.ndjson", rows), "--json")
    assert result.exit_code == 1
    (said,) = json.loads(result.stdout)
    assert (said["rows"], said["accepted"], said["rejected"]) == (6, 2, 4)
    assert sorted(reason["row"] for reason in said["reasons"]) == [2, 3, 4, 5]
    assert "row 3: time is not a time" in result.stderr


def test_a_dry_run_shows_what_would_be_and_sends_nothing(tmp_path: Path, door: Door) -> None:
    file = orders(tmp_path / "orders.parquet", 5, created_at=["2026-01-31 09:30", "soon", None, "1", "2026-01-31"])
    result = run(tmp_path, file, "--dry-run")
    assert result.exit_code == 1
    assert "3 would be accepted" in result.stderr
    assert "row 2: time is not a time" in result.stderr
    assert '"type": "order.placed"' in result.stdout
    assert not door.rows
    assert not (tmp_path / "data").exists(), "a rehearsal left something behind"


def test_patterns_name_several_files_and_ids_of_their_own_are_kept(tmp_path: Path, door: Door) -> None:
    for day in (1, 2):
        orders(tmp_path / f"day-{day}.parquet", 2, order=[f"{day}-a", None])
    result = run(tmp_path, tmp_path / "day-*.parquet", "--id", "order", "--source", "shop")
    assert result.exit_code == 0, result.output
    ids = [id for _, id in door.rows]
    assert {"1-a", "2-a"} < set(ids)
    assert sum(id.endswith("-2") for id in ids) == 2


def test_a_column_with_the_name_of_an_attribute_that_it_is_not_becomes_a_property(tmp_path: Path, door: Door) -> None:
    file = orders(tmp_path / "orders.parquet", 1, type=["B2B"])
    run(tmp_path, file, "--type", "event")
    (row,) = door.rows.values()
    assert (row["type"], json.loads(row["properties"])["type"]) == ("order.placed", "B2B")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none-*.parquet", None, "put a pattern in quotes"),
        ("broken.parquet", b"PAR1 and nothing", "cannot be read"),
        ("huge.ndjson", b"x" * (17 << 20), "is it NDJSON"),
        ("cut.ndjson.gz", gzip.compress(b'{"type":"a"}\n' * 9)[:-9], "cannot be read"),
    ],
    ids=["no file", "no Parquet", "one line", "cut"],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, door: Door, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run(tmp_path, tmp_path / name)
    assert result.exit_code == 2
    assert says in result.stderr
    assert name in result.stderr


def test_a_table_is_mapped_and_the_mapping_is_shown_before(tmp_path: Path, door: Door) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "nr,when,seen,who,cookie,what,total,currency\n"
        "7,2025-03-01 09:30,2025-03-02 00:00,ada,,Order Completed,12.50,AED\n"
        "8,2025-03-01 09:31,,,c-1,Cart Viewed,,\n"
    )
    columns = ["--id", "nr", "--time", "when", "--known", "seen", "--subject", "who", "--anonymous", "cookie"]
    columns += ["--type", "what", "--source", "shop"]
    shown = run(tmp_path, "csv", file, *columns, "--dry-run")
    assert (shown.exit_code, door.rows) == (0, {}), shown.output
    assert "Order Completed" in shown.stdout
    assert "2 would be accepted" in shown.stderr
    assert run(tmp_path, "csv", file, *columns).exit_code == 0
    order, cart = door.rows["shop", "7"], door.rows["shop", "8"]
    assert (order["type"], order["subject"], order["amount"], order["currency"]) == (
        "Order Completed",
        "ada",
        1250,
        "AED",
    )
    assert order["time"] == datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
    assert order["received"] == datetime(2025, 3, 2, tzinfo=UTC), "known later than it happened"
    assert (cart["subject"], cart["anonymous_id"], cart["received"]) == (None, "c-1", cart["time"])


def test_a_record_that_is_lost_costs_reading_and_no_row(tmp_path: Path, door: Door) -> None:
    rows = [event(n) if n % 7 else "{broken\n" for n in range(50_000)]
    file = ndjson(tmp_path / "events.ndjson", rows)
    door.most = 2
    assert run(tmp_path, file).exit_code == 3
    for record in (tmp_path / "data" / "imports").iterdir():
        record.unlink()
    door.most = 1_000_000
    assert run(tmp_path, file).exit_code == 1
    assert len(door.rows) == sum(n % 7 != 0 for n in range(50_000))
