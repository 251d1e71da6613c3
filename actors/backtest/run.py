"""One backtest from question to answer: what would have fired, how often, how well, and what is different."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from actors.alerts.state import Rule
from actors.alerts.wording import Wording
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.backtest import alerting, counting, watching
from actors.backtest.alerting import Found
from actors.backtest.asked import RULES, Asked, Other, Setting, brought, setting
from actors.backtest.taken import ALL, Committed
from actors.definitions.inventory import Inventory, Key
from actors.definitions.then import definitions_then
from analytics.episodes import Fit, Share, Span, a_week, fit
from events.catalog import ALERTS, ANOMALIES
from events.log import LogReader
from query.as_of import iso
from query.history import History

pc: Any = compute  # its functions are made at import, where no type checker sees them
LEAD_S = 86_400.0
"""Rules count from so long before the span on: what has been wrong for longer fires at once, and before it."""
AFTER_S = 3_600.0
"""Rows may come so long after their time and their metric's lateness."""
TURNS = tuple(f"alert.{turn}" for turn in ("pending", "calmed", "fired", "resolved", "acknowledged", "revised"))
"""What the alerts of rules do; who is told of it is another matter."""
SHOWN = ("time", "type", "rule", "key", "metric", "value", "threshold", "severity", "alert", "message")


@dataclass(frozen=True)
class Part:
    """What one process folds: some groups of rules, or some watches. Small and picklable."""

    tenant: str
    groups: tuple[tuple[Rule, ...], ...] = ()
    named: frozenset[str] = frozenset()
    wording: Wording | None = None
    watches: tuple[AnomalySpec, ...] = ()
    counted: tuple[dict[str, Any], ...] = ()
    """Metrics that are counted for these rules; they are about no others."""
    span: Committed = ALL

    def run(self, log: LogReader) -> Found:
        if self.watches:
            return watching.flagged(log, self.tenant, self.watches, self.span)
        slices = counting.counted(log, self.tenant, self.counted, self.span) if self.counted else None
        return alerting.evaluated(log, self.tenant, self.groups, self.named, self.wording, slices, self.span)


Runs = Callable[[Sequence[Part]], list[Found]]
"""Folds parts, here or elsewhere, and answers in their order."""


class Page(NamedTuple):
    """What somebody would have been called for."""

    rule: str
    key: str
    span: Span


def backtest(
    log: LogReader,
    tenant: str,
    asked: Asked,
    *,
    wording: Wording | None = None,
    parts: int = 1,
    runs: Runs | None = None,
) -> dict[str, Any]:
    """The answer to ``asked``, as plain JSON values. Nothing is written, nobody is told.

    ``parts``: into how many the work is divided for ``runs``; without it all is folded here, one after the other. Raises
    ``Rejected`` with field, reason and remedy.
    """
    among = Inventory.of(definitions_then(log, tenant))
    start, end = asked.span
    metrics = brought(asked.metrics, asked.fold, among)
    among = among.changed({Key("metric", spec["name"]): spec for spec in metrics})
    wanted = setting(asked.fold, asked.rules, asked.anomalies, asked.changes, among)
    runs = runs or (lambda found: [part.run(log) for part in found])
    named = frozenset(name for name in among.names("metric") if not name.startswith("{"))

    def folded(of: Setting) -> Found:
        span = _committed(start, end, of, among)
        found = runs([*_divided(of, tenant, named, wording, parts, metrics, span)])
        return _together(found)

    here = folded(wanted)
    start = here.first if start is None else start
    end = here.last if end is None else end
    if isinstance(asked.against, Other):
        said = asked.against
        there_setting = setting(asked.fold, said.rules, said.anomalies, said.changes, among)
        there = folded(there_setting).turns
    else:
        there = _live(log, tenant, asked.fold, wanted.names)
    mine, others = (_turns(asked.fold, turns, start, end) for turns in (here.turns, there))
    incidents = [incident.span for incident in asked.incidents]
    tolerance_us = int(asked.tolerance_s * 1e6)
    pages, against = (_pages(turns, end) for turns in (mine, others))
    return {
        "fold": asked.fold,
        "from": iso(start),
        "to": iso(end),
        "samples": here.samples,
        "timeline": [_shown(turn) for turn in mine[: asked.limit]],
        "truncated": len(mine) > asked.limit,
        **_figures(pages, start, end, incidents, tolerance_us),
        "rules": [
            {"rule": name, **_figures([p for p in pages if p.rule == name], start, end, incidents, tolerance_us)}
            for name in wanted.names
        ],
        "against": {
            "what": asked.against if isinstance(asked.against, str) else "settings",
            **_figures(against, start, end, incidents, tolerance_us),
        },
        "difference": _difference(pages, against),
    }


