"""The source ``prometheus``: what a program shows at its ``/metrics``, read at a steady pace into ``api_metrics``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import Field

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import API_METRICS
from serve.sources.fetching import FetchSection, FetchSpec, Url


class PrometheusSection(FetchSection):
    """A program that shows its measurements as Prometheus reads them."""

    kind: str = "prometheus"
    url: Url
    every_s: float = Field(default=15.0, ge=0.1, le=86_400)
    only: tuple[str, ...] = ()
    """Names of measurements that are taken, with ``*`` for any letters (``node_cpu_*``); none: all."""
    subject_label: str | None = None
    """The label whose value is the row's ``subject``; None: the host and port of ``url``."""


def _opened(
    url: str, fetch: FetchSpec, every_s: float, only: tuple[str, ...], label: str | None, source: str,
    now: Callable[[], int],
) -> Source:  # fmt: skip
    from serve.sources.scrape import Target  # here: only the process that reads needs the parser

    return Target(url, fetch, every_s, only, label, source, now)


def _source(section: PrometheusSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    fetch = FetchSpec.of(section, within)
    return partial(
        _opened, section.url, fetch, section.every_s, section.only, section.subject_label, section.source or name
    )


KIND = SourceKind("prometheus", API_METRICS, _source, PrometheusSection, refuses=True)
PART = Part("prometheus", sources=(KIND,))
