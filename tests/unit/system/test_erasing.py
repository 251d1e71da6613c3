"""A person is erased: no byte of the data directory names them, and everything that counts them still does."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.cell import Cell, Limits
from actors.fold import Batch, Outputs
from events.archive.job import Range, archive
from events.archive.log import ArchivedLog
from events.catalog import (
    ALERTS,
    CONTROL,
    DEAD_LETTERS,
    LATE_ROWS,
    METRICS,
    OUTBOX,
    QUARANTINE,
    USER_INTERACTIONS,
    Stream,
    rows,
)
from events.collected import SOCIAL_MEDIA
from events.entry import encode
from events.errors import Rejected
from events.log import Output
from hindcast import erasing, erasure_swap
from hindcast.datadir import DataDir
from hindcast.erasing import erase
from hindcast.exporting import export_subject
from hindcast.log_place import log_of
from hindcast.receipts import Receipt, problems
from query.engine import Engine
from tests.archive.stories import BEGIN, PRODUCER, SECOND, SOURCE, entries, fill, put, record
from tests.laws.toys import Toy

ADA, ANON, MAIL, SECRET = "marker-ada-7731", 'anon/marker ä"7731', "marker7731@example.org", "marker-secret-7731"
MARKERS = (ADA, ANON, MAIL, SECRET, "marker \\u00e4", "marker%20%C3%A4")
OTHER = "marker-ada-77310"
"""Another person, whose name begins with ADA's."""


class Users(Toy):
    """State: who was there, in order; so a saved state has names in it."""

    reads = (USER_INTERACTIONS.name,)

    def initial(self) -> list[str]:
        return []

    def fold(self, state: list[str], batch: Batch) -> tuple[list[str], Outputs]:
        return [*state, *(name for name in batch.table["subject"].to_pylist() if name)], Outputs()

    def dump(self, state: list[str]) -> bytes:
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> list[str]:
        return msgspec.msgpack.decode(data)


def said(log: ArchivedLog, cell: str, stream: Stream, n: int, /, **columns: Any) -> None:
    put(log, cell, Output(stream.name, encode(stream, rows(stream, {"time": BEGIN, "received": BEGIN, **columns}, n))))


def system(data: Path, other: str = OTHER) -> ArchivedLog:
    """A data directory in which one person is everywhere: archived, hot, folded, refused, late, pinned, alerted about."""
    log = log_of(data).open(woken=False)
    fill(log, 300, most=20)
    their = {
        "id": ["order-of-" + ADA, "e-2", "e-3", "e-4"],
        "type": "Order Completed",
        "source": "shop",
        "subject": [ADA, ADA, other, None],
        "anonymous_id": [ANON, None, None, ANON],
        "partition_key": [ADA, ADA, other, ANON],
        "amount": [5, 6, 7, 8],
        "currency": "TRY",
        "properties": [
            json.dumps({"email": MAIL, "note": SECRET}),
            json.dumps({"note": SECRET}),
            '{"plan": "pro"}',
            "{}",
        ],
        "context": [json.dumps({"page": {"path": f"/users/{ADA}"}}), None, '{"page": {"path": "/"}}', None],
    }
    said(log, PRODUCER, USER_INTERACTIONS, 4, **their)
    fill(log, 700, seed=2, most=20)
    cell: Cell[Any] = Cell(Users("users"), log, tenant="demo", now=lambda: 1, limits=Limits(snapshot_rows=50))
    cell.recover()
    while cell.advance():
        pass
    assert log.snapshots("demo/users/0")
    record(log, list(archive(log.log, log.root, [Range(*SOURCE, at, at + 256) for at in (0, 256)])))
    log.blocks.seal(log, SOURCE, 0, log.head(*SOURCE))
    log.trim(*SOURCE, 256)
    said(log, PRODUCER, USER_INTERACTIONS, 4, **{**their, "id": ["h-1", "h-2", "h-3", "h-4"]})
    said(log, PRODUCER, DEAD_LETTERS, 2, type="row.rejected", stream="user_interactions", field="time",
         reason=["no time", f"{MAIL}: twice"],
         payload=[json.dumps({"userId": ANON, "x": SECRET}).encode(), b"{}"])  # fmt: skip
    said(log, "demo/metrics/0", METRICS, 2, type="metric.sampled", metric="orders", key=[ADA, other], count=[2, 1],
         start=BEGIN, width_us=SECOND, revision=0)  # fmt: skip
    said(log, "demo/metrics/0", LATE_ROWS, 1, id="h-1", subject=ADA, metrics=[["orders"]], stream="user_interactions")
    said(log, "demo/alerts/0", ALERTS, 1, type="alert.fired", key=ADA, message=f"Orders of {ADA} rose; {ADA}.")
    said(log, "demo/alerts/0", OUTBOX, 1, channel="mail", body=json.dumps({"text": f"who: {ANON}"}))
    said(log, "demo/users/0", QUARANTINE, 1, fold="users", error=f"KeyError: '{MAIL}'")
    pinned = {"spec": {"name": "churn", "rows": [{"key": ADA, "at": 5}, {"key": other, "at": 5}]}, "by": "bob"}
    said(log, "demo/control/0", CONTROL, 1, type="table.defined", subject="churn", data=json.dumps(pinned))
    (data / "ray").mkdir()
    (data / "ray" / "worker.log").write_text(f"{ADA} crashed")
    DataDir(data).admin_key  # noqa: B018 - makes it
    return log