def _divided(
    of: Setting,
    tenant: str,
    named: frozenset[str],
    wording: Wording | None,
    parts: int,
    metrics: tuple[dict[str, Any], ...],
    span: Committed,
) -> Iterator[Part]:
    """The work in about ``parts`` parts; what has to be folded together stays together."""
    if of.watches:
        for i in range(min(parts, len(of.watches))):
            yield Part(tenant, watches=of.watches[i::parts], span=span)
        return
    counted = {spec["name"]: spec for spec in metrics}
    groups = sorted(alerting.grouped(of.rules, named), key=len, reverse=True)
    ours = [group for group in groups if group[0].metric in counted]
    told = [group for group in groups if group[0].metric not in counted]
    for i in range(min(parts, len(told))):
        yield Part(tenant, tuple(told[i::parts]), named, wording, span=span)
    for i in range(min(parts, len(ours))):
        mine = tuple(ours[i::parts])
        yield Part(tenant, mine, named, wording, counted=tuple(counted[group[0].metric] for group in mine), span=span)


def _committed(start: int | None, end: int | None, of: Setting, among: Inventory) -> Committed:
    """What has to be read: rules count from a while before ``start`` on, and what is late comes after ``end``."""
    late_s = max(
        (float(spec.get("lateness_s", 0)) for key, spec in among.specs.items() if key.kind == "metric"), default=0
    )
    held_s = max((rule.for_s for rule in of.rules), default=0)
    since = None if start is None else start - int((LEAD_S + held_s) * 1e6)
    return Committed(since, None if end is None else end + int((late_s + AFTER_S) * 1e6))


def _together(found: Sequence[Found]) -> Found:
    turns = pa.concat_tables([one.turns for one in found])
    firsts = [one.first for one in found if one.first]
    return Found(turns, sum(f.samples for f in found), min(firsts, default=0), max(one.last for one in found))


def _live(log: LogReader, tenant: str, fold: str, names: Sequence[str]) -> pa.Table:
    """What really happened, of rules (or watches) of these names: rows of ``alerts`` or of ``anomalies``."""
    stream = ALERTS if fold == RULES else ANOMALIES
    kept: list[pa.RecordBatch] = []
    for batch in History(log, tenant).batches(stream.name):
        rows = pa.RecordBatch.from_arrays(batch.columns[: len(stream.schema)], schema=stream.schema)
        if fold == RULES:
            mine = pc.is_in(rows.column("rule").cast(pa.string()), pa.array(names, pa.string()))
            mine = pc.and_(mine, pc.is_in(rows.column("type").cast(pa.string()), pa.array(TURNS)))
        else:
            metric, aggregate = (rows.column(name).cast(pa.string()) for name in ("metric", "aggregate"))
            name = pc.binary_join_element_wise(metric, aggregate, ".")
            mine = pc.and_(pc.is_in(name, pa.array(names, pa.string())), rows.column("is_anomaly"))
        kept.append(rows.filter(mine))
    return pa.Table.from_batches(kept, stream.schema).unify_dictionaries()


