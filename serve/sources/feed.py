"""The sources ``feed`` (RSS, Atom, JSON Feed) and ``mastodon`` (a timeline of a server): posts go into ``social_media``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import Field, StringConstraints

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import SOCIAL_MEDIA
from serve.sources.fetching import FetchSection, FetchSpec, Url
from serve.sources.mapping import Zone

Timeline = Annotated[str, StringConstraints(pattern=r"^(public|home|tag/[^/?#\s]+|list/[0-9]+)$")]


class FeedSection(FetchSection):
    """A feed: of a blog, of a channel of YouTube, of a subreddit."""

    kind: str = "feed"
    url: Url
    every_s: float = Field(default=300.0, ge=0.1, le=86_400)
    zone: Zone | None = None
    """Where times are from that say no zone; None: an entry with such a time is refused."""


class MastodonSection(FetchSection):
    """A timeline of a Mastodon server, or of one that speaks its API."""

    kind: str = "mastodon"
    url: Url
    """Of the server: ``https://mastodon.social``."""
    timeline: Timeline = "public"
    """``public``, ``tag/<name>``, ``list/<number>`` or ``home``; what needs a user needs `auth` with that user's token."""


def _feed(url: str, zone: str | None, every_s: float, fetch: FetchSpec, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.entries import Feed  # here: only the process that reads needs the parser

    return Feed(url, zone, every_s, fetch, source, now)


def _of_feed(section: FeedSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    fetch = FetchSpec.of(section, within)
    return partial(_feed, section.url, section.zone, section.every_s, fetch, section.source or name)


def _mastodon(url: str, timeline: str, every_s: float, fetch: FetchSpec, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.mastodon import Timeline as Posts

    return Posts(url, timeline, every_s, fetch, source, now)


def _of_mastodon(section: MastodonSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    fetch = FetchSpec.of(section, within)
    return partial(_mastodon, section.url, section.timeline, section.every_s, fetch, section.source or name)


PART = Part(
    "feeds",
    sources=(
        SourceKind("feed", SOCIAL_MEDIA, _of_feed, FeedSection, refuses=True, bound=True),
        SourceKind("mastodon", SOCIAL_MEDIA, _of_mastodon, MastodonSection, refuses=True, bound=True),
    ),
)
"""Not named ``feed``: it has two kinds."""
