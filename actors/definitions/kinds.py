"""The kinds of definitions. Another kind joins by one ``Kind``: its schema, its name, what it refers to, what it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from actors.alerts import checking
from actors.alerts.checking import Measure
from actors.definitions.anomaly import Anomaly
from actors.definitions.channel import Channel
from actors.definitions.correlation import Correlation, parted
from actors.definitions.dashboard import Dashboard
from actors.definitions.feature import can_be_known, made_of, other_side, parts_are_there
from actors.definitions.forecast import ADDED_UP, Forecast
from actors.definitions.identity import Identity
from actors.definitions.inventory import Inventory, Key
from actors.definitions.metric import Metric
from actors.definitions.plan import Plan
from actors.definitions.query import Query
from actors.definitions.route import Inhibition, Route, refuse_cycles
from actors.definitions.rule import Alert
from actors.definitions.session import SessionRule
from actors.definitions.share import Share
from actors.definitions.source import DefinedSource, Source
from actors.definitions.trend import Trend
from actors.definitions.widget import Widget
from analytics import tracking
from events.catalog import ANOMALIES, FORECASTS, INSIGHTS
from events.errors import Rejected
from events.nearest import did_you_mean
from query.business.meaning import Business
from query.features.schema import FeatureRule, LabelRule
from query.point_in_time.saved import Pin
from query.questions.cohort import Cohort

COHORTS = ("cohort", "not_cohort")
"""The fields by which a question names cohorts."""


@dataclass(frozen=True)
class Kind:
    """One kind. ``section`` is its list in a configuration file; ``identity`` names the fields that make the name."""

    name: str
    section: str
    schema: TypeAdapter[Any]
    identity: tuple[str, ...]
    check: Callable[[Any, Inventory], list[str]]
    """What to warn of. Raises ``Rejected`` with field, reason and remedy for what cannot be among the inventory."""
    references: Callable[[Any, Inventory], Iterator[Key]]
    """The definitions that this one needs."""
    told: Callable[[Any], dict[str, Any]]
    """The spec as it stands on ``control``: plain values with every default said, and no secret."""
    breaks: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]] | None = None
    """Of the spec that holds and the one that is wanted: what others who keep to the former have to change."""

    def name_of(self, definition: Any) -> str:
        return ".".join(str(getattr(definition, field)) for field in self.identity)

    def named(self, name: str) -> dict[str, str]:
        """The identity fields that ``name`` says."""
        if len(self.identity) == 1:
            return {self.identity[0]: name}
        return dict(zip(self.identity, name.rsplit(".", len(self.identity) - 1), strict=False))

    @property
    def fields(self) -> tuple[str, ...]:
        """The keys that a spec may have."""
        found = self.schema.json_schema()
        parts = [found, *found.get("$defs", {}).values()] if "properties" not in found else [found]
        return tuple(sorted({field for part in parts for field in part.get("properties", {})}))


def _plain(definition: BaseModel) -> dict[str, Any]:
    return definition.model_dump(mode="json")


def _channel_told(channel: Any) -> dict[str, Any]:
    return _plain(channel) | channel.references


def _dashboard_told(dashboard: Dashboard) -> dict[str, Any]:
    return dashboard.model_dump(mode="json", exclude_none=True)


def _source_told(source: DefinedSource) -> dict[str, Any]:
    return source.told


def _anything(_: Any, __: Inventory) -> list[str]:
    return []


def _nothing(_: Any, __: Inventory) -> Iterator[Key]:
    return iter(())


def _counts(metric: Metric, among: Inventory) -> Iterator[Key]:
    """What makes the rows of its stream, where definitions do: a watch of such a metric would feed itself for ever."""
    makers = {ANOMALIES.name: ("anomaly",), INSIGHTS.name: ("trend", "correlation"), FORECASTS.name: ("forecast",)}
    for kind in makers.get(metric.stream, ()):
        yield from (Key(kind, name) for name in sorted(among.names(kind)))


def _foreseeable(watch: Forecast, among: Inventory) -> list[str]:
    """Its steps are made of whole windows, of figures that can be added up."""
    measures = _has_samples(watch.metric, watch.aggregate, among, "metric", "aggregate")
    width = float(among.specs[Key("metric", measures[0].name)].get("width_s", 10.0))
    if watch.step_s is None or watch.step_s == width:
        return []
    if round(watch.step_s * 1e6) % round(width * 1e6):
        below = max(1, round(watch.step_s / width)) * width
        raise Rejected(
            "step_s", f"is {watch.step_s:g}, and windows of {width:g} s do not fit into it; {below:g} would do"
        )
    if watch.aggregate not in ADDED_UP:
        raise Rejected(
            "step_s",
            f"is longer than a window, and {watch.aggregate} of several windows cannot be had from theirs; leave it out, "
            f"or forecast one of {', '.join(ADDED_UP)}",
        )
    return []


def _watchable(watch: Anomaly | Trend, among: Inventory) -> list[str]:
    _has_samples(watch.metric, watch.aggregate, among, "metric", "aggregate")
    return []


def _has_samples(metric: str, aggregate: str, among: Inventory, of_metric: str, of_aggregate: str) -> list[Measure]:
    """What may give such samples. Raises ``Rejected``, with the field that names what is not there."""
    named = list(among.measured(metric))
    if not named:
        known = {name for measure in among.measures for name in measure.names or ()}
        hint, listed = did_you_mean(metric, known), ", ".join(sorted(known)) or "none"
        raise Rejected(of_metric, f"there is no metric {metric!r}{hint}; there are {listed}")
    lacking = [measure.lacks(aggregate) for measure in named]
    if all(lacking):
        raise Rejected(of_aggregate, f"{metric!r} {lacking[0]}")
    return named


def _watches(watch: Anomaly | Trend | Forecast, among: Inventory) -> Iterator[Key]:
    return (Key("metric", measure.name) for measure in among.measured(watch.metric))


def _comparable(watch: Correlation, among: Inventory) -> list[str]:
    """Each series can be there, and their windows fit into one another."""
    widths: dict[str, float] = {}
    for series in watch.series:
        metric, aggregate, key = parted(series)
        measures = _has_samples(metric, aggregate, among, "series", "series")
        if not key and all(measure.key for measure in measures):
            raise Rejected(
                "series",
                f"names {series!r}, but {metric!r} has a series for each {measures[0].key}; name one: {series}[KEY]",
            )
        if key and not any(measure.key for measure in measures):
            raise Rejected("series", f"names {series!r}, but {metric!r} has no keys; write {metric}.{aggregate}")
        widths[series] = float(among.specs[Key("metric", measures[0].name)].get("width_s", 10.0))
    widest = max(widths.values())
    for series, width in widths.items():
        if (widest / width) % 1:
            raise Rejected(
                "series", f"has windows of {widest:g} s, into which those of {series!r}, {width:g} s, do not fit"
            )
    return []


def _compares(watch: Correlation, among: Inventory) -> Iterator[Key]:
    for series in watch.series:
        yield from (Key("metric", measure.name) for measure in among.measured(parted(series)[0]))


def _can_fire(rule: Alert, among: Inventory) -> list[str]:
    for channel in rule.channels:
        if channel not in among.channels:
            hint, known = did_you_mean(channel, among.channels), ", ".join(sorted(among.channels))
            raise Rejected("channels", f"names channel {channel!r}{hint}; channels are {known}")
    condition = rule.meant
    checking.check_clear(condition, rule.threshold, rule.clear_threshold)
    return checking.check(condition, rule.threshold, among.measures, among.seen)


def _judges(rule: Alert, among: Inventory) -> Iterator[Key]:
    yield from (Key("channel", name) for name in rule.channels if name in among.names("channel"))
    for metric in rule.metrics:
        yield from (Key("metric", measure.name) for measure in among.measured(metric))


def _tells(route: Route, among: Inventory) -> list[str]:
    for channel in route.named:
        if channel not in among.channels:
            hint, known = did_you_mean(channel, among.channels), ", ".join(sorted(among.channels))
            raise Rejected("channels", f"names channel {channel!r}{hint}; channels are {known}")
    return [] if any(True for _ in route.named) else ["it names no channel, so nobody is told by it"]


def _told_by(route: Route, among: Inventory) -> Iterator[Key]:
    yield from (Key("channel", name) for name in dict.fromkeys(route.named) if name in among.names("channel"))


def _no_circle(_: Inhibition, among: Inventory) -> list[str]:
    refuse_cycles([dict(spec) for key, spec in among.specs.items() if key.kind == "inhibition"])
    return []


def _reads(query: Query, among: Inventory) -> list[str]:
    from query.statements import admitted, database  # DuckDB takes its time to load

    with closing(database()) as db:
        admitted(db, query.sql)
    return []


def _shown(dashboard: Dashboard, among: Inventory) -> list[str]:
    """A widget may be there before what it shows is: what nobody knows so far is worth a word, and no more."""
    known = {name for measure in among.measures for name in measure.names or ()}
    return [
        *(
            f"widget {w.id!r} shows the metric {w.metric!r}, which is not defined{_nearest(w.metric, known)}"
            for w in dashboard.widgets
            if w.metric is not None and not list(among.measured(w.metric))
        ),
        *(
            f"widget {w.id!r} follows the topic {w.topic!r}, which nobody shows{_nearest(w.topic, among.topics)}"
            for w in dashboard.widgets
            if w.topic is not None and among.topics is not None and w.topic not in among.topics
        ),
        *(
            f"widget {w.id!r} shows the query {w.query!r}, which nobody keeps{_nearest(w.query, among.names('query'))}"
            for w in dashboard.widgets
            if w.query is not None and w.query not in among.names("query")
        ),
        *(
            f"widget {w.id!r} asks about the cohort {name!r}, which is not defined{_nearest(name, among.names('cohort'))}"
            for w in dashboard.widgets
            for name in _cohorts(w)
            if name not in among.names("cohort")
        ),
    ]


def _cohorts(widget: Widget) -> list[str]:
    asked = widget.question or {}
    return [asked[field] for field in COHORTS if asked.get(field)]


def _nearest(name: str, known: Collection[str]) -> str:
    return f"{did_you_mean(name, known)}; there are {', '.join(sorted(known)) or 'none'}"


def _shows(dashboard: Dashboard, among: Inventory) -> Iterator[Key]:
    for widget in dashboard.widgets:
        if widget.metric:
            yield from (Key("metric", measure.name) for measure in among.measured(widget.metric))
        if widget.query is not None and widget.query in among.names("query"):
            yield Key("query", widget.query)
        yield from (Key("cohort", name) for name in _cohorts(widget) if name in among.names("cohort"))


def _shareable(share: Share, among: Inventory) -> list[str]:
    for id in share.dashboards:
        if id not in among.names("dashboard"):
            raise Rejected("dashboards", f"there is no dashboard {id!r}{_nearest(id, among.names('dashboard'))}")
    return []


def _shares(share: Share, _: Inventory) -> Iterator[Key]:
    return (Key("dashboard", id) for id in share.dashboards)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("channel", "channels", TypeAdapter(Channel), ("name",), _anything, _nothing, _channel_told),
        Kind("source", "defined_sources", TypeAdapter(Source), ("name",), _anything, _nothing, _source_told),
        Kind("metric", "metrics", TypeAdapter(Metric), ("name",), _anything, _counts, _plain),
        Kind("anomaly", "anomalies", TypeAdapter(Anomaly), ("metric", "aggregate"), _watchable, _watches, _plain),
        Kind("trend", "trends", TypeAdapter(Trend), ("metric", "aggregate"), _watchable, _watches, _plain),
        Kind("forecast", "forecasts", TypeAdapter(Forecast), ("metric", "aggregate"), _foreseeable, _watches, _plain),
        Kind("correlation", "correlations", TypeAdapter(Correlation), ("name",), _comparable, _compares, _plain),
        Kind("rule", "alerts", TypeAdapter(Alert), ("name",), _can_fire, _judges, _plain),
        Kind("route", "routes", TypeAdapter(Route), ("name",), _tells, _told_by, _plain),
        Kind("inhibition", "inhibitions", TypeAdapter(Inhibition), ("name",), _no_circle, _nothing, _plain),
        Kind("session", "sessions", TypeAdapter(SessionRule), ("name",), _anything, _nothing, _plain),
        Kind("identity", "identities", TypeAdapter(Identity), ("name",), _anything, _nothing, _plain),
        Kind("plan", "plans", TypeAdapter(Plan), ("name",), _anything, _nothing, _plain, tracking.breaks),
        Kind("business", "businesses", TypeAdapter(Business), ("name",), _anything, _nothing, _plain),
        Kind("cohort", "cohorts", TypeAdapter(Cohort), ("name",), _anything, _nothing, _plain),
        Kind("dashboard", "dashboards", TypeAdapter(Dashboard), ("id",), _shown, _shows, _dashboard_told),
        Kind("share", "shares", TypeAdapter(Share), ("id",), _shareable, _shares, _plain),
        Kind("query", "saved_queries", TypeAdapter(Query), ("name",), _reads, _nothing, _plain),
        Kind("feature", "features", TypeAdapter(FeatureRule), ("name",), parts_are_there, made_of, _plain),
        Kind("label", "labels", TypeAdapter(LabelRule), ("name",), can_be_known, other_side, _plain),
        Kind("table", "tables", TypeAdapter(Pin), ("name",), _anything, _nothing, _plain),
    )
}
"""By name, in an order in which what is referred to comes first."""


def kind_of(name: str) -> Kind:
    """Raises ``Rejected`` with the kinds that there are."""
    try:
        return KINDS[name]
    except KeyError:
        raise Rejected(
            "kind", f"there is no kind {name!r} of definitions{did_you_mean(name, KINDS)}; kinds are {', '.join(KINDS)}"
        ) from None
