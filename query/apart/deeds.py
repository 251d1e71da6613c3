"""The queries that can be done in a process of their own; each is a function of a ``Desk`` and of what picklable things it
needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from analytics.features.plan import FOLDS, FeatureFold
from query import as_of
from query.answers import Answer
from query.apart.desk import Desk
from query.as_of import Moment
from query.bounds import Stopped
from query.business.meaning import Business
from query.business.summary import ExecutiveDashboard
from query.engine import Engine
from query.features.asked import DatasetAsked
from query.features.dataset import MadeDataset, features_of_one, make
from query.features.schema import FeatureRule, LabelRule
from query.forms import Written, written
from query.history import Cut
from query.learning import learned
from query.operations.dashboard import Operated, operated_of
from query.point_in_time.making import Made, PointInTime
from query.point_in_time.schema import Table
from query.questions.asking import Questions, Show
from query.rolled import Range, Ranged, from_windows, ranged
from query.texts import Text, text_of


class When(NamedTuple):
    """The moment that a query is about; ``cut``: of an earlier answer, or as it was looked at before."""

    moment: Moment | None = None
    valid_at: int | None = None
    cut: Cut | None = None


NOW = When()


def text(desk: Desk, sql: str) -> Text:
    """What a statement says, whatever is in the log."""
    return text_of(sql)


def statement(
    desk: Desk,
    sql: str,
    *,
    when: When = NOW,
    rows: int | None = None,
    commands: bool = False,
    partitions: int = 1,
    parameters: Mapping[str, Any] | None = None,
) -> Answer:
    """The answer to one statement."""
    with Engine(desk.log, desk.limits).open(
        tenant=desk.tenant,
        commands=commands,
        cut=when.cut,
        stop=desk.stop,
        partitions=partitions,
        moment=when.moment,
        valid_at=when.valid_at,
    ) as session:
        return session.run(sql, parameters, rows)


def statement_in(desk: Desk, form: str, sql: str, **how: Any) -> Written:
    """The answer to one statement as it is sent."""
    return written(statement(desk, sql, **how), form)


def statements(desk: Desk, asked: Sequence[tuple[str, Mapping[str, Any] | None]]) -> list[Answer]:
    """The answers to several statements on one cut."""
    with Engine(desk.log, desk.limits).open(tenant=desk.tenant, commands=False, stop=desk.stop) as session:
        return [session.run(sql, parameters) for sql, parameters in asked]


def question(
    desk: Desk,
    said: Mapping[str, Any],
    now: float,
    cohorts: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    when: When = NOW,
    partitions: int = 1,
) -> dict[str, Any]:
    """The answer to a typed question, as ``Questions.ask`` gives it."""
    asked = Questions(desk.log, desk.tenant, cohorts, desk.limits)
    return asked.ask(
        said,
        now,
        cut=when.cut,
        stop=desk.stop,
        partitions=partitions,
        moment=when.moment,
        valid_at=when.valid_at,
    )


def drill(
    desk: Desk,
    said: Mapping[str, Any],
    cell: Mapping[str, Any],
    now: float,
    cohorts: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    show: Show,
    limit: int,
    when: When = NOW,
) -> dict[str, Any]:
    """The users or events behind a cell of an answer, as ``Questions.drill`` gives them."""
    asked = Questions(desk.log, desk.tenant, cohorts, desk.limits)
    return asked.drill(
        said,
        cell,
        now,
        show=show,
        limit=limit,
        cut=when.cut,
        stop=desk.stop,
        moment=when.moment,
        valid_at=when.valid_at,
    )


class Ranges(NamedTuple):
    """Ranges of metrics on one cut, and the token of its moment."""

    spans: list[Ranged]
    as_of: str


def ranges(desk: Desk, asked: Sequence[Range], *, when: When = NOW) -> Ranges:
    """Ranges of metrics in buckets."""
    moment = when.moment or as_of.now(desk.log, desk.tenant)
    read = ranged if when.valid_at is None else from_windows
    with Engine(desk.log, desk.limits).open(
        tenant=desk.tenant,
        commands=False,
        stop=desk.stop,
        moment=moment,
        valid_at=when.valid_at,
        keep_bytes=desk.limits.memory_bytes // 8,
    ) as session:
        return Ranges([read(session, one) for one in asked], moment.token)


def table(desk: Desk, asked: Table, now_us: int, moment: Moment) -> Made:
    """A point-in-time table."""
    return PointInTime(desk.log, desk.tenant, desk.limits).make(asked, now_us, moment=moment, stop=desk.stop)


def dataset(
    desk: Desk,
    asked: DatasetAsked,
    label: LabelRule,
    features: Sequence[FeatureRule],
    moment: Moment,
    now_us: int,
    folds: Mapping[str, Callable[[], FeatureFold]],
) -> MadeDataset:
    """A dataset: subjects at moments, their features then, and what became of them. ``folds``: those of plug-ins."""
    FOLDS.update(folds)
    return make(desk.log, desk.tenant, asked, label, features, moment, now_us, partial(_look, desk))


def features_then(
    desk: Desk,
    subject: str,
    features: Sequence[FeatureRule],
    moment: Moment,
    at_us: int,
    folds: Mapping[str, Callable[[], FeatureFold]],
) -> dict[str, Any]:
    """The features of one subject at a moment, worked out from the log. ``folds``: those of plug-ins."""
    FOLDS.update(folds)
    return features_of_one(desk.log, desk.tenant, subject, features, moment, at_us, partial(_look, desk))


def _look(desk: Desk) -> None:
    if desk.stop.asked:
        raise Stopped


def plan(desk: Desk, name: str, since_us: int, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A tracking plan learned from what came."""
    with Engine(desk.log, desk.limits).open(tenant=desk.tenant, commands=False, stop=desk.stop) as session:
        return learned(session, name, since_us, before)


def summary(
    desk: Desk,
    business: Business,
    digits: Mapping[str, int],
    time_period: str,
    now: float,
    *,
    zone: str,
    currency: str | None,
    when: When = NOW,
) -> dict[str, Any]:
    """The executive summary of a business."""
    dashboard = ExecutiveDashboard(desk.log, desk.tenant, business, digits, desk.limits)
    return dashboard.generate_executive_summary(
        time_period,
        now,
        zone=zone,
        currency=currency,
        moment=when.moment,
        valid_at=when.valid_at,
        stop=desk.stop,
    )


def operated(
    desk: Desk, network: Mapping[str, float | None], since_us: int, until_us: int, objective: float
) -> Operated:
    """What the log says of machines, services and their errors."""
    return operated_of(desk.log, desk.tenant, network, since_us, until_us, objective, desk.stop)