FIGURES = """SELECT count(*), count(DISTINCT subject), count(DISTINCT anonymous_id), count(DISTINCT id), sum(amount),
  count(DISTINCT row_offset), count(*) FILTER (WHERE properties IS NULL) FROM user_interactions"""


def asked(log: ArchivedLog, sql: str) -> list[list[Any]]:
    return Engine(log).run(sql, tenant="demo").rows()


def everything(data: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as it lies there, and unpacked: entries with their dictionaries, Parquet files."""
    for path in sorted(data.rglob("*")):
        if path.is_file():
            yield str(path), path.name.encode() + path.read_bytes()
            if path.suffix == ".parquet":
                yield f"{path} unpacked", repr(pq.read_table(path).to_pydict()).encode()
    log = log_of(data).open(woken=False)
    for cell in log.cells():
        copy: Any = log.log
        for stream in copy.copy(cell).position.streams:
            for entry in copy.copy(cell).entries(stream, 0):
                if entry.header.rows:
                    body = pa.Codec(entry.header.codec).decompress(entry.payload, entry.header.size, asbytes=True)
                    yield f"{stream} at {entry.header.first}", body
        assert not log.snapshots(cell)
    log.close()


def found(data: Path) -> list[tuple[str, str]]:
    return [(place, marker) for place, data_ in everything(data) for marker in MARKERS
            if marker.encode() in data_]  # fmt: skip


def test_no_byte_names_the_person_and_all_that_counts_still_does(tmp_path: Path) -> None:
    data = tmp_path / "data"
    log = system(data, "somebody else")
    before = (
        asked(log, FIGURES),
        asked(log, "SELECT * FROM user_interactions WHERE subject = 'u1' OR subject = 'somebody else'"),
    )
    chains = [entry.header.chain for entry in log.log.read(*SOURCE, 256, 1 << 30)]
    log.close()
    with pytest.raises(AssertionError):
        list(everything(data))  # there is a saved state
    receipt = erase(data, ADA, [SECRET], "ticket 5")
    assert found(data) == [] and receipt.left == ()
    log = log_of(data).open(woken=False)
    after = (
        asked(log, FIGURES),
        asked(log, "SELECT * FROM user_interactions WHERE subject = 'u1' OR subject = 'somebody else'"),
    )
    assert after == before
    verdicts = [log.verify(cell) for cell in log.cells()]
    assert [verdict.problems for verdict in verdicts if verdict.problems] == []
    assert problems(data, verdicts) == []
    assert [entry.header.chain for entry in log.log.read(*SOURCE, 256, 1 << 30)] == chains, (
        "later entries hang on these"
    )
    stones = [entry for entry in log.log.read(*SOURCE, 256, 1 << 30) if entry.header.tombstone]
    assert stones
    theirs = "SELECT DISTINCT subject, properties, context FROM user_interactions WHERE subject LIKE 'erased-%'"
    assert [row[1:] for row in asked(log, theirs)] == [["{}", None]]
    ((name, key, message, body),) = asked(
        log,
        """SELECT (SELECT DISTINCT subject FROM user_interactions WHERE subject LIKE 'erased-%'),
          (SELECT key FROM metrics WHERE key LIKE 'erased-%'), (SELECT message FROM alerts), (SELECT body FROM outbox)""",
    )
    assert (
        key == name
        and message == f"Orders of {name} rose; {name}."
        and json.loads(body)["text"].startswith("who: erased-")
    )
    assert asked(log, "SELECT count(*) FROM dead_letters") == [[2]]
    log.close()


def test_what_goes_on_afterwards_goes_on_from_the_same_place(tmp_path: Path) -> None:
    data = tmp_path / "data"
    system(data).close()
    erase(data, ADA, [SECRET])
    log = log_of(data).open(woken=False)
    cell: Cell[Any] = Cell(Users("users"), log, tenant="demo", now=lambda: 1)
    cell.recover()
    assert OTHER in cell.state and ADA not in cell.state and sum(one.startswith("erased-") for one in cell.state) == 2
    fill(log, 1_100, seed=3)
    while cell.advance():
        pass
    record(log, list(archive(log.log, log.root, [Range(*SOURCE, 512, 768)])))
    log.trim(*SOURCE, 768)
    heads = log.head(*SOURCE)
    assert sum(max(entry.header.rows, 1) for entry in entries(log)) == heads
    assert [log.verify(cell).problems for cell in log.cells()] == [[]] * len(log.cells())
    told = asked(log, "SELECT count(*) FROM segments")
    assert told == [[3]]
    log.close()


def test_an_erasure_is_on_control_and_in_the_spec_of_a_pinned_table(tmp_path: Path) -> None:
    data = tmp_path / "data"
    system(data).close()
    receipt = erase(data, ADA, [SECRET])
    log = log_of(data).open(woken=False)
    pinned, told = asked(log, "SELECT type, subject, data FROM control ORDER BY row_offset")
    assert told[:2] == ["subject.erased", receipt.id]
    keys = [row["key"] for row in json.loads(pinned[2])["spec"]["rows"]]
    assert keys[0].startswith("erased-") and keys[1] == OTHER
    log.close()


def test_a_receipt_is_signed_and_names_nobody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    system(data).close()
    receipt = erase(data, ADA, [SECRET], "ticket 5")
    (path,) = (data / "erasures").glob("*.json")
    kept = msgspec.json.decode(path.read_bytes(), type=Receipt)
    assert kept == receipt and kept.reference == "ticket 5" and kept.names == 4
    parts = {part.stream: part for part in kept.parts}
    assert parts["user_interactions"].archived_files == 1 and parts["user_interactions"].rows == 9
    assert {"dead_letters", "metrics", "late_rows", "alerts", "outbox", "quarantine", "control"} <= parts.keys()
    path.write_bytes(path.read_bytes().replace(b"ticket 5", b"ticket 6"))
    log = log_of(data).open(woken=False)
    verdicts = [log.verify(cell) for cell in log.cells()]
    log.close()
    assert any("is not what was signed" in problem for problem in problems(data, verdicts))
    assert any("no receipt of an erasure says so" in problem for problem in problems(data, verdicts))


def test_an_erasure_that_is_cut_off_is_nothing_or_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    log = system(data, "somebody else")
    figures = asked(log, FIGURES)
    log.close()
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "remains", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase(data, ADA, [SECRET])
    assert found_raw(data) and not (data / "erasing").exists(), "nothing has happened"
    real, calls = erasure_swap.shutil.rmtree, [0]

    def killed(path: Any, ignore_errors: bool = False) -> None:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        real(path, ignore_errors=ignore_errors)

    with monkeypatch.context() as patch:
        patch.setattr(erasure_swap.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(data, ADA, [SECRET])
    assert (data / "erasing" / "ready").exists()
    erasure_swap.completed(data)
    assert found(data) == [] and not (data / "erasing").exists()
    log = log_of(data).open(woken=False)
    assert asked(log, FIGURES) == figures
    log.close()


def found_raw(data: Path) -> bool:
    return any(ADA.encode() in path.read_bytes() for path in data.rglob("*") if path.is_file())


def test_a_file_that_stays_and_names_the_person_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    system(data).close()
    (data / "cells.json").write_text(json.dumps({"made_for": ADA}))
    assert erase(data, ADA, [SECRET]).left == ("cells.json: its bytes",)


def test_what_cannot_be_erased_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    data = tmp_path / "data"
    log = system(data)
    with pytest.raises(Rejected, match="no row of this subject"):
        erase(data, "nobody-at-all")
    with pytest.raises(Rejected, match="must not be empty"):
        erase(data, " ")
    with pytest.raises(Rejected, match="names the subject"):
        erase(data, ADA, (), f"for {ADA}")
    held = DataDir(data)
    held.claim()
    with pytest.raises(Rejected, match="runs on"):
        erase(data, ADA)
    held.release()
    with pytest.raises(Rejected, match="there is no log"):
        erase(tmp_path / "nothing", ADA)
    assert asked(log, f"SELECT count(*) FROM user_interactions WHERE subject = '{ADA}'") == [[4]]
    log.close()


def test_a_short_name_is_erased_where_it_is_a_whole_value_and_nowhere_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    log = log_of(data).open(woken=False)
    said(log, PRODUCER, USER_INTERACTIONS, 2, id=["1", "2"], subject=["7", "17"], type="7 up", properties='{"n": "7"}')
    log.close()
    receipt = erase(data, "7")
    log = log_of(data).open(woken=False)
    (first, second) = asked(log, "SELECT subject, type, properties FROM user_interactions ORDER BY row_offset")
    assert first[0].startswith("erased-") and first[1:] == ["7 up", "{}"]
    assert second[0] == "17" and "7" not in json.loads(second[2])["n"][:1], (
        "the other's property held the name as a whole"
    )
    assert "fewer than 6 characters" in receipt.not_searched[-1]
    log.close()


def test_what_a_post_says_goes_with_who_wrote_it_and_what_others_say_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    log = log_of(data).open(woken=False)
    columns = {"title": ["A", "B"], "text": ["I live in Izmir", f"@{ADA} is right"], "tags": [[ADA], []]}
    said(log, "demo/posts/0", SOCIAL_MEDIA, 2, type="post.published", subject=[ADA, OTHER], **columns)
    log.close()
    erase(data, ADA)
    log = log_of(data).open(woken=False)
    mine, theirs = asked(log, "SELECT subject, title, text, tags FROM social_media ORDER BY row_offset")
    assert mine[1:] == [None, None, [mine[0]]] and mine[0].startswith("erased-")
    assert theirs == [OTHER, "B", f"@{mine[0]} is right", []]
    log.close()


def test_what_several_people_share_stays_theirs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    log = log_of(data).open(woken=False)
    shared = json.dumps({"mail": "family@example.org"})
    said(log, PRODUCER, USER_INTERACTIONS, 3, id=["1", "2", "3"], type="seen", subject=[ADA, OTHER, None],
         anonymous_id="a-shared-device", properties=shared)  # fmt: skip
    log.close()
    receipt = erase(data, ADA)
    log = log_of(data).open(woken=False)
    rows_ = asked(log, "SELECT subject, anonymous_id, properties FROM user_interactions ORDER BY row_offset")
    assert rows_[1:] == [[OTHER, "a-shared-device", shared], [None, "a-shared-device", shared]]
    assert rows_[0][0].startswith("erased-") and rows_[0][2] == "{}" and receipt.names == 1
    assert rows_[0][1].startswith("erased-"), "in the person's own row nothing leads to the device"
    log.close()


def test_an_export_has_every_row_of_the_person_and_nobody_elses(tmp_path: Path) -> None:
    log = system(tmp_path / "data")
    out = tmp_path / "ada.zip"
    counts = export_subject(tmp_path / "data", log, "demo", ADA, out)
    assert counts["user_interactions"] == 6 and counts["alerts"] == counts["late_rows"] == 1
    with zipfile.ZipFile(out) as archived:
        rows_ = [json.loads(line) for line in archived.read("user_interactions.ndjson").splitlines()]
        assert {row["subject"] for row in rows_} == {ADA, None} and rows_[0]["properties"].count(SECRET) == 1
        table = pq.read_table(pa.BufferReader(archived.read("user_interactions.parquet")))
        assert table.num_rows == 6 and set(json.loads(archived.read("names.json"))) == {ADA, ANON, MAIL}
        assert ADA in archived.read("README.txt").decode()
    assert out.stat().st_mode & 0o077 == 0
    with pytest.raises(Rejected, match="is there already"):
        export_subject(tmp_path / "data", log, "demo", ADA, out)
    log.close()