def _turns(fold: str, table: pa.Table, start: int, end: int) -> list[dict[str, Any]]:
    """The turns within the span by their time; ``at`` in us UTC."""
    if fold != RULES:
        found: list[dict[str, Any]] = []
        for episode in watching.episodes(table):
            said = {name: value for name, value in episode.items() if name not in ("start", "end", "score")}
            said |= {"alert": f"{episode['rule']} {episode['key']} {episode['start']}".replace("  ", " ")}
            began, ended = episode["start"], episode["end"]
            found += [{**said, "type": "anomaly.began", "at": began}, {**said, "type": "anomaly.ended", "at": ended}]
    else:
        at = table.column("time").cast(pa.int64()).to_numpy()
        rows = table.select([name for name in SHOWN if name != "time"]).to_pylist()
        found = [{**row, "at": int(when)} for row, when in zip(rows, at, strict=True)]
    kept = [turn for turn in found if start <= turn["at"] <= end]
    return sorted(kept, key=lambda turn: (turn["at"], turn["rule"], turn["key"] or ""))


def pages_of(turns: pa.Table, start: int, end: int) -> dict[str, int]:
    """How often each rule would have called somebody; ``turns``: rows of ``alerts``."""
    counts: dict[str, int] = {}
    for page in _pages(_turns(RULES, turns, start, end), end):
        counts[page.rule] = counts.get(page.rule, 0) + 1
    return counts


def _pages(turns: Sequence[Mapping[str, Any]], end: int) -> list[Page]:
    """What fired; what has not ended by ``end`` ends there."""
    open_: dict[str, int] = {}
    found: list[Page] = []
    for turn in turns:
        if turn["type"] in ("alert.fired", "anomaly.began"):
            open_[turn["alert"]] = len(found)
            found.append(Page(turn["rule"], turn["key"] or "", Span(turn["at"], end)))
        elif turn["type"] in ("alert.resolved", "anomaly.ended") and turn["alert"] in open_:
            place = open_.pop(turn["alert"])
            page = found[place]
            found[place] = page._replace(span=Span(page.span.start, turn["at"]))
    return found


def _figures(
    pages: Sequence[Page], start: int, end: int, incidents: Sequence[Span], tolerance_us: int
) -> dict[str, Any]:
    within = [i for i in incidents if i.start < end and i.end > start]
    found = fit([page.span for page in pages], within, tolerance_us) if incidents else None
    return {
        "pages": len(pages),
        "pages_per_week": a_week(len(pages), end - start),
        "firing_s": sum(page.span.end - page.span.start for page in pages) / 1e6,
        "fit": None if found is None else _fit(found),
    }


def _fit(found: Fit) -> dict[str, Any]:
    def said(share: Share, of: str, among: str) -> dict[str, Any]:
        return {"value": share.value, of: share.of, among: share.among}

    return {
        "precision": said(found.precision, "right", "pages"),
        "recall": said(found.recall, "found", "incidents"),
        "delay_s": None if found.delay_us is None else found.delay_us / 1e6,
    }


def _difference(pages: Sequence[Page], others: Sequence[Page]) -> dict[str, Any]:
    """Pages of one rule and key that overlap are the same page."""

    def missing(of: Sequence[Page], among: Sequence[Page]) -> list[Page]:
        by_place: dict[tuple[str, str], list[Span]] = {}
        for page in among:
            by_place.setdefault((page.rule, page.key), []).append(page.span)
        return [
            page
            for page in of
            if not any(
                s.start <= page.span.end and s.end >= page.span.start for s in by_place.get((page.rule, page.key), ())
            )
        ]

    only_here, only_there = missing(pages, others), missing(others, pages)
    return {
        "both": len(pages) - len(only_here),
        "only_here": [_page(page) for page in only_here[:1000]],
        "only_there": [_page(page) for page in only_there[:1000]],
    }


def _page(page: Page) -> dict[str, Any]:
    return {"rule": page.rule, "key": page.key, "from": iso(page.span.start), "to": iso(page.span.end)}


def _shown(turn: Mapping[str, Any]) -> dict[str, Any]:
    return {"time": iso(turn["at"]), **{name: turn.get(name) for name in SHOWN if name != "time"}}
