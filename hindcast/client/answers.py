"""What the HTTP API answers, as types."""

from __future__ import annotations

from typing import Any, TypedDict


class Verdict(TypedDict):
    """A row that was not accepted; ``index`` is its place among the events that were sent."""

    index: int
    id: str | None
    field: str
    reason: str


class Receipt(TypedDict):
    """What became of the events of one ``send``. ``rejected`` has the first hundred."""

    success: bool
    accepted: int
    duplicate: int
    rejected: list[Verdict]
    rejected_total: int
    offset: int | None
    """Of the first accepted row; null where none was."""


class Producer(TypedDict):
    producer: str
    head: int


class StreamStatus(TypedDict):
    name: str
    about: str
    rows: int
    producers: list[Producer]


class Rows(TypedDict):
    """Rows of a stream, and by producer the offset to go on from."""

    stream: str
    rows: list[dict[str, Any]]
    next: dict[str, int]


class ResultColumn(TypedDict):
    name: str
    type: str


class Result(TypedDict):
    columns: list[ResultColumn]
    rows: list[list[Any]]
    truncated: bool
    elapsed_ms: float


class Sample(TypedDict):
    """One window of one metric and key; ``start`` ISO 8601, ``width_s`` seconds."""

    metric: str
    key: str
    start: str
    width_s: float
    count: int
    sum: float
    mean: float
    min: float
    max: float
    p50: float
    p95: float
    p99: float
    distinct: int
    revision: int


class Rule(TypedDict):
    name: str
    condition: str
    threshold: float
    channels: list[str]
    severity: str
    for_s: float


class MadeRule(Rule):
    """``warnings``: what may be a mistake, such as a metric that no sample has been seen of."""

    warnings: list[str]


class FailedNotification(TypedDict):
    """A message that was given up. ``key`` names it; ``body`` is its JSON."""

    key: str
    channel: str
    alert: str | None
    attempts: int
    error: str | None
    time: str | None
    body: str


class Topic(TypedDict):
    name: str
    policy: str
    cap: int


class TopicData(TypedDict):
    topic: str
    seq: int
    epoch: str
    data: dict[str, Any]


class Key(TypedDict):
    id: str
    name: str
    scopes: list[str]
    created: float
    expires: float | None


class MadeKey(Key):
    key: str
    """Shown once: keep it."""


class CellStatus(TypedDict):
    cell: str
    state: str
    detail: str
    commit: int
    rows_behind: int


class LogStatus(TypedDict):
    bytes: int


class Status(TypedDict):
    version: str
    generation: str
    placement: str
    cells: list[CellStatus]
    log: LogStatus


class Readiness(TypedDict):
    ready: bool
    waiting: dict[str, str]
