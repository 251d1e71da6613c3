"""What reads the source ``http``: a walk over the pages of an API, and another one when it is due.

A position says which page comes next and how many of its items are recorded, so a large answer is recorded in pieces; the
ids that were read are in it, too, so that the next walk brings only what is new.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import httpx
import jmespath
import msgspec
import orjson
import xxhash

from actors.source import Read
from events.collected import EXTERNAL_APIS
from events.errors import Transient
from serve.sources.fetching import Answer, Fetcher, FetchSpec, refuse_markup, shown
from serve.sources.gathered import Gathered
from serve.sources.http_settings import HttpSection
from serve.sources.mapping import Mapper
from serve.sources.remembered import KEPT, Mark, Remembered, mark_of

PIECE = 10_000
"""Items that are recorded together."""
_LONGEST = 4_000
"""Characters of what an API may hand us to hand back: a cursor, an ETag."""
MORE_CELLS = "(more cells than the header has)"


class Place(msgspec.Struct, omit_defaults=True):
    """A position."""

    page: str = ""
    """The page that comes next: a number, a cursor or a URL; empty: the first one of a walk."""
    pages: int = 0
    """Pages of this walk that were read."""
    done: int = 0
    """Items of the page that comes next which are recorded already."""
    digest: bytes = b""
    """Of that page, where some are."""
    etag: str = ""
    modified: str = ""
    """Of an answer that is the whole walk."""
    since: Any = None
    """What goes into ``since.param``: the newest of the walks that were finished."""
    newest: Any = None
    """The newest of this one."""
    seen: bytes = b""
    forgotten: Any = None


class Api:
    """A source of ``external_apis``. ``now`` gives microseconds UTC."""

    def __init__(self, said: HttpSection, fetch: FetchSpec, source: str, now: Callable[[], int]) -> None:
        self.said, self.fetch, self.source, self.now = said, fetch, source, now

    def open(self, position: bytes | None) -> Walk:
        return Walk(self, msgspec.msgpack.decode(position, type=Place) if position else Place())


class Page:
    """An answer, as it is being recorded: ``rest`` are its items that are not."""

    def __init__(self, answer: Answer, document: Any, items: Iterable[Any], total: int | None) -> None:
        self.answer, self.document = answer, document
        self.rest: Iterator[Any] = iter(items)
        self.total = total
        self.digest = xxhash.xxh3_64_digest(answer.body)


class Walk:
    """Walks over the pages."""

    def __init__(self, api: Api, place: Place) -> None:
        self._api, self._said, self._place = api, api.said, place
        forgotten: Mark | None = tuple(place.forgotten) if place.forgotten else None
        self._seen = Remembered(place.seen, forgotten, mark_of(place.since))
        self._mapper = Mapper(api.said)
        self._fetcher = Fetcher(api.fetch)
        self._page: Page | None = None
        self._before = b""
        """The digest of the page before: an API that has no more pages may answer its last one again."""
        self._next = jmespath.compile(api.said.pages.next) if api.said.pages and api.said.pages.next else None
        self._items = jmespath.compile(api.said.items)
        self._since = jmespath.compile(api.said.since.find) if api.said.since else None
        self._newest = mark_of(place.newest)
        self._note = ""

    def read(self) -> Read:
        now = self._api.now()
        if self._page is None:
            self._page = self._fetched()
        gathered = Gathered(EXTERNAL_APIS, self._api.source, now)
        wake_at: int | None = None
        if self._page is None:  # nothing is new
            wake_at = now + int(self._said.every_s * 1_000_000)
        else:
            try:
                taken = list(islice(self._page.rest, PIECE))
            except csv.Error as error:
                raise Transient(f"{shown(self._page.answer.url)} answers what is not CSV: {error}") from None
            for item in taken:
                self._take(item, gathered)
            self._place.done += len(taken)
            self._place.digest = self._page.digest
            if len(taken) < PIECE and self._turned(self._page):
                wake_at = now + int(self._said.every_s * 1_000_000)
        note, self._note = self._note, ""
        return Read(gathered.batch(), self._position(), wake_at, gathered.refused(), note=note)

    def _take(self, item: object, gathered: Gathered) -> None:
        said = self._since.search(item) if self._since else None
        mark, newest = mark_of(said), self._newest
        try:
            id = self._mapper.id_of(item)
        except ValueError as error:
            gathered.refuse("id", str(error), item)
            return
        if isinstance(item, dict) and MORE_CELLS in item:
            gathered.refuse("row", "has more cells than the header; is `delimiter` right?", item, id)
        elif id is None or not self._seen.knows(id, mark):
            self._mapper.take(item, gathered, id)
        if mark is not None and (newest is None or newest[0] != mark[0] or mark > newest):
            self._place.newest, self._newest = said, mark

    # -- pages -----------------------------------------------------------------------------------------------------

    def _fetched(self) -> Page | None:
        """The page that comes next; None where nothing changed since the last walk."""
        said, place = self._said, self._place
        url, params = said.url, dict(said.params)
        if said.since and said.since.param and place.since is not None:
            params[said.since.param] = str(place.since)
        pages = said.pages
        if pages and pages.by in ("next", "link") and place.page:
            url, params = place.page, {}
        elif pages and pages.param:
            first = {"page": str(pages.start), "offset": "0"}.get(pages.by)
            value = place.page or first
            if value is not None:
                params[pages.param] = value
        headers: dict[str, str] = {}
        if not place.page and not place.done:
            headers = {k: v for k, v in (("if-none-match", place.etag), ("if-modified-since", place.modified)) if v}
        answer = self._fetcher.get(url, params, headers)
        if answer.status == 304:
            return None
        refuse_markup(answer, said.format.upper())
        page = self._page_of(answer)
        if place.done:
            if page.digest == place.digest:
                for _ in islice(page.rest, place.done):
                    pass
            else:
                place.done = 0
                self._note = f"{shown(url)} changed while it was being recorded; it is read anew from its first item"
        return page

    def _page_of(self, answer: Answer) -> Page:
        if self._said.format == "csv":
            text = answer.body.decode("utf-8-sig", "replace")
            reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=self._said.delimiter, restkey=MORE_CELLS)
            return Page(answer, None, reader, None)
        try:
            document = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            start = " ".join(answer.body[:80].decode("utf-8", "replace").split())
            raise Transient(f"{shown(answer.url)} answers what is not JSON ({error}): {start}") from None
        found = self._items.search(document)
        if found is None:
            has = f"it has the keys {', '.join(sorted(document)[:20])}" if isinstance(document, dict) else "it has none"
            raise Transient(f"{shown(answer.url)}: `items` ({self._said.items}) finds nothing in the answer; {has}")
        items: Sequence[Any] = found if isinstance(found, list) else [found]
        return Page(answer, document, items, len(items))

    def _turned(self, page: Page) -> bool:
        """Go on to the next page; whether that is the first one of another walk."""
        place, read = self._place, self._place.done
        again = page.digest == self._before
        following = self._following(page, read) if self._said.pages and not again else None
        self._before = page.digest if following is not None else b""
        place.done, place.digest, self._page = 0, b"", None
        place.pages += 1
        if following is not None:
            place.page = following
            return False
        alone = place.pages == 1
        headers = page.answer.headers
        place.etag = headers.get("etag", "")[:_LONGEST] if alone else ""
        place.modified = headers.get("last-modified", "")[:_LONGEST] if alone else ""
        place.page, place.pages = "", 0
        place.since, place.newest, self._newest = self._newer(place.since, place.newest), None, None
        if len(self._seen) > KEPT and self._since is None:
            self._note = (
                f"{len(self._seen):,} ids were read, and {KEPT:,} are remembered over a restart; say `since`, or older "
                "items may be recorded again"
            )
        return True

    def _following(self, page: Page, read: int) -> str | None:
        """The page after this one; None: it is the last one. Raises ``Transient`` where it leads nowhere."""
        pages, place = self._said.pages, self._place
        assert pages is not None
        if pages.by in ("page", "offset"):
            here = int(place.page or (pages.start if pages.by == "page" else 0))
            following = str(here + (1 if pages.by == "page" else read)) if read else None
        elif pages.by == "link":
            following = _link(page.answer)
        else:
            found = self._next.search(page.document) if self._next else None
            following = None if found in (None, "", False) else str(found)
            if following is not None and pages.by == "next":
                following = str(httpx.URL(page.answer.url).join(following))
        if following is None:
            return None
        if following == place.page:
            raise Transient(f"{shown(page.answer.url)} names itself as the page after it: {following[:80]}")
        if len(following) > _LONGEST:
            raise Transient(f"the next page's name has {len(following):,} characters; {_LONGEST:,} can be remembered")
        if pages.by in ("next", "link") and httpx.URL(following).netloc != httpx.URL(self._said.url).netloc:
            raise Transient(f"the next page is at another host, {shown(following)}, which is not asked")
        if place.pages + 1 >= pages.most:
            self._note = f"after {pages.most:,} pages it begins again with the first one; raise `pages.most` for more"
            return None
        return following

    @staticmethod
    def _newer(old: Any, new: Any) -> Any:
        before, after = mark_of(old), mark_of(new)
        if after is None:
            return old
        return new if before is None or before[0] != after[0] or after > before else old

    def _position(self) -> bytes:
        place = self._place
        place.seen = self._seen.saved()
        place.forgotten = self._seen.forgotten
        return msgspec.msgpack.encode(place)

    def close(self) -> None:
        self._fetcher.close()


def _link(answer: Answer) -> str | None:
    """The URL that ``Link`` calls the next one."""
    response = httpx.Response(200, headers=answer.headers)
    found = response.links.get("next", {}).get("url")
    return str(httpx.URL(answer.url).join(found)) if found else None
