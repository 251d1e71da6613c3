"""Other people's APIs, read page by page; and APIs that misbehave in every way that was thought of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from actors.parts import Within
from actors.source import Read, Source
from events.catalog import STREAMS
from events.errors import Rejected, Transient
from hindcast.testing import keeps_the_source_rules
from serve.sources import remembered
from serve.sources.http import KIND
from serve.sources.http_settings import HttpSection
from tests.answering import Answering, Asked, Says

NOW = 1_795_495_200_000_000  # 2026-11-24T04:40:00Z
STREAM = STREAMS["external_apis"]


class Reading:
    """An API that is read; each read is committed, unless the story says otherwise."""

    def __init__(self, server: Answering, folder: Path, **said: Any) -> None:
        self.section = HttpSection.model_validate(
            {"url": server.url + "/items", "timeout_s": 60.0, "every_s": 60, **said}
        )
        within = Within("t", folder, 0, folder, ("localhost",))
        self.now = NOW
        self.make: Callable[[], Source] = lambda: KIND.source(self.section, "shop", within)(lambda: self.now)
        self.reader = self.make().open(None)
        self.position: bytes | None = None
        self.notes: list[str] = []
        self.refused: list[tuple[str, str]] = []

    def once(self) -> Read:
        read = self.reader.read()
        self.position = read.position or self.position
        self.notes += [read.note] if read.note else []
        if read.refused is not None:
            self.refused += [(r["field"], r["reason"]) for r in read.refused.to_pylist()]
        return read

    def walk(self) -> list[dict[str, Any]]:
        """All that is there now."""
        found: list[dict[str, Any]] = []
        for _ in range(500):
            read = self.once()
            found += read.rows.to_pylist()
            if read.wake_at_us is not None:
                assert read.wake_at_us == self.now + 60_000_000
                return found
        raise AssertionError("the walk does not end")

    def ids(self) -> list[Any]:
        return [row["id"] for row in self.walk()]

    def restart(self) -> None:
        self.reader.close()
        self.reader = self.make().open(self.position)


def items(*numbers: int) -> list[dict[str, Any]]:
    return [
        {"id": n, "at": f"2026-11-23T10:00:{n % 60:02}Z", "price": n / 2, "who": {"name": f"w{n}"}} for n in numbers
    ]


MAPPED = {"id": "id", "time": "at", "subject": "who.name", "value": "price", "type": "price.quoted"}


def test_items_are_mapped(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says({"data": {"list": items(1, 2)}, "took": 3})
    reading = Reading(server, tmp_path, items="data.list", properties="{price: price}", **MAPPED)
    first, second = reading.walk()
    assert (first["id"], first["type"], first["subject"], first["value"]) == ("1", "price.quoted", "w1", 0.5)
    assert (first["source"], first["properties"], first["partition_key"]) == ("shop", '{"price":0.5}', "w1")
    assert second["time"].isoformat() == "2026-11-23T10:00:02+00:00"


def test_each_id_comes_once_over_walks_and_restarts(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says(items(1, 2))
    reading = Reading(server, tmp_path, **MAPPED)
    assert reading.ids() == ["1", "2"]
    server.answers["/items"] = Says(items(2, 3))
    reading.restart()
    assert reading.ids() == ["3"]
    assert reading.ids() == []


def test_without_an_id_each_walk_says_what_is_now(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says({"rate": 1.08})
    reading = Reading(server, tmp_path, value="rate")
    assert [row["value"] for row in reading.walk() + reading.walk()] == [1.08, 1.08]


def paged(asked: Asked) -> Says:
    """Seven items, three a page, in all of the forms."""
    whole = items(1, 2, 3, 4, 5, 6, 7)
    at = (
        int(asked.params.get("offset", 0))
        or 3 * (int(asked.params.get("page", 1)) - 1)
        or int(asked.params.get("c", 0))
    )
    more = at + 3 < len(whole)
    link = {"link": f'</items?c={at + 3}>; rel="next", </items>; rel="first"'} if more else {}
    body = {
        "list": whole[at : at + 3],
        "next": f"/items?c={at + 3}" if more else None,
        "cursor": at + 3 if more else "",
    }
    return Says(body, headers=link)


@pytest.mark.parametrize(
    "pages",
    [
        {"by": "page", "param": "page"},
        {"by": "offset", "param": "offset"},
        {"by": "cursor", "param": "c", "next": "cursor"},
        {"by": "next", "next": "next"},
        {"by": "link"},
    ],
)
def test_all_pages_are_read_and_every_place_can_be_gone_on_from(
    server: Answering, tmp_path: Path, pages: dict[str, Any]
) -> None:
    server.answers["/items"] = paged
    reading = Reading(server, tmp_path, items="list", pages=pages, **MAPPED)
    assert keeps_the_source_rules(reading.make, STREAM) == [(str(n),) for n in range(1, 8)]


def test_a_crash_between_pages_asks_only_for_the_rest(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = paged
    reading = Reading(server, tmp_path, items="list", pages={"by": "link"}, **MAPPED)
    assert [row["id"] for row in reading.once().rows.to_pylist()] == ["1", "2", "3"]
    reading.restart()
    server.asked.clear()
    assert reading.ids() == ["4", "5", "6", "7"]
    assert [asked.params for asked in server.asked] == [{"c": "3"}, {"c": "6"}]


def test_what_did_not_change_is_not_sent_again(server: Answering, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Says:
        if asked.headers.get("if-none-match") == '"v1"':
            return Says(b"", 304)
        return Says(items(1), headers={"etag": '"v1"', "last-modified": "Mon, 23 Nov 2026 10:00:00 GMT"})

    server.answers["/items"] = answer
    reading = Reading(server, tmp_path, **MAPPED)
    assert reading.ids() == ["1"]
    reading.restart()
    assert reading.ids() == []
    assert server.asked[1].headers["if-modified-since"] == "Mon, 23 Nov 2026 10:00:00 GMT"


def test_since_asks_for_what_is_newer(server: Answering, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Says:
        since = asked.params.get("after", "")
        return Says([item for item in items(3, 1, 2, 4)[: len(server.asked) + 2] if item["at"] >= since])

    server.answers["/items"] = answer
    reading = Reading(server, tmp_path, since={"find": "at", "param": "after"}, **MAPPED)
    assert reading.ids() == ["1", "2", "3"], "in the order of their times"
    reading.restart()
    assert reading.ids() == ["4"]
    assert server.asked[1].params == {"after": "2026-11-23T10:00:03Z"}


def test_with_since_even_forgotten_ids_do_not_come_again(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "KEPT", 5)
    server.answers["/items"] = Says([{"id": n, "n": n} for n in range(40)])
    reading = Reading(server, tmp_path, id="id", since={"find": "n"})
    assert len(reading.ids()) == 40
    reading.restart()
    server.answers["/items"] = Says([{"id": n, "n": n} for n in range(43)])
    assert reading.ids() == ["40", "41", "42"]
    reading.restart()
    assert reading.ids() == []


@pytest.mark.slow
def test_a_million_items_in_one_answer_come_in_pieces_and_survive_a_crash(server: Answering, tmp_path: Path) -> None:
    n = 1_000_000
    server.answers["/items"] = Says(b"[" + b",".join(b'{"id":%d}' % i for i in range(n)) + b"]")
    reading = Reading(server, tmp_path, id="id", timeout_s=30)
    found = 0
    for _ in range(3):
        found += reading.once().rows.num_rows
    reading.restart()
    while True:
        read = reading.once()
        found += read.rows.num_rows
        if read.wake_at_us is not None:
            break
    assert found == n
    assert reading.position is not None
    assert len(reading.position) < 65_536
    assert "say `since`" in reading.notes[-1]


def test_an_answer_that_is_too_large_is_refused_with_the_remedy(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says(items(*range(50_000)))
    with pytest.raises(Transient, match="more than 1 MB; raise `max_mb`"):
        Reading(server, tmp_path, max_mb=1).once()


def test_an_answer_that_changes_while_it_is_recorded_is_read_anew_and_that_is_said(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.sources.walking.PIECE", 2)
    server.answers["/items"] = Says(items(1, 2, 3, 4))
    reading = Reading(server, tmp_path, **MAPPED)
    assert reading.once().rows.num_rows == 2
    server.answers["/items"] = Says(items(0, 1, 2, 3, 4))
    reading.restart()
    assert reading.ids() == ["0", "3", "4"]
    assert "changed while it was being recorded" in reading.notes[0]


def test_dates_in_five_forms_and_those_that_leave_a_doubt(server: Answering, tmp_path: Path) -> None:
    same = [
        "2026-11-23T10:00:00+01:00", 1_795_424_400, "1795424400000", "Mon, 23 Nov 2026 10:00:00 CET", "2026-11-23 10:00:00",
    ]  # fmt: skip
    doubtful = ["23/11/2026", "Mon, 23 Nov 2026 10:00:00 IST", "soon", 17, True, None, "2126-01-01T00:00:00Z"]
    server.answers["/items"] = Says([{"id": n, "at": at} for n, at in enumerate([*same, *doubtful])])
    reading = Reading(server, tmp_path, id="id", time="at", zone="Europe/Berlin")
    assert {row["time"].isoformat() for row in reading.walk()} == {"2026-11-23T09:00:00+00:00"}
    assert len(reading.refused) == len(doubtful)
    assert {field for field, _ in reading.refused} == {"time"}
    assert "`time_format`" in reading.refused[0][1]
    assert "ask for an offset" in reading.refused[1][1]
    formed = Reading(server, tmp_path, id="id", time="at", zone="UTC", time_format="%d/%m/%Y")
    assert [row["time"].isoformat() for row in formed.walk() if row["id"] == "5"] == ["2026-11-23T00:00:00+00:00"]


def test_a_local_time_without_a_zone_is_refused_not_guessed(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says([{"at": "2026-11-23 10:00:00"}])
    reading = Reading(server, tmp_path, time="at")
    assert reading.walk() == []
    assert "has no time zone; say which is meant in `zone`" in reading.refused[0][1]


def test_csv(server: Answering, tmp_path: Path) -> None:
    text = '\ufeffid;at;price\n1;2026-11-23T10:00:00Z;"1.5"\n2;2026-11-23T10:00:01Z;much\n3;x;1;9\n'
    server.answers["/items"] = Says(text)
    reading = Reading(server, tmp_path, format="csv", delimiter=";", id="id", time="at", value="price")
    assert [(row["id"], row["value"]) for row in reading.walk()] == [("1", 1.5)]
    assert [field for field, _ in reading.refused] == ["value", "row"]


NEXT = {"items": "list", "pages": {"by": "next", "next": "next"}}


@pytest.mark.parametrize(
    ("answer", "said", "message"),
    [
        (Says("<html><body>Sign in"), {}, "answers a page of HTML, not JSON"),
        (Says('[{"id": 1}, {"i'), {}, "is not JSON"),
        (Says("oops", 500), {}, "answers 500: oops"),
        (Says("later", 503, {"retry-after": "7"}), {}, "answers 503"),
        (Says(pause_s=60), {"timeout_s": 2.0}, "has not answered within 2 s"),
        (Says({"data": []}), {"items": "list"}, "finds nothing in the answer; it has the keys data"),
        (Says({"list": [1], "next": "http://127.0.0.1:1/x"}), NEXT, "another host"),
    ],
)  # fmt: skip
def test_what_fails_is_an_error_that_says_why_and_it_recovers_by_itself(
    server: Answering, tmp_path: Path, answer: Says, said: dict[str, Any], message: str
) -> None:
    server.answers["/items"] = answer
    reading = Reading(server, tmp_path, **MAPPED, **said)
    with pytest.raises(Transient, match=message):
        reading.walk()
    reading.restart()
    server.answers["/items"] = Says({"list": items(5)} if "items" in said else items(5))
    assert reading.ids() == ["5"]


def test_a_redirect_to_a_private_address_is_refused(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says(status=301, headers={"location": "http://169.254.169.254/latest/meta-data"})
    with pytest.raises(Rejected, match=r"169\.254\.169\.254 is not an address of the public internet"):
        Reading(server, tmp_path).once()


def test_pages_that_go_in_a_circle_end(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says({"list": items(1), "c": "same"})
    reading = Reading(server, tmp_path, items="list", pages={"by": "cursor", "param": "c", "next": "c"}, **MAPPED)
    assert reading.ids() == ["1"], "a page that is the one before again is the end"
    server.answers["/items"] = lambda asked: Says({"list": items(len(server.asked)), "c": str(len(server.asked))})
    endless = {"by": "cursor", "param": "c", "next": "c", "most": 5}
    reading = Reading(server, tmp_path, items="list", pages=endless, **MAPPED)
    assert len(reading.walk()) == 5
    assert "after 5 pages" in reading.notes[0]


def test_items_that_cannot_be_rows_are_kept_with_their_reason(server: Answering, tmp_path: Path) -> None:
    server.answers["/items"] = Says(
        [{"id": [1]}, {"at": "2026-11-23T10:00:00Z"}, {"id": 3}, {"id": 4, "at": NOW // 1_000_000, "price": {}}]
    )
    reading = Reading(server, tmp_path, **MAPPED)
    assert reading.walk() == []
    assert [field for field, _ in reading.refused] == ["id", "id", "time", "value"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"items": "a["}, "is no JMESPath expression"),
        ({"zone": "Berlin"}, "there is no time zone 'Berlin'"),
        ({"pages": {"by": "cursor", "param": "c"}}, "pages by cursor need `next`"),
        ({"url": "ftp://example.com"}, "should match pattern"),
        ({"auth": {"secret": "in clear"}}, "should match pattern"),
    ],
)
def test_a_mistake_in_the_definition_is_refused(
    server: Answering, tmp_path: Path, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Reading(server, tmp_path, **said)
