"""Feeds in their three forms, and timelines of Mastodon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from actors.parts import Within
from actors.source import Source
from events.collected import SOCIAL_MEDIA
from events.errors import Transient
from hindcast.testing import keeps_the_source_rules
from serve.sources.feed import PART, FeedSection, MastodonSection
from serve.sources.markup import text_of
from tests.answering import Answering, Asked, Says

NOW = 1_795_495_200_000_000  # 2026-11-24T04:40:00Z
FEED, MASTODON = PART.sources
RSS = {"content-type": "application/rss+xml; charset=utf-8"}


def rss(*items: str, title: str = "The blog") -> Says:
    whole = "".join(f"<item>{item}</item>" for item in items)
    return Says(
        f'<rss version="2.0"><channel><title>{title}</title><language>en</language>{whole}</channel></rss>', headers=RSS
    )


def item(n: int, at: str = "Mon, 23 Nov 2026 10:00:00 +0100") -> str:
    text = "&lt;p&gt;Hi&lt;/p&gt;you"
    return f"<guid>p{n}</guid><title>Post {n}</title><pubDate>{at}</pubDate><description>{text}</description>"


class Reading:
    def __init__(self, server: Answering, folder: Path, kind: Any = FEED, **said: Any) -> None:
        section = FeedSection if kind is FEED else MastodonSection
        settings = section.model_validate({"url": server.url + ("/feed" if kind is FEED else ""), **said})
        within = Within("t", folder, 0, folder, ("localhost",))
        self.make: Callable[[], Source] = lambda: kind.source(settings, "blog", within)(lambda: NOW)
        self.reader = self.make().open(None)
        self.position: bytes | None = None
        self.note = ""
        self.refused: list[str] = []

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            read = self.reader.read()
            self.position, self.note = read.position or self.position, read.note
            self.refused += [row["reason"] for row in read.refused.to_pylist()] if read.refused else []
            found += read.rows.to_pylist()
            if read.wake_at_us is not None:
                return found

    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows()]

    def restart(self) -> None:
        self.reader.close()
        self.reader = self.make().open(self.position)


def test_rss(server: Answering, tmp_path: Path) -> None:
    server.answers["/feed"] = rss(
        item(1) + "<author>ada@example.com (Ada)</author><category>ml</category><link>https://b.example/1</link>"
    )
    (row,) = Reading(server, tmp_path).rows()
    assert (row["id"], row["type"], row["title"], row["text"]) == ("p1", "post.published", "Post 1", "Hi you")
    assert (row["url"], row["language"], row["tags"], row["source"]) == ("https://b.example/1", "en", ["ml"], "blog")
    assert "Ada" in row["subject"]
    assert row["time"].isoformat() == "2026-11-23T09:00:00+00:00"


def test_atom(server: Answering, tmp_path: Path) -> None:
    server.answers["/feed"] = Says(
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>urn:1</id><title>One</title>'
        '<author><name>Ada</name></author><updated>2026-11-23T10:00:00+01:00</updated><link href="https://b.example/1"/>'
        '<content type="html">&lt;b&gt;bold&lt;/b&gt; text&lt;script&gt;alert(1)&lt;/script&gt;</content></entry></feed>',
        headers={"content-type": "application/atom+xml"},
    )
    (row,) = Reading(server, tmp_path).rows()
    assert (row["id"], row["subject"], row["text"]) == ("urn:1", "Ada", "bold text")
    assert row["time"].isoformat() == "2026-11-23T09:00:00+00:00"


def test_json_feed(server: Answering, tmp_path: Path) -> None:
    posts = [
        {"id": 7, "content_html": "<p>Hi</p>", "date_published": "2026-11-23T10:00:00Z", "tags": ["a"]},
        {"id": "8"},
    ]
    said = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "authors": [{"name": "Ada"}], "items": posts}
    server.answers["/feed"] = Says(said)
    first, second = Reading(server, tmp_path).rows()
    assert (first["id"], first["subject"], first["text"], first["tags"]) == ("7", "Ada", "Hi", ["a"])
    assert "when it was first seen" in second["properties"]


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("Mon, 23 Nov 2026 10:00:00 CET", "09:00"), ("Mon, 23 Nov 2026 10:00:00 CEST", "08:00"),
        ("Mon, 23 Nov 2026 10:00:00 JST", "01:00"), ("Mon, 23 Nov 2026 10:00:00 EST", "15:00"),
        ("Mon, 23 Nov 2026 10:00:00 GMT", "10:00"), ("1795428000", "10:00"), ("1795428000000", "10:00"),
        ("2026-11-23T10:00:00+05:30", "04:30"), ("Mon, 23 Nov 2026 10:00:00 -0500 (EST)", "15:00"),
    ],
)  # fmt: skip
def test_times_are_what_they_say(server: Answering, tmp_path: Path, said: str, utc: str) -> None:
    """``feedparser`` itself reads CET and JST as UTC, and a number as the year 1795."""
    server.answers["/feed"] = rss(item(1, said))
    assert [row["time"].strftime("%F %R") for row in Reading(server, tmp_path).rows()] == [f"2026-11-23 {utc}"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("Mon, 23 Nov 2026 10:00:00 IST", "in the zone 'IST'"),
        ("Mon, 23 Nov 2026 10:00:00", "no time zone"),
        ("soon", "is not a time"),
    ],
)
def test_a_time_that_leaves_a_doubt_is_refused_once(server: Answering, tmp_path: Path, said: str, message: str) -> None:
    server.answers["/feed"] = rss(item(1, said), item(2))
    reading = Reading(server, tmp_path)
    assert reading.ids() + reading.ids() == ["p2"]
    assert [message in reason for reason in reading.refused] == [True]


def test_each_entry_comes_once_over_restarts_and_an_unchanged_feed_is_not_sent(
    server: Answering, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> Says:
        known = asked.headers.get("if-none-match") == '"1"'
        return Says(b"", 304) if known else Says(rss(item(1), item(2)).body, headers={**RSS, "etag": '"1"'})

    server.answers["/feed"] = answer
    reading = Reading(server, tmp_path)
    assert reading.ids() == ["p1", "p2"]
    reading.restart()
    assert reading.ids() == []
    server.answers["/feed"] = rss(item(3), item(2), item(1))
    assert reading.ids() == ["p3"]
    assert keeps_the_source_rules(Reading(server, tmp_path).make, SOCIAL_MEDIA) == [("p3",), ("p2",), ("p1",)]


def test_a_feed_that_is_cut_off_gives_what_can_be_read_and_says_so(server: Answering, tmp_path: Path) -> None:
    whole = rss(item(1), item(2)).body
    server.answers["/feed"] = Says(whole[: whole.index("<item>", 150) + 30], headers={**RSS, "etag": '"1"'})
    reading = Reading(server, tmp_path)
    assert "p1" in reading.ids()
    assert "the feed is broken" in reading.note
    server.answers["/feed"] = rss(item(1), item(2))
    reading.ids()
    assert "if-none-match" not in server.asked[-1].headers


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Says("<!doctype html><title>x</title>", headers={"content-type": "text/html"}), "a page of HTML, not a feed"),
        (Says("hello"), "no feed that is RSS, Atom or JSON Feed"),
        (Says({"posts": []}), "no JSON Feed; the source `http` reads any JSON"),
        (Says('{"version": '), "not JSON"),
    ],
)
def test_what_is_no_feed_is_an_error(server: Answering, tmp_path: Path, answer: Says, message: str) -> None:
    server.answers["/feed"] = answer
    with pytest.raises(Transient, match=message):
        Reading(server, tmp_path).rows()


def test_the_text_of_markup() -> None:
    assert text_of("<p>a&amp;b</p><p>c<br>d</p><style>x{}</style> <a href='x'>e</a>") == "a&b c d e"


class Instance:
    """A server of Mastodon, as its documentation has it: the newest first; ``min_id`` gives those that follow."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []

    def post(self, n: int, **more: Any) -> None:
        self.posts.append({
            "id": str(n), "created_at": "2026-11-23T10:00:00.000Z", "account": {"acct": "ada@b.example"},
            "content": "<p>Hi</p>", "url": f"https://b.example/{n}", "language": "en", "tags": [{"name": "ml"}],
            "reblog": None, **more,
        })  # fmt: skip

    def timeline(self, asked: Asked) -> Says:
        limit = int(asked.params["limit"])
        known = int(asked.params.get("min_id", 0))
        later = [post for post in self.posts if int(post["id"]) > known]
        return Says((later[:limit] if known else later[-limit:])[::-1])


