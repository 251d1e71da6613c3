"""What the HTTP API answers, as types."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Flaw(TypedDict):
    field: str
    reason: str


class Verdict(TypedDict):
    """What there is to say of a row; ``index`` is its place among the events that were sent."""

    index: int
    id: str | None
    field: str
    reason: str
    faults: list[Flaw]
    """All that is wrong with it; ``field`` and ``reason`` are the first of them."""


class Receipt(TypedDict):
    """What became of the events of one ``send``. ``rejected`` and ``warnings`` have the first hundred each.

    A row that was warned of was accepted; something it said could not be read, such as its currency.
    """

    success: bool
    accepted: int
    duplicate: int
    rejected: list[Verdict]
    rejected_total: int
    warnings: list[Verdict]
    warnings_total: int
    offset: int | None
    """Of the first accepted row; null where none was."""


class ImportProgress(TypedDict):
    """How far an import is: ``rows`` are judged, ``accepted`` of these are in the log. ``finished``: these are all."""

    name: str
    rows: int
    accepted: int
    finished: bool


class Producer(TypedDict):
    producer: str
    head: int


class StreamStatus(TypedDict):
    """A stream; ``columns`` are named as SQL names them."""

    name: str
    about: str
    rows: int
    producers: list[Producer]
    columns: list[str]


class Rows(TypedDict):
    """Rows of a stream, and by producer the offset to go on from."""

    stream: str
    rows: list[dict[str, Any]]
    next: dict[str, int]
    as_of: str
    """The token of the moment of this answer."""


class ResultColumn(TypedDict):
    name: str
    type: str


class Result(TypedDict):
    columns: list[ResultColumn]
    rows: list[list[Any]]
    truncated: bool
    elapsed_ms: float
    as_of: str
    """The token of the moment of this answer."""


class Answer(TypedDict):
    """The answer to a question: besides these fields it has its figures (``series``, ``groups``, ``cohorts``, …)."""

    ask: str
    since: str
    until: str
    zone: str
    warnings: list[str]
    """What may be a mistake, such as a type of events that never came."""
    asked_at: float
    cut: dict[str, dict[str, int]]
    """How far each stream was read: the next offset of each producer."""
    elapsed_ms: float


class Behind(TypedDict):
    """What is behind a cell of an answer: ``users`` or ``events``, whichever were asked for."""

    cell: dict[str, Any]
    users_total: int
    events_total: int
    users: NotRequired[list[dict[str, Any]]]
    events: NotRequired[list[dict[str, Any]]]
    truncated: bool


class DeadLetter(TypedDict):
    """A refused row; ``payload`` is what was sent, ``at`` when it was refused, seconds UTC."""

    id: str
    at: float
    stream: str
    field: str
    reason: str
    payload: str
    event_id: str | None
    source: str | None
    replayed: bool


class StillRefused(TypedDict):
    id: str
    field: str
    reason: str


class Replayed(TypedDict):
    """What became of dead letters: recorded, there already, or still refused."""

    accepted: int
    duplicate: int
    refused: list[StillRefused]
    refused_total: int
    events: list[dict[str, Any]]


class IdentityNote(TypedDict):
    """A link that was ``refused``, or that holds and is worth a look."""

    at: float | None
    refused: bool
    reason: str
    a: str
    b: str
    message: str


class Identity(TypedDict):
    """Whose an id is: ``person``, with all of its ``ids``."""

    id: str
    person: str
    account: str | None
    ids: list[str]
    notes: list[IdentityNote]


class Past(TypedDict):
    """Times in ISO 8601; None: there is none yet. ``as_of`` reaches back to ``known_since``, the first commit;
    ``happened_since`` is the time of the first event of the last 90 days."""

    known_since: str | None
    happened_since: str | None
    now: str


class OptimizedAnswer(TypedDict):
    """``way``: ``cached``, ``partitioned`` or ``optimized``; ``streams``: what the query touches, estimated beforehand."""

    result: Any
    way: str
    data_size: int
    partitions: int
    streams: dict[str, dict[str, Any]]
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
    no_data: str
    """``resolve | keep | fire``: what becomes of an alert whose condition is unknown for 10 minutes."""
    clear_threshold: float | None
    keep_firing_for_s: float
    labels: dict[str, str]
    annotations: dict[str, str]
    runbook: str
    active: dict[str, Any] | None


class MadeRule(Rule):
    """``warnings``: what may be a mistake, such as a metric that no sample has been seen of."""

    warnings: list[str]


class CellPlace(TypedDict):
    cell: str
    kind: str
    host: str
    going: str | None
    """While the cell is on its way: the host that it goes to."""


class Placement(TypedDict):
    """``placement``: ``packed`` (a host for each kind of cell), ``spread`` (one for each cell), or ``mixed``."""

    placement: str
    cells: list[CellPlace]
    done: int
    """Every order up to this number has been carried out, as far as it can be; -1: none since the start."""
    failed: str
    """Why the last one could not be carried out, or not yet."""


class Ordered(Placement):
    """The placement as the order found it."""

    order: int
    """Carried out once ``done`` has come to this number."""


class FieldDifference(TypedDict):
    """One field, by its dotted path; None where it is not there."""

    field: str
    before: Any
    after: Any


class Definition(TypedDict):
    """``version`` is its place in the log; ``owner`` is ``api``, or ``file:<name>`` of a configuration file."""

    kind: str
    name: str
    spec: dict[str, Any]
    version: int
    by: str
    at: float
    owner: str
    past: float | None
    """While its past is being folded: the share of it that is, 0 to 1."""
    past_error: str
    """Why its past cannot be folded; empty where it can."""


class DefinitionVersion(Definition):
    """``differences``: to the version before; ``spec`` is None where the definition was removed."""

    differences: list[FieldDifference]


class DefinitionChange(TypedDict):
    """What was done, or would be: ``change`` is ``new | changed | same | removed``."""

    kind: str
    name: str
    change: str
    differences: list[FieldDifference]
    warnings: list[str]
    definition: Definition | None


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
    stale: str
    """Why this is not what the log has now; empty while it is."""
    as_of: str
    """The token of the moment of this answer."""


class Key(TypedDict):
    """``source`` is the product whose events the key brings: ids of events are unique within it."""

    id: str
    name: str
    scopes: list[str]
    source: str
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
    notes: list[str]
    """Definitions that began anew when the cell last started."""
    progress: float | None
    """While the cell rebuilds its state: the share of its past that is folded, 0 to 1."""
    stale: str
    """Why what it shows is not what the log has now; empty while it is."""


class FollowerStatus(TypedDict):
    follower: str
    host: str
    state: str
    errors: int
    last_error: str
    asked_s_ago: float


class LogStatus(TypedDict):
    bytes: int


class TooLate(TypedDict):
    """Rows that no window of a metric counts, because they came too late; the stream ``late_rows`` lists them."""

    rows: int
    behind_s: float
    t: float


class Peak(TypedDict):
    """``rows`` events whose lag is ``lag_h`` hours within a minute; negative is ahead of the server's clock."""

    lag_h: float
    rows: int


