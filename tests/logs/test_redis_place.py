"""Who gets in, by which way, and whose a name space is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
import redis

from config.sections import LogBounds
from events.errors import Rejected, Transient
from events.log import LogSpec
from events.redis_spec import RedisSpec
from hindcast.datadir import DataDir
from hindcast.log_place import LogHold, Place, wanted
from hindcast.testing.log_words import CELL, FEED, Writer, ate, saved, tick, times
from tests.running import free_port
from tests.servers import RedisServer, ports

pytestmark = pytest.mark.slow

SOURCE = ("clock", CELL)


def works(spec: LogSpec) -> None:
    """A short life of a log, seen by another handle."""
    log, other = spec.open(), spec.open()
    try:
        writer = Writer(log)
        writer.commit(tick(3), ate=[ate(0, 2)], saves=saved(b"state", p=b"piece"))
        assert other.wait({SOURCE: 0}, 120)
        writer.commit(tick(2, 3))
        log.trim(*SOURCE, 3)
        assert times(other) == [3, 4]
        assert other.cursor(CELL) == {FEED: 2}
        assert other.producers("clock") == [CELL]
        assert other.piece(CELL, "p") == b"piece"
        assert other.verify(CELL).problems == []
        assert log.size() > 0
        log.room()
    finally:
        log.close()
        other.close()


@pytest.fixture
def locked() -> Iterator[RedisServer]:
    server = RedisServer(port=free_port(), password="open sesame/@:")
    yield server
    server.close()


def held(data: Path, settings: LogBounds) -> LogHold:
    """As a start takes its log."""
    directory = DataDir(data)
    data.mkdir(exist_ok=True)
    return LogHold(wanted(settings, data), directory)


# -- the way in --------------------------------------------------------------------------------------------------------


def test_a_password_in_the_url_or_beside_it(
    locked: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{locked.port}"
    works(RedisSpec(f"redis://:open%20sesame%2F%40%3A@{address}/0", "one"))
    monkeypatch.setenv("SHOP_PASSWORD", "open sesame/@:")
    works(Place(f"redis://{address}", "two", "env:SHOP_PASSWORD").spec(tmp_path))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop").write_text("open sesame/@:\n")
    works(Place(f"redis://{address}", "three", "file:shop").spec(tmp_path))
    with pytest.raises(Rejected, match=r"file .*/secrets/other, which is not there"):
        Place(f"redis://{address}", "three", "file:other").spec(tmp_path)
    with pytest.raises(Rejected, match="variable NOWHERE, which is not there"):
        Place(f"redis://{address}", "three", "env:NOWHERE").spec(tmp_path)


def test_a_wrong_password_ends_a_start_and_says_which_setting(locked: RedisServer, tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{locked.port}"
    for password in ("", "guessed"):
        hold = held(tmp_path, LogBounds(place=url, password=password))
        with pytest.raises(Rejected) as told:
            hold.take()
        assert told.value.field == "log.password"
        assert "guessed" not in str(told.value)
    log = RedisSpec(f"redis://:guessed@127.0.0.1:{locked.port}").open()
    with pytest.raises(Transient, match="refuses the user or the password"):
        log.acquire(CELL, [])
    log.close()


def test_a_user_who_may_touch_nothing_but_the_log(locked: RedisServer) -> None:
    with locked.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "shop", "on", ">secret", "~shop:*", "&shop:*", "+@all", "-@admin", "-@dangerous", "+info"
        )  # fmt: skip
    url = f"redis://shop:secret@127.0.0.1:{locked.port}"
    works(RedisSpec(url, "shop"))
    log = RedisSpec(url, "other").open()
    with pytest.raises(Transient, match="refuses the user"):
        log.acquire(CELL, [])
    log.close()


def test_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    port = free_port()
    files = {"tls_cert_file": str(certificate), "tls_key_file": str(key), "tls_ca_cert_file": str(certificate)}
    server = RedisServer("redis", tls_port=str(port), tls_auth_clients="no", **files)
    try:
        works(RedisSpec(f"rediss://localhost:{port}?ssl_ca_certs={certificate}"))
        stranger = RedisSpec(f"rediss://localhost:{port}").open()
        with pytest.raises(Transient, match="certificate"):
            stranger.acquire(CELL, [])
        stranger.close()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("url", "name", "field"),
    [
        ("postgres://x", "hindcast", "log.place"),
        ("shop", "hindcast", "log.place"),
        ("redis://host:port", "hindcast", "log.place"),
        ("redis://host", "a b", "log.name"),
        ("redis://host", "", "log.name"),
        ("redis://host", "{x}", "log.name"),
    ],
)
def test_what_is_no_place_is_refused(url: str, name: str, field: str) -> None:
    with pytest.raises(Rejected) as told:
        RedisSpec(url, name)
    assert told.value.field == field


def test_a_system_on_files_does_not_load_the_client() -> None:
    code = "import sys, hindcast.log_place, hindcast.cli, events.sqlite_log, actors.host; assert 'redis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- several servers -----------------------------------------------------------------------------------------------------


def test_a_cluster_has_each_cell_on_one_of_its_nodes() -> None:
    nodes = [RedisServer(port=port, cluster_enabled="yes") for port in ports(3)]
    try:
        clients = [node.client() for node in nodes]
        for n, client in enumerate(clients):
            first, last = n * 16384 // 3, (n + 1) * 16384 // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        deadline = monotonic() + 240
        for client in clients:
            until(lambda c=client: _whole(c.execute_command("CLUSTER", "INFO")), deadline)
        spec = RedisSpec(f"redis+cluster://127.0.0.1:{nodes[0].port}")
        works(spec)
        log = spec.open()
        for n in range(12):
            Writer(log, f"demo/clock/{n + 1}").commit(tick(2))
        assert len(log.producers("clock")) == 13
        assert all(client.dbsize() > 3 for client in clients)
        assert log.room().of == "memory"
        log.close()
        confirmed = RedisSpec(spec.url, wait_disk=True).open()
        Writer(confirmed, "demo/clock/1").commit(tick(1))
        confirmed.close()
    finally:
        for node in nodes:
            node.close()


def test_after_a_failover_sentinel_names_the_other_server() -> None:
    first, second, watching = ports(3)
    primary = RedisServer(port=first, repl_diskless_sync_delay="0")
    replica = RedisServer(port=second, replicaof=f"127.0.0.1|{first}", repl_diskless_sync_delay="0")
    folder = primary.folder / "sentinel"
    folder.mkdir()
    (folder / "conf").write_text(
        f"port {watching}\ndir {folder}\nsentinel monitor shop 127.0.0.1 {first} 1\n"
        f"sentinel down-after-milliseconds shop 500\n"
        "sentinel failover-timeout shop 5000\n"
    )
    sentinel = subprocess.Popen(
        [primary.binary, str(folder / "conf"), "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    log = None
    try:
        asked = redis.Redis(port=watching)
        deadline = monotonic() + 240
        until(lambda: asked.execute_command("SENTINEL", "REPLICAS", "shop"), deadline)
        with replica.client() as client:
            until(lambda: client.info("replication").get("master_link_status") == "up", deadline)
        log = RedisSpec(f"redis+sentinel://127.0.0.1:{watching}/shop/0", wait_replicas=1).open()
        writer = Writer(log)
        writer.commit(tick(3))
        primary.kill()
        other = RedisSpec(f"redis+sentinel://127.0.0.1:{watching}/shop/0").open()  # nobody is left to confirm anything
        heir = None
        while heir is None:
            assert monotonic() < deadline
            try:
                heir = Writer(other)
            except Transient as told:
                assert told.retry_after_s <= 2
                sleep(0.2)
        heir.commit(tick(1, 3))
        assert times(other) == [0, 1, 2, 3]
        assert other.verify(CELL).problems == []
        other.close()
    finally:
        if log is not None:
            log.close()
        sentinel.kill()
        sentinel.wait()
        primary.close()
        replica.close()


def _whole(info: bytes) -> bool:
    said = dict(line.split(":") for line in info.decode().split())
    return said["cluster_state"] == "ok" and said["cluster_known_nodes"] == "3"


def until(question: Callable[[], object], deadline: float) -> None:
    while not question():
        assert monotonic() < deadline
        sleep(0.1)
