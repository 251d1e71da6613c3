"""The source ``http``: somebody else's API, asked at a steady pace, page by page; its items go into ``external_apis``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import EXTERNAL_APIS
from serve.sources.fetching import FetchSpec
from serve.sources.http_settings import HttpSection


def _opened(section: HttpSection, fetch: FetchSpec, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.walking import Api  # here: only the process that reads needs what this imports

    return Api(section, fetch, source, now)


def _source(section: HttpSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section, FetchSpec.of(section, within), section.source or name)


KIND = SourceKind("http", EXTERNAL_APIS, _source, HttpSection, refuses=True, bound=True)
PART = Part("http", sources=(KIND,))
