"""What reads the source ``mastodon``: a timeline, forward from the newest post that was read.

``min_id`` asks for the posts that follow one (https://docs.joinmastodon.org/methods/timelines/), so none is missed however
many came. The first read begins with the newest page: what was before is not fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from actors.source import Read
from events.collected import SOCIAL_MEDIA
from events.errors import Transient
from serve.sources.fetching import Fetcher, FetchSpec, refuse_markup, shown
from serve.sources.gathered import Gathered, as_json
from serve.sources.markup import text_of
from serve.sources.when import read_time

PAGE = 40
"""Posts of one answer: the most that a server gives."""
_KEPT = ("uri", "visibility", "sensitive", "in_reply_to_id", "replies_count", "reblogs_count", "favourites_count")


class Timeline:
    """A source of ``social_media``. ``now`` gives microseconds UTC."""

    def __init__(
        self, url: str, timeline: str, every_s: float, fetch: FetchSpec, source: str, now: Callable[[], int]
    ) -> None:
        self.url = f"{url.rstrip('/')}/api/v1/timelines/{timeline}"
        self.fetch, self.source, self.now = fetch, source, now
        self.every_us = int(every_s * 1_000_000)

    def open(self, position: bytes | None) -> TimelineReader:
        return TimelineReader(self, int(position) if position else 0)


class TimelineReader:
    """The timeline, from the post ``newest`` on; 0: from its newest page on. A position is that number."""

    def __init__(self, timeline: Timeline, newest: int) -> None:
        self._timeline, self._newest = timeline, newest
        self._fetcher = Fetcher(timeline.fetch)

    def read(self) -> Read:
        timeline = self._timeline
        now = timeline.now()
        params = {"limit": str(PAGE)} | ({"min_id": str(self._newest)} if self._newest else {})
        answer = self._fetcher.get(timeline.url, params)
        refuse_markup(answer, "posts")
        try:
            posts: Any = orjson.loads(answer.body)
            fresh = sorted((post for post in posts if int(post["id"]) > self._newest), key=lambda post: int(post["id"]))
        except (ValueError, TypeError, KeyError) as error:
            raise Transient(f"{shown(answer.url)} answers no list of posts: {type(error).__name__}: {error}") from None
        gathered = Gathered(SOCIAL_MEDIA, timeline.source, now)
        began = self._newest > 0
        for post in fresh:
            self._take(post, gathered)
            self._newest = int(post["id"])
        wake_at = None if fresh and began else now + timeline.every_us
        position = str(self._newest).encode() if self._newest else None
        return Read(gathered.batch(), position, wake_at, gathered.refused())

    @staticmethod
    def _take(post: Mapping[str, Any], gathered: Gathered) -> None:
        try:
            shared = post.get("reblog")
            said: Mapping[str, Any] = shared or post
            gathered.add(
                id=str(post["id"]),
                type="post.shared" if shared else "post.published",
                time=read_time(post.get("created_at"), gathered.received_us),
                subject=str(post["account"]["acct"]),
                title=str(said.get("spoiler_text") or "") or None,
                text=text_of(str(said.get("content") or "")) or None,
                url=said.get("url") or said.get("uri"),
                language=said.get("language"),
                tags=[str(tag["name"]) for tag in said.get("tags") or []],
                properties=as_json({name: said.get(name) for name in _KEPT}),
            )
        except ValueError as error:
            gathered.refuse("created_at", str(error), post, str(post["id"]))
        except (KeyError, TypeError, AttributeError) as error:
            gathered.refuse(
                "post", f"lacks what every post has ({type(error).__name__}: {error})", post, str(post["id"])
            )

    def close(self) -> None:
        self._fetcher.close()