class SourceStatus(TypedDict):
    """How the events of one source came in the last 24 hours; lags (received - time) in seconds, upper bounds."""

    source: str
    rows: int
    lag_p50_s: float | None
    lag_p95_s: float | None
    ahead: int
    peaks: list[Peak]
    no_amount: int


class PulledStatus(TypedDict):
    """A source that is read, not sent. Counts are since its host started; ages in seconds, None: not since then."""

    name: str
    kind: str
    stream: str
    state: str
    rows: int
    refused: int
    errors: int
    last_error: str
    error_s_ago: float | None
    read_s_ago: float | None
    row_s_ago: float | None
    lag_s: float | None
    behind: int | None
    note: str


class PlugInStatus(TypedDict):
    """A part of an installed package; ``error`` says why it is not there, and is empty where it is."""

    name: str
    package: str
    version: str
    error: str
    lacks: str
    """What of it is not there, and why; empty where all of it is."""
    installed: bool
    """Whether its package is still there; where not, it is named for what it left behind."""


class Status(TypedDict):
    version: str
    generation: str
    placement: str
    cells: list[CellStatus]
    followers: list[FollowerStatus]
    log: LogStatus
    late_rows: dict[str, TooLate] | None
    """By metric; null while it is not known."""
    sources: list[SourceStatus] | None
    pulled: list[PulledStatus]
    plug_ins: list[PlugInStatus]


class Readiness(TypedDict):
    ready: bool
    waiting: dict[str, str]


class Difference(TypedDict):
    """Pages of one rule and key that overlap are the same one."""

    both: int
    only_here: list[dict[str, str]]
    only_there: list[dict[str, str]]


class Backtest(TypedDict):
    """What would have fired. ``fit`` (within it, and within ``rules`` and ``against``) needs labelled incidents."""

    fold: str
    samples: int
    timeline: list[dict[str, Any]]
    truncated: bool
    pages: int
    pages_per_week: float | None
    firing_s: float
    fit: dict[str, Any] | None
    rules: list[dict[str, Any]]
    against: dict[str, Any]
    difference: Difference
