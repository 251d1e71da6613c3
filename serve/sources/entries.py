"""What reads the source ``feed``. ``feedparser`` takes the feed apart; the times are read here, from the text of each entry.

feedparser takes a named zone that it does not know (CET, JST) for UTC, and a number of seconds for a year. Both would be
wrong without a word, so what it makes of times is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urljoin

import feedparser
import msgspec
import orjson
import xxhash

from actors.source import Read
from events.collected import SOCIAL_MEDIA
from events.errors import Transient
from serve.sources.fetching import Answer, Fetcher, FetchSpec, refuse_markup, shown
from serve.sources.gathered import Gathered, as_json
from serve.sources.markup import text_of
from serve.sources.remembered import Remembered
from serve.sources.when import read_time

_LONGEST = 2_000
TEXT_LENGTH = 20_000
"""Characters that are kept of a post."""


class Place(msgspec.Struct, omit_defaults=True):
    """A position: what was read, and by what the server knows whether anything is new."""

    etag: str = ""
    modified: str = ""
    seen: bytes = b""


class Entry(NamedTuple):
    """An entry of a feed, of whatever form; empty where it says nothing."""

    id: str
    at: object
    author: str
    title: str
    text: str
    url: str
    language: str
    tags: Sequence[str]


class Feed:
    """A source of ``social_media``. ``now`` gives microseconds UTC."""

    def __init__(
        self, url: str, zone: str | None, every_s: float, fetch: FetchSpec, source: str, now: Callable[[], int]
    ) -> None:
        self.url, self.zone, self.fetch, self.source, self.now = url, zone, fetch, source, now
        self.every_us = int(every_s * 1_000_000)

    def open(self, position: bytes | None) -> FeedReader:
        return FeedReader(self, msgspec.msgpack.decode(position, type=Place) if position else Place())


class FeedReader:
    """The feed, as it is asked again and again."""

    def __init__(self, feed: Feed, place: Place) -> None:
        self._feed, self._place = feed, place
        self._seen = Remembered(place.seen)
        self._fetcher = Fetcher(feed.fetch)

    def read(self) -> Read:
        feed, place = self._feed, self._place
        now = feed.now()
        wake_at = now + feed.every_us
        asked = {"if-none-match": place.etag, "if-modified-since": place.modified}
        answer = self._fetcher.get(feed.url, headers={name: value for name, value in asked.items() if value})
        gathered = Gathered(SOCIAL_MEDIA, feed.source, now)
        note = ""
        if answer.status != 304:
            refuse_markup(answer, "a feed")
            entries, note = _taken_apart(answer)
            for entry in entries:
                self._take(entry, gathered)
            # A feed that is broken is asked for as a whole again: what is missing may come.
            place.etag = answer.headers.get("etag", "")[:_LONGEST] if not note else ""
            place.modified = answer.headers.get("last-modified", "")[:_LONGEST] if not note else ""
        place.seen = self._seen.saved()
        return Read(gathered.batch(), msgspec.msgpack.encode(place), wake_at, gathered.refused(), note=note)

    def _take(self, entry: Entry, gathered: Gathered) -> None:
        id = entry.id or xxhash.xxh3_128_hexdigest(f"{entry.title}{entry.text}".encode())
        if self._seen.knows(id):
            return
        said = entry.at not in (None, "")
        try:
            time = read_time(entry.at, gathered.received_us, self._feed.zone) if said else gathered.received_us
        except ValueError as error:
            gathered.refuse("published", str(error), entry._asdict(), id)
            return
        gathered.add(
            id=id,
            type="post.published",
            time=time,
            subject=entry.author or None,
            title=entry.title or None,
            text=entry.text[:TEXT_LENGTH] or None,
            url=entry.url or None,
            language=entry.language or None,
            tags=[*entry.tags],
            properties=as_json(
                {"published": entry.at} if said else {"published": "not said; it is when it was first seen"}
            ),
        )

    def close(self) -> None:
        self._fetcher.close()


def _taken_apart(answer: Answer) -> tuple[list[Entry], str]:
    """The entries, and what to say of a feed that is broken. Raises ``Transient`` where it is none."""
    if answer.body.lstrip()[:1] == b"{":
        return _json_feed(answer), ""
    # Without the feed's own address: else feedparser makes a URL of a guid that is none, and another one after a redirect.
    headers = {"content-type": answer.headers.get("content-type", "")}
    found: Any = feedparser.parse(answer.body, response_headers=headers)
    fault = str(found.get("bozo_exception", "")) if found.bozo else ""
    if not found.version:
        raise Transient(
            f"{shown(answer.url)} answers no feed that is RSS, Atom or JSON Feed: {fault or 'it has no entries'}"
        )
    broken = bool(fault) and "Exception" in type(found.bozo_exception).__name__
    note = f"the feed is broken ({fault}); {len(found.entries):,} entries can be read" if broken else ""
    return [_entry(entry, found.feed, answer.url) for entry in found.entries], note


def _entry(said: Mapping[str, Any], feed: Mapping[str, Any], url: str) -> Entry:
    contents = [piece.get("value", "") for piece in said.get("content", [])]
    text = max([said.get("summary", ""), *contents], key=len)
    return Entry(
        id=str(said.get("id") or said.get("link") or ""),
        at=said.get("published") or said.get("updated") or said.get("created"),
        author=str(said.get("author") or feed.get("author") or feed.get("title") or ""),
        title=text_of(str(said.get("title", ""))),
        text=text_of(text),
        url=urljoin(url, str(said["link"])) if said.get("link") else "",
        language=str(said.get("language") or feed.get("language") or ""),
        tags=[str(tag.get("term")) for tag in said.get("tags", []) if tag.get("term")],
    )


def _json_feed(answer: Answer) -> list[Entry]:
    """JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    try:
        said: dict[str, Any] = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise Transient(f"{shown(answer.url)} answers what is not JSON: {error}") from None
    if "jsonfeed.org/version" not in str(said.get("version")) or not isinstance(said.get("items"), list):
        raise Transient(f"{shown(answer.url)} answers JSON that is no JSON Feed; the source `http` reads any JSON")
    return [_json_entry(item, said) for item in said["items"] if isinstance(item, dict)]


def _json_entry(item: dict[str, Any], feed: dict[str, Any]) -> Entry:
    authors = [*_authors(item), *_authors(feed)]
    return Entry(
        id=str(item.get("id") or item.get("url") or ""),
        at=item.get("date_published") or item.get("date_modified"),
        author=authors[0] if authors else str(feed.get("title", "")),
        title=str(item.get("title") or ""),
        text=str(item.get("content_text") or "") or text_of(str(item.get("content_html") or item.get("summary") or "")),
        url=str(item.get("url") or item.get("external_url") or ""),
        language=str(item.get("language") or feed.get("language") or ""),
        tags=[str(tag) for tag in item.get("tags") or []],
    )


def _authors(said: dict[str, Any]) -> Iterator[str]:
    for author in [*(said.get("authors") or []), said.get("author")]:
        if isinstance(author, dict) and author.get("name"):
            yield str(author["name"])
