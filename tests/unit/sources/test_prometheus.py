"""Scrapes of real programs, and of programs that answer badly."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, start_http_server

from actors.source import Read
from events.errors import Transient
from serve.sources import scrape
from serve.sources.fetching import FetchSpec
from serve.sources.scrape import Target
from tests.answering import Answering, Says
from tests.running import free_port

NOW = 1_795_495_200_000_000
TEXT = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
OPEN = {"content-type": "application/openmetrics-text; version=1.0.0; charset=utf-8"}


class Scraped:
    """A target that is read, and restarted whenever the story asks for it; ``rows`` are those of the last answer."""

    def __init__(
        self, url: str, folder: Path, only: tuple[str, ...] = (), subject_label: str | None = None, at: int = NOW
    ) -> None:
        self._now = at
        fetch = FetchSpec(("localhost",), folder, 5.0)
        self._target = Target(url, fetch, 15, only, subject_label, "shop", lambda: self._now)
        self._reader = self._target.open(None)
        self._committed: bytes | None = None
        self.last: Read

    def read(self, committed: bool = True) -> list[dict[str, Any]]:
        self._now += 15_000_000
        self.last = self._reader.read()
        if committed:
            self._committed = self.last.position
        return self.last.rows.to_pylist()

    def restart(self) -> None:
        self._reader.close()
        self._reader = self._target.open(self._committed)

    @property
    def refused(self) -> list[tuple[str, str]]:
        found = self.last.refused
        return [] if found is None else [(r["payload"].decode(), r["reason"]) for r in found.to_pylist()]


def increases(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    return {row["type"] + ("" if row["labels"] == "{}" else row["labels"]): row["increase"] for row in rows}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def real(registry: CollectorRegistry, tmp_path: Path) -> Iterator[Scraped]:
    port = free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry)
    yield Scraped(f"http://localhost:{port}/metrics", tmp_path, subject_label="shop", at=time.time_ns() // 1000)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_real_program_is_read_with_its_counters_gauges_histograms_and_summaries(
    real: Scraped, registry: CollectorRegistry
) -> None:
    orders = Counter("orders", "o", ["shop"], registry=registry)
    stock = Gauge("stock_kg", "s", registry=registry)
    taken = Histogram("request_seconds", "r", buckets=(0.1, 1), registry=registry, unit="seconds")
    size = Summary("answer_bytes", "a", registry=registry)
    orders.labels("north").inc(3)
    stock.set(2.5)
    taken.observe(0.05)
    size.observe(100)
    rows = {(row["type"], row["labels"]): row for row in real.read()}
    north = rows["orders_total", '{"shop":"north"}']
    assert (north["kind"], north["value"], north["increase"], north["subject"]) == ("counter", 3, None, "north")
    assert rows["stock_kg", "{}"]["value"] == 2.5
    assert {key for key, row in rows.items() if row["unit"]} >= {("request_seconds_count", "{}")}
    orders.labels("north").inc(4)
    taken.observe(0.5)
    again = increases(real.read())
    assert again['orders_total{"shop":"north"}'] == 4
    assert again["stock_kg"] is None
    assert [again[f'request_seconds_bucket{{"le":"{le}"}}'] for le in ("0.1", "1.0", "+Inf")] == [0, 1, 1]
    assert (again["request_seconds_count"], again["request_seconds_sum"]) == (1, 0.5)
    assert (again["answer_bytes_count"], again["answer_bytes_sum"]) == (0, 0)
    assert not [name for name in again if "created" in name]


def test_over_restarts_and_what_was_not_committed_the_increases_add_up(
    real: Scraped, registry: CollectorRegistry
) -> None:
    orders = Counter("orders", "o", registry=registry)
    found: list[float | None] = []
    for n in range(6):
        orders.inc(n + 1)
        committed = n != 2
        increase = increases(real.read(committed))["orders_total"]
        if committed:
            found.append(increase)
        if n in (2, 3):
            real.restart()
    assert found == [None, 2, 3 + 4, 5, 6]


def test_a_program_that_was_started_again_counts_from_nothing(server: Answering, tmp_path: Path) -> None:
    target = Scraped(server.url + "/metrics", tmp_path)
    found: list[float | None] = []
    for total in (10, 15, 4, 6):
        server.answers["/metrics"] = Says(f"# TYPE orders_total counter\norders_total {total}\n", headers=TEXT)
        found += increases(target.read()).values()
    assert found == [None, 5, 4, 2]


def test_a_total_that_says_when_it_began_is_counted_from_there(server: Answering, tmp_path: Path) -> None:
    target = Scraped(server.url + "/metrics", tmp_path)
    began = NOW / 1e6

    def say(total: int, created: float) -> None:
        text = f"# TYPE orders counter\norders_total {total}\norders_created {created}\n# EOF\n"
        server.answers["/metrics"] = Says(text, headers=OPEN)

    say(10, began - 100)
    assert increases(target.read()) == {"orders_total": None}
    say(25, began + 20)
    assert increases(target.read()) == {"orders_total": 25}, "it began anew, and is larger than before"


def test_totals_that_are_away_for_a_while_do_not_come_back_as_a_leap(server: Answering, tmp_path: Path) -> None:
    target = Scraped(server.url + "/metrics", tmp_path)
    said = "# TYPE disk_bytes_total counter\n{}# TYPE up gauge\nup 1\n"
    for line, expected in (("disk_bytes_total 1000000\n", None), ("", 0), ("disk_bytes_total 1000007\n", 7)):
        server.answers["/metrics"] = Says(said.format(line), headers=TEXT)
        found = increases(target.read())
        assert found.get("disk_bytes_total", 0) == expected


BROKEN = """# HELP orders_total Orders.
# TYPE orders_total counter
orders_total{shop="north"} 3
orders_total{shop="south" 4
orders_total{shop="north"} 5
orders_total{shop="west"} many
# TYPE speed gauge
speed +Inf
speed_of_nothing NaN
stock 7
"""


def test_broken_and_repeated_lines_are_named_and_cost_only_themselves(server: Answering, tmp_path: Path) -> None:
    server.answers["/metrics"] = Says(BROKEN, headers=TEXT)
    target = Scraped(server.url + "/metrics", tmp_path)
    assert [(row["type"], row["value"], row["kind"]) for row in target.read()] == [
        ("orders_total", 3, "counter"),
        ("stock", 7, "unknown"),
    ]
    said = dict(target.refused)
    assert len(said) == 4
    assert "a second time" in said['orders_total{shop="north"} 5']
    assert "cannot be read" in said['orders_total{shop="west"} many']
    assert "4 lines are left out" in target.last.note
    server.answers["/metrics"] = Says(BROKEN.replace("} 5", "} 6").replace("many", "more"), headers=TEXT)
    assert len(target.read()) == 2
    assert target.refused == [], "what stays broken is told of once"


def test_open_metrics_that_are_cut_off_are_not_taken_for_the_whole(server: Answering, tmp_path: Path) -> None:
    server.answers["/metrics"] = Says("# TYPE a counter\na_total 3\n", headers=OPEN)
    with pytest.raises(Transient, match="cut off"):
        Scraped(server.url + "/metrics", tmp_path).read()


def test_a_broken_line_of_open_metrics_costs_only_itself(server: Answering, tmp_path: Path) -> None:
    server.answers["/metrics"] = Says(
        '# TYPE a counter\na_total 3\n# TYPE b gauge\nb x\nb{n="1"} 2\n# EOF\n', headers=OPEN
    )
    target = Scraped(server.url + "/metrics", tmp_path)
    assert [(row["type"], row["kind"], row["value"]) for row in target.read()] == [
        ("a_total", "counter", 3),
        ("b", "gauge", 2),
    ]
    assert [line for line, _ in target.refused] == ["b x"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Says("<!DOCTYPE html><title>Sign in</title>", headers={"content-type": "text/html"}), "a page of HTML"),
        (Says("all is well\n", headers=TEXT), "no measurement that can be read"),
        (Says("", 503), "answers 503"),
    ],
)
def test_an_answer_that_is_no_scrape_is_an_error(server: Answering, tmp_path: Path, answer: Says, said: str) -> None:
    server.answers["/metrics"] = answer
    with pytest.raises(Transient, match=said):
        Scraped(server.url + "/metrics", tmp_path).read()


def test_a_line_with_a_time_of_its_own_is_taken_once(server: Answering, tmp_path: Path) -> None:
    target = Scraped(server.url + "/metrics", tmp_path)
    at_ms = NOW // 1000
    server.answers["/metrics"] = Says(f"a 1 {at_ms}\nb 2 1000\n", headers=TEXT)
    (row,) = target.read()
    assert round(row["time"].timestamp() * 1000) == at_ms
    assert ["before 2000-01-01" in reason or "looks like" in reason for _, reason in target.refused] == [True]
    target.restart()
    assert target.read() == []
    server.answers["/metrics"] = Says(f"a 1 {at_ms + 1000}\n", headers=TEXT)
    assert len(target.read()) == 1


def test_only_what_is_asked_for_is_taken(server: Answering, tmp_path: Path) -> None:
    server.answers["/metrics"] = Says("cpu_a 1\ncpu_b 2\ndisk 3\n", headers=TEXT)
    target = Scraped(server.url + "/metrics", tmp_path, only=("cpu_*",))
    assert [row["type"] for row in target.read()] == ["cpu_a", "cpu_b"]


def test_more_totals_than_a_position_holds_are_told_of(server: Answering, tmp_path: Path) -> None:
    target = Scraped(server.url + "/metrics", tmp_path)
    found: dict[str, float | None] = {}
    for total in (1, 3):
        lines = "".join(f'a_total{{n="{n}"}} {total}\n' for n in range(5000))
        server.answers["/metrics"] = Says("# TYPE a_total counter\n" + lines, headers=TEXT)
        found = increases(target.read())
    assert set(found.values()) == {2}, "while it runs, all are remembered"
    assert "of 5,000 totals 3,900" in target.last.note
    assert target.last.position is not None
    assert len(target.last.position) <= 65_536
    target.restart()
    found = increases(target.read())
    assert [list(found.values()).count(n) for n in (0, None)] == [scrape.KEPT, 5000 - scrape.KEPT]


EXPORTER = shutil.which("prometheus-node-exporter")


@pytest.mark.skipif(EXPORTER is None, reason="needs prometheus-node-exporter: apt-get install prometheus-node-exporter")
def test_the_node_exporter_of_debian_is_read(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [str(EXPORTER), f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        target = Scraped(f"http://localhost:{port}/metrics", tmp_path)
        for _ in range(600):
            try:
                first = target.read()
                break
            except Transient:
                time.sleep(0.1)
        time.sleep(0.2)
        found = target.read()
    finally:
        process.terminate()
        process.wait(60)
    assert target.refused == []
    assert len(first) > 100
    grown = [row["increase"] for row in found if row["type"] == "node_cpu_seconds_total"]
    assert grown
    assert all(increase is not None and increase >= 0 for increase in grown)
    assert {row["kind"] for row in found} >= {"counter", "gauge"}
