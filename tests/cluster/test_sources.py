"""Sources of many kinds at once, in a real system: each row once over a power cut, and one that fails leaves the others."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from serve.routes.otlp import EXAMPLES
from tests import patient
from tests.answering import Answering, Asked, Says
from tests.kafka import broker, make_topic
from tests.running import Running, free_port, start
from tests.servers import RedisServer

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
COUNTED = {
    "api_metrics": "SELECT count(*) > 0, max(value) FROM api_metrics WHERE type = 'visits_total'",
    "external_apis": "SELECT count(*), count(DISTINCT id) FROM external_apis",
    "business_events": "SELECT count(*), sum(amount)::BIGINT FROM business_events WHERE source = 'orders'",
    "kafka": "SELECT count(*), count(DISTINCT id) FROM business_events WHERE source = 'topic'",
    "redis": "SELECT count(*), count(DISTINCT id) FROM business_events WHERE source = 'entries'",
    "social_media": "SELECT count(*), count(DISTINCT id) FROM social_media",
    "system_logs": "SELECT count(*), count(DISTINCT message) FROM system_logs WHERE source = 'app'",
    "website_analytics": "SELECT count(*), count(DISTINCT path) FROM website_analytics",
}


class World:
    """What is outside: programs, sites, a database, logs."""

    def __init__(self, folder: Path, server: Answering, kafka: str, entries: RedisServer) -> None:
        self.folder, self.server, self.kafka, self.entries = folder, server, kafka, entries
        make_topic(kafka, "told", partitions=2)
        self.producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
        self.n = 0
        self.database = sqlite3.connect(folder / "shop.db")
        self.database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, revenue REAL, currency TEXT)")
        server.answers["/items"] = self._items
        server.answers["/broken"] = Says("<h1>Sorry</h1>", 500)
        server.answers["/inside"] = Says(status=302, headers={"location": "http://127.0.0.1:1/secrets"})

    def _items(self, asked: Asked) -> Says:
        assert asked.headers["x-api-key"] == "hush"
        page = int(asked.params["page"])
        return Says([{"id": n, "price": n} for n in range(10 * page - 9, min(10 * page, self.n) + 1)])

    def grow(self, more: int) -> None:
        """``more`` of everything."""
        told = range(self.n + 1, self.n + more + 1)
        self.n += more
        with self.database:
            self.database.executemany("INSERT INTO orders VALUES (?, 0.5, 'THB')", [(n,) for n in told])
        with self.entries.client() as client:
            for n in told:
                self.producer.produce("told", b'{"n": %d}' % n, key=str(n))
                client.xadd("told", {"n": str(n)})
        assert self.producer.flush(60) == 0
        posts = "".join(f"<item><guid>p{n}</guid><title>{n}</title></item>" for n in range(1, self.n + 1))
        self.server.answers["/feed"] = Says(f'<rss version="2.0"><channel><title>t</title>{posts}</channel></rss>')
        self.server.answers["/metrics"] = Says(f"# TYPE visits_total counter\nvisits_total {self.n}\n")
        with (self.folder / "app.log").open("a") as file:
            file.writelines(f'{{"level":"error","msg":"order {n} failed"}}\n' for n in told)
        with (self.folder / "access.log").open("a") as file:
            request = '1.2.3.4 - - [23/Nov/2026:10:00:00 +0000] "GET /{} HTTP/1.1" 200 5\n'
            file.writelines(request.format(n) for n in told)

    def expected(self) -> dict[str, list[Any]]:
        each: list[Any] = [self.n, self.n]
        money: list[Any] = [self.n, 50 * self.n]
        other = dict.fromkeys(COUNTED, each)
        return {**other, "api_metrics": [True, self.n], "business_events": money}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server, entries = Answering(), RedisServer(port=free_port())
    with broker() as kafka:
        found = World(tmp_path, server, kafka, entries)
        yield found
    found.database.close()
    entries.close()
    server.close()


def counted(system: Running) -> dict[str, list[Any]]:
    return {stream: system.sql(question)[0] for stream, question in COUNTED.items()}


def pushed(system: Running, *, again: bool = False) -> None:
    """What is pushed is committed with its answer; sent again, also to a system that was killed since, it adds nothing."""
    (system.data / "secrets").mkdir(exist_ok=True)
    (system.data / "secrets" / "crm").write_text("s3cret")
    body = b'{"key": 7, "kind": "deal.won", "amount": 10, "currency": "THB"}'
    signed = {"x-signature": hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()}
    answer = patient.post(f"{system.url}/v1/webhooks/crm", content=body, headers=signed)
    assert answer.json() == {"success": True, "outcome": "duplicate" if again else "accepted"}, answer.text
    forged = patient.post(f"{system.url}/v1/webhooks/crm", content=body, headers={"x-signature": "00"})
    assert forged.status_code == 401, forged.text
    for signal, example in EXAMPLES.items():
        assert system.post(f"/v1/{signal}", json=example).status_code == 200
    assert system.sql("SELECT id, type, amount FROM business_events WHERE source = 'crm'") == [["7", "deal.won", 1000]]
    assert system.sql("SELECT message, severity FROM system_logs WHERE subject = 'shop'") == [["no stock", "error"]]
    assert system.sql("SELECT count(*) FROM api_metrics WHERE subject = 'shop'") == [[2]]
    audit = "SELECT source, field FROM dead_letters WHERE type = 'signature.refused' GROUP BY ALL"
    assert system.sql(audit) == [["crm", "x-signature"]]


def test_every_kind_is_read_once_over_a_power_cut_and_what_fails_says_why(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITEMS_KEY", "hush")
    url = world.server.url
    auth = {"secret": "env:ITEMS_KEY", "header": "X-Api-Key", "scheme": ""}
    sources = {
        "site": {"kind": "prometheus", "url": f"{url}/metrics", "every_s": 0.3},
        "items": {
            "kind": "http", "url": f"{url}/items", "auth": auth, "id": "id", "every_s": 0.3,
            "pages": {"by": "page", "param": "page"},
        },
        "orders": {
            "kind": "sql", "url": f"sqlite:///{tmp_path}/shop.db", "table": "orders", "cursor": "id", "id": "id",
            "every_s": 0.3,
        },
        "blog": {"kind": "feed", "url": f"{url}/feed", "every_s": 0.3},
        "app": {"kind": "logs", "path": str(tmp_path / "app.log"), "format": "json", "every_s": 0.3},
        "web": {"kind": "access_log", "path": str(tmp_path / "access.log"), "every_s": 0.3},
        "topic": {"kind": "kafka", "brokers": [world.kafka], "topics": ["told"]},
        "entries": {"kind": "redis", "url": f"redis://127.0.0.1:{world.entries.port}", "streams": ["told"]},
        "broken": {"kind": "http", "url": f"{url}/broken"},
        "inside": {"kind": "http", "url": f"{url}/inside"},
    }  # fmt: skip
    metric = {"name": "shop_orders", "stream": "business_events", "key": "currency", "value": "amount", "width_s": 1}
    config = {
        "extends": "base", "sources": sources, "metrics": [metric],
        "fetching": {
            "allow_private": [f"localhost:{world.server.port}", world.kafka, f"127.0.0.1:{world.entries.port}"]
        },
        "parts": {
            "otlp": {"enabled": True},
            "webhooks": {"endpoints": {"crm": {"scheme": "hmac", "secret": "file:crm", "id": "key", "type_from": "kind"}}},
        },
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    failing = ("broken", "inside")
    options = str(tmp_path / "mine.yaml"), "--placement", "packed"
    world.grow(25)
    port = free_port()
    system = start(tmp_path, *options, port=port)
    try:
        system.until(lambda: counted(system), world.expected())
        pushed(system)
        world.grow(7)
        system.kill()
        world.grow(8)
        system = start(tmp_path, *options, port=port)
        pushed(system, again=True)
        system.until(lambda: counted(system), world.expected())
        world.grow(3)
        system.until(lambda: counted(system), world.expected())
        grown = "SELECT sum(increase)::BIGINT FROM api_metrics WHERE type = 'visits_total'"
        assert system.sql(grown) == [[world.n - 25]], "over the power cut, too"

        def pulled() -> dict[str, Any]:
            return {source["name"]: source for source in system.get("/v1/status").json()["pulled"]}

        system.until(lambda: {pulled()[name]["state"] for name in sources if name not in failing}, {"reading"})
        system.until(lambda: all(pulled()[name]["last_error"] for name in failing))
        said = pulled()
        assert "answers 500: <h1>Sorry</h1>" in said["broken"]["last_error"]
        assert "127.0.0.1 is not an address of the public internet" in said["inside"]["last_error"]
        assert "hush" not in system.get("/v1/status").text + system.output.read_text()
        total = "SELECT sum(sum)::BIGINT FROM metrics_latest WHERE metric = 'shop_orders' AND key = 'THB'"
        system.until(lambda: system.sql(total), [[50 * world.n + 1000]])
    finally:
        code = system.stop()
    assert code == 0, system.output.read_text()[-3000:]
