"""The door to the questions: read one, answer it, and show the users and the events behind a cell of the answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ValidationError

from events.errors import Rejected
from events.log import LogReader
from events.nearest import did_you_mean
from events.tables import columns_of
from query.as_of import Moment
from query.bounds import Limits, Stop
from query.engine import Engine
from query.history import Cut
from query.questions import attribution, funnel, membership, paths, retention, trends, users
from query.questions.asked import Asking, Behind, Figures
from query.questions.cohort import Cohort
from query.questions.expressions import refuse_unknown, run, unseen
from query.questions.mistakes import refused
from query.questions.schema import Match, Question
from query.questions.span import Span, span_of
from query.rows import as_objects

LIMITS = Limits(rows=1_000_000, seconds=60.0)
MOST_SHOWN = 10_000
Show = Literal["users", "events"]


class Kind(NamedTuple):
    """One question: its schema, how it is answered, and how its cells are named and drilled into."""

    schema: type[Question]
    answer: Callable[[Asking[Any]], Figures]
    cell: type[BaseModel]
    behind: Callable[[Asking[Any], Any], Behind]


KINDS: Mapping[str, Kind] = {
    "trends": Kind(trends.Trends, trends.answer, trends.TrendsCell, trends.behind),
    "funnel": Kind(funnel.Funnel, funnel.answer, funnel.FunnelCell, funnel.behind),
    "retention": Kind(retention.Retention, retention.answer, retention.RetentionCell, retention.behind),
    "paths": Kind(paths.Paths, paths.answer, paths.PathsCell, paths.behind),
    "users": Kind(users.Users, users.answer, users.UsersCell, users.behind),
    "attribution": Kind(attribution.Attribution, attribution.answer, attribution.AttributionCell, attribution.behind),
    "cohort": Kind(membership.Membership, membership.answer, membership.MembershipCell, membership.behind),
}


def question_of(said: Mapping[str, Any]) -> Question:
    """Read a question; ``ask`` says which. Raises ``Rejected`` with the field and what would be right."""
    asked = said.get("ask")
    if not isinstance(asked, str) or asked not in KINDS:
        hint = did_you_mean(asked, KINDS) if isinstance(asked, str) else ""
        raise Rejected("ask", f"must say which question it is, got {asked!r}{hint}; questions are {', '.join(KINDS)}")
    schema = KINDS[asked].schema
    try:
        return schema.model_validate(said)
    except ValidationError as error:
        raise refused(error, schema, asked) from None


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of each question, by its name."""
    return {name: kind.schema.model_json_schema() for name, kind in KINDS.items()}


