"""The archive on an object store: a real S3-compatible server keeps its files, and the disk needs none of them."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.request
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from actors.host import Host, HostSpec
from config.settings import Settings
from events.archive import store
from events.archive.job import mirror
from events.archive.log import ArchivedLog, ArchivedSpec
from events.archive.segments import Segment
from events.archive.store import Store, describe, store_of
from events.erasure.archive import forget_elsewhere
from events.errors import Corrupt, Rejected, Transient
from events.sqlite_log import SqliteSpec
from hindcast.topology import cells
from query.engine import Engine
from tests.archive.stories import PRODUCER, SOURCE, archived, events, fill, opened, put

BUCKET = "s3://cold/hindcast"


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def endpoint(server: str) -> str:
    for method, path in (("POST", "/moto-api/reset"), ("PUT", "/cold")):
        urllib.request.urlopen(urllib.request.Request(server + path, method=method)).close()
    return server


def keyed(root: Path, endpoint: str, **more: Any) -> None:
    (root.parent / "secrets").mkdir(exist_ok=True)
    for name in ("id", "key"):
        (root.parent / "secrets" / name).write_text("testing\n")
    describe(root, Store(BUCKET, endpoint, access_key="../secrets/id", secret_key="../secrets/key", **more))


def counted(log: ArchivedLog) -> Sequence[Sequence[Any]]:
    return (
        Engine(log)
        .run("SELECT count(*), sum(amount), count(DISTINCT row_offset) FROM user_interactions", tenant="demo")
        .rows()
    )


@pytest.fixture
def cold(tmp_path: Path, endpoint: str) -> tuple[ArchivedLog, list[Segment]]:
    """Three segments of 1,024 offsets, and a hot rest."""
    log = opened(tmp_path)
    keyed(log.root, endpoint)
    fill(log.log, 3_500)
    return log, archived(log, 0, 3_072, 1_024)


def test_every_file_goes_up_and_comes_back_when_it_is_needed(
    cold: tuple[ArchivedLog, list[Segment]], endpoint: str
) -> None:
    log, segments = cold
    before = counted(log)
    mirror(log.root, segments)
    bucket = store_of(log.root)
    assert bucket is not None
    there = bucket.has()
    for segment in segments:
        assert there[segment.file] == segment.bytes
        (log.root / segment.file).unlink()
        (log.root / segment.entries_file).unlink()
    assert counted(log) == before
    assert all((log.root / segment.file).exists() for segment in segments)
    assert not (log.root / segments[0].entries_file).exists(), "nobody asked for it"
    assert list(log.root.rglob("*.fetched")) == []
    assert sum(entry.header.rows for entry in log.read(*SOURCE, 0, 1 << 30)) > 0
    keys = {"access_key_id": "testing", "secret_access_key": "testing"}
    options = {**keys, "endpoint": endpoint, "region": "us-east-1", "allow_http": "true"}
    table = DeltaTable(f"{BUCKET}/user_interactions", storage_options=options)
    assert table.to_pyarrow_table(columns=["id"]).num_rows == sum(segment.rows for segment in segments)


def test_what_is_there_is_not_sent_again(cold: tuple[ArchivedLog, list[Segment]]) -> None:
    log, segments = cold
    assert len(list(store.mirrored(log.root, segments[:2]))) >= 4
    assert set(store.mirrored(log.root, segments)) == {segments[2].file, segments[2].entries_file}
    assert list(store.mirrored(log.root, segments)) == []


def test_a_file_that_came_back_altered_is_refused(cold: tuple[ArchivedLog, list[Segment]]) -> None:
    log, segments = cold
    mirror(log.root, segments)
    path = log.root / segments[1].file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    bucket = store_of(log.root)
    assert bucket is not None
    bucket.put(segments[1].file)
    path.unlink()
    with pytest.raises(Corrupt, match="is not what was written"):
        counted(log)


def test_the_disk_keeps_the_newest(
    cold: tuple[ArchivedLog, list[Segment]], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, segments = cold
    before = counted(log)
    keyed(log.root, endpoint, keep_bytes=segments[-1].bytes + 1)
    mirror(log.root, segments)
    assert all((log.root / segment.file).exists() for segment in segments), "somebody may be about to open them"
    monkeypatch.setattr(store, "_YOUNG_S", -1.0)
    mirror(log.root, segments)
    assert [(log.root / segment.file).exists() for segment in segments] == [False, False, True]
    assert counted(log) == before


def test_a_store_that_does_not_answer_says_so_and_harms_nothing(cold: tuple[ArchivedLog, list[Segment]]) -> None:
    log, segments = cold
    before = counted(log)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        keyed(log.root, f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(Transient, match="store s3://cold/hindcast refuses or does not answer"):
        mirror(log.root, segments)
    assert counted(log) == before
    (log.root / "../secrets/key").unlink()
    keyed_away = log.root / segments[0].file
    keyed_away.unlink()
    store._opened.cache_clear()
    with pytest.raises(Transient, match="is to have a key of the archive's store"):
        counted(log)


def test_files_of_which_a_person_was_erased_go_there_too(cold: tuple[ArchivedLog, list[Segment]]) -> None:
    log, segments = cold
    mirror(log.root, segments)
    forget_elsewhere(log.root, [segments[1].file])
    bucket = store_of(log.root)
    assert bucket is not None
    there = bucket.has()
    assert segments[1].file not in there
    assert not [name for name in there if "_delta_log" in name]
    assert segments[0].file in there
    assert segments[1].file in set(store.mirrored(log.root, segments))


def test_a_store_of_another_system_is_refused_and_left_as_it_is(
    cold: tuple[ArchivedLog, list[Segment]], tmp_path: Path, endpoint: str
) -> None:
    log, segments = cold
    mirror(log.root, segments)
    (tmp_path / "other").mkdir()
    other = opened(tmp_path / "other")
    keyed(other.root, endpoint)
    fill(other.log, 2_100, seed=2)
    bucket = store_of(log.root)
    assert bucket is not None
    before = bucket.has()
    with pytest.raises(Corrupt, match="of another system, or of this one before it was restored"):
        mirror(other.root, archived(other, 0, 2_048, 1_024))
    assert bucket.has() == before


@pytest.mark.slow
def test_the_archiver_brings_what_it_archives_and_what_was_archived_before(tmp_path: Path, endpoint: str) -> None:
    kept = {"segment_rows": 1_024, "store": {"url": BUCKET, "endpoint": endpoint}}
    spec = ArchivedSpec(SqliteSpec(tmp_path / "log"), tmp_path / "archive")
    log = spec.open()
    put(log, PRODUCER.replace("demo", "main"), events(1_500))
    (archiver,) = [c for c in cells(Settings.load("base", archive=kept), tmp_path) if c.name == "main/archiver/0"]
    keyed(tmp_path / "archive", endpoint)
    host = Host(HostSpec("edges", spec, "g", 0))
    bucket = store_of(tmp_path / "archive")
    assert bucket is not None
    try:
        asyncio.run(host.start(archiver))
        deadline = time.monotonic() + 200
        while not any(name.endswith(".parquet") for name in bucket.has()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert any(name.endswith(".parquet") for name in bucket.has())
    finally:
        asyncio.run(host.drain())
        log.close()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"url": "http://cold"}, "url"),
        ({"url": "s3://UPPER"}, "url"),
        ({"url": BUCKET, "access_key": "file:a"}, "belong together"),
        ({"url": BUCKET, "access_key": "AKIA", "secret_key": "x"}, "access_key"),
    ],
)
def test_a_mistake_in_its_settings_is_named(said: dict[str, Any], field: str) -> None:
    with pytest.raises((Rejected, ValidationError), match=field):
        Settings.load("base", archive={"store": said})