@pytest.fixture
def instance(server: Answering) -> Instance:
    found = Instance()
    server.answers["/api/v1/timelines/tag/ml"] = found.timeline
    return found


def test_a_timeline_goes_forward_from_its_newest_page(server: Answering, tmp_path: Path, instance: Instance) -> None:
    for n in range(100, 200):
        instance.post(n)
    reading = Reading(server, tmp_path, MASTODON, timeline="tag/ml")
    assert reading.ids() == [str(n) for n in range(160, 200)]
    for n in range(200, 295):
        instance.post(n)
    reading.restart()
    assert reading.ids() == [str(n) for n in range(200, 295)]
    assert reading.ids() == []


def test_posts_are_mapped(server: Answering, tmp_path: Path, instance: Instance) -> None:
    instance.post(1, favourites_count=3)
    instance.post(2, content="", reblog={"content": "<p>Theirs</p>", "url": "https://c.example/9", "tags": []})
    instance.post(3, created_at="yesterday")
    instance.post(4, account=None)
    reading = Reading(server, tmp_path, MASTODON, timeline="tag/ml")
    first, second = reading.rows()
    assert (first["subject"], first["text"], first["tags"], first["language"]) == ("ada@b.example", "Hi", ["ml"], "en")
    assert '"favourites_count":3' in first["properties"]
    assert (second["type"], second["text"], second["url"]) == ("post.shared", "Theirs", "https://c.example/9")
    assert len(reading.refused) == 2


def test_a_limit_is_kept_to(server: Answering, tmp_path: Path) -> None:
    lifted = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2126-01-01T00:00:00.000000Z"}
    server.answers["/api/v1/timelines/public"] = Says({"error": "Too many requests"}, 429, lifted)
    with pytest.raises(Transient, match="429") as failed:
        Reading(server, tmp_path, MASTODON).rows()
    assert failed.value.retry_after_s == 86_400, "a day at most"


def test_an_answer_that_is_no_timeline_is_an_error(server: Answering, tmp_path: Path) -> None:
    server.answers["/api/v1/timelines/public"] = Says({"error": "This method requires an authenticated user"})
    with pytest.raises(Transient, match="no list of posts"):
        Reading(server, tmp_path, MASTODON).rows()


def test_a_timeline_that_there_cannot_be_is_refused(server: Answering, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="timeline"):
        Reading(server, tmp_path, MASTODON, timeline="../admin")