class Questions:
    """Answers questions over one log for one tenant. ``cohorts``: the saved ones, by name."""

    def __init__(
        self,
        log: LogReader,
        tenant: str,
        cohorts: Mapping[str, Mapping[str, Any]] | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._engine = Engine(log, limits)
        self._limits = limits
        self._tenant = tenant
        self._cohorts = cohorts or {}

    def read(self, said: Mapping[str, Any], now: float) -> tuple[Question, dict[str, Cohort], Span]:
        """A question, the cohorts that it names, and its span. Raises ``Rejected`` with field and remedy."""
        question = question_of(said)
        names = (question.cohort, question.not_cohort)
        return question, {name: self._cohort(name) for name in names if name is not None}, span_of(question, now)

    def ask(
        self,
        said: Mapping[str, Any],
        now: float,
        *,
        cut: Cut | None = None,
        stop: Stop | None = None,
        partitions: int = 1,
        moment: Moment | None = None,
        valid_at: int | None = None,
    ) -> Figures:
        """The answer to a question, as of ``now`` (seconds UTC): its figures, the span it is about, and its cut.

        ``cut``, ``stop``, ``partitions``, ``moment`` and ``valid_at`` as for ``Engine.open``: the last two are what the
        question's ``as_of`` and ``valid_at`` mean. Raises ``Rejected`` with field and remedy.
        """
        started = perf_counter()
        with self._asked(said, now, cut, stop, partitions, moment, valid_at) as asking:
            question = asking.question
            figures = KINDS[said["ask"]].answer(asking)
            refuse_unknown(asking.session, asking.sql)
            warnings = unseen(asking.session, question.stream, list(_matches(question)))
            then = {name: dict(heads) for name, heads in asking.session.cut.items()}
            span = asking.span
        return {
            "ask": said["ask"],
            "since": span.text(span.since_us),
            "until": span.text(span.until_us),
            "zone": span.zone_name,
            **figures,
            "warnings": warnings,
            "asked_at": now,
            "cut": then,
            "elapsed_ms": (perf_counter() - started) * 1000,
        }

    def drill(
        self,
        said: Mapping[str, Any],
        cell: Mapping[str, Any],
        now: float,
        *,
        show: Show = "users",
        limit: int = 100,
        cut: Cut | None = None,
        stop: Stop | None = None,
        moment: Moment | None = None,
        valid_at: int | None = None,
    ) -> Figures:
        """The users or the events behind one cell of an answer.

        ``now`` and ``cut``: of the answer (``asked_at``, ``cut``), so that exactly its rows are shown, whatever came since.
        Raises ``Rejected``.
        """
        question, _, _ = self.read(said, now)
        kind = KINDS[said["ask"]]
        if show not in ("users", "events"):
            raise Rejected("show", f"must be users or events, got {show!r}")
        if not 1 <= limit <= MOST_SHOWN:
            raise Rejected("limit", f"must be from 1 to {MOST_SHOWN:,}, got {limit}")
        try:
            chosen = kind.cell.model_validate(cell)
        except ValidationError as error:
            found = refused(error, kind.cell, f"a cell of {said['ask']}")
            raise Rejected(f"cell.{found.field}", found.reason) from None
        with self._asked(said, now, cut, stop, 1, moment, valid_at) as asking:
            behind = kind.behind(asking, chosen)
            ctes, stream = behind.ctes, behind.stream or question.stream
            totals = asking.run(f"WITH {ctes} SELECT count(*), count(DISTINCT u) FROM hit")[0]
            text = _users(ctes, limit) if show == "users" else _events(ctes, stream, limit)
            shown = as_objects(run(asking.session, asking.sql, text).table)
        return {"cell": dict(cell), "events_total": totals[0], "users_total": totals[1], show: shown,
                "truncated": len(shown) < (totals[1] if show == "users" else totals[0])}  # fmt: skip

    @contextmanager
    def _asked(
        self,
        said: Mapping[str, Any],
        now: float,
        cut: Cut | None,
        stop: Stop | None,
        partitions: int,
        moment: Moment | None,
        valid_at: int | None,
    ) -> Generator[Asking[Any]]:
        question, cohorts, span = self.read(said, now)
        with self._engine.open(
            tenant=self._tenant,
            commands=False,
            cut=cut,
            stop=stop,
            partitions=partitions,
            moment=moment,
            valid_at=valid_at,
            keep_bytes=self._limits.memory_bytes // 4,
        ) as session:
            yield Asking(question, span, session, cohorts)

    def _cohort(self, name: str) -> Cohort:
        if name not in self._cohorts:
            known = (
                ", ".join(sorted(self._cohorts))
                or "none yet; define one: `hindcast apply`, `PUT /v1/definitions/cohort/…`"
            )
            raise Rejected(
                "cohort", f"there is no cohort {name!r}{did_you_mean(name, self._cohorts)}; there are {known}"
            )
        return Cohort.model_validate(self._cohorts[name])


def _matches(part: Any) -> Iterator[Match]:
    """Every description of events of the question's stream; a cohort may be of another one."""
    if isinstance(part, Cohort):
        return
    if isinstance(part, Match):
        yield part
    if isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _matches(getattr(part, name))
    elif isinstance(part, (tuple, list)):
        for one in part:
            yield from _matches(one)


def _users(ctes: str, limit: int) -> str:
    return f"""WITH {ctes} SELECT u AS "user", count(*) AS events, min(t) AS first, max(t) AS last
      FROM hit WHERE u IS NOT NULL GROUP BY u ORDER BY u LIMIT {limit}"""


def _events(ctes: str, stream: str, limit: int) -> str:
    place = "row_producer" if "row_producer" in columns_of(stream).names else "producer"
    return f"""WITH {ctes} SELECT s.* FROM {stream} s SEMI JOIN hit ON s.{place} = hit.p AND s.row_offset = hit.o
      ORDER BY s.time, s.{place}, s.row_offset LIMIT {limit}"""
