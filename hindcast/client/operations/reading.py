"""What is in the log: SQL, questions, rows, metrics, topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from events.errors import Rejected
from hindcast.client import frames
from hindcast.client.answers import (
    Answer,
    Behind,
    DeadLetter,
    Identity,
    OptimizedAnswer,
    Replayed,
    Result,
    Rows,
    Sample,
    StreamStatus,
    Topic,
    TopicData,
)
from hindcast.client.call import Call, Command, operation
from hindcast.client.operations.answered import json_of, nothing, part, path_of, then
from hindcast.client.ranges import MetricRange
from hindcast.client.sending import Event, encoded


class Reading:
    """What reads the log as it is, or was."""

    @operation()
    def result(
        self,
        sql: str,
        *,
        limit: int | None = None,
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
    ) -> Call[Result]:
        """Run one statement like ``query``: with the columns' types, the time taken, and whether rows were cut off.

        ``as_of`` in the answer is the token of its moment: asked ``as_of`` that, the same is answered.
        """
        return Call("POST", "/v1/query", json_of, content=_statement(sql, limit, as_of, valid_at))

    @operation()
    def sql(
        self,
        sql: str,
        *,
        limit: int | None = None,
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
        form: Literal["arrow", "pandas", "polars"] = "arrow",
    ) -> Call[Any]:
        """Run one read-only SQL statement over the streams: an Arrow table, or a data frame of pandas or Polars.

        It travels as Arrow, so every type is kept and a million rows are soon here. An answer that is cut off warns
        (``RuntimeWarning``). ``as_of``: what was known then. ``valid_at``: what happened up to then, as it is known now.
        """
        body = _statement(sql, limit, as_of, valid_at)
        return Call("POST", "/v1/query", frames.reader(form), content=body, headers={"accept": frames.ARROW})

    @operation(Command("questions ask"))
    def ask(self, question: Event) -> Call[Answer]:
        """Ask a typed question; its field ask is trends, funnel, retention, paths, users, attribution or cohort.

        Raises ``ApiError`` with the field and the remedy. The page docs/questions.md has the fields of each question.
        """
        return Call("POST", "/v1/questions", json_of, content=encoded(dict(question)))

    @operation(Command("plan learn"))
    def learn_plan(self, name: str = "web", since: str = "30d") -> Call[dict[str, Any]]:
        """Learn the tracking plan ``name`` from the events ``since`` then; one that holds is widened. Nothing is set by it.

        The answer is a section of a configuration file: look at it, choose a mode, and `hindcast apply` it.
        """
        return Call("POST", "/v1/plans/learn", json_of, content=encoded({"name": name, "since": since}))

    @operation(Command("dead-letters list", ("id", "at", "field", "reason", "payload"), ("at",), wide=50))
    def dead_letters(
        self, field: str = "", reason: str = "", since: str = "", id: str = "", replayed: bool = False, limit: int = 100
    ) -> Call[list[DeadLetter]]:
        """List refused events, newest first: those with this ``field``, this part of the ``reason``, or ``since`` then.

        ``replayed``: those that were recorded after all, too.
        """
        said = {"field": field, "reason": reason, "since": since, "id": id}
        params: dict[str, str | int | float] = {name: value for name, value in said.items() if value}
        if replayed:
            params["replayed"] = "true"
        return Call("GET", "/v1/dead_letters", part("letters"), params={**params, "limit": limit})

    @operation(Command("dead-letters replay"))
    def replay_dead_letters(
        self,
        id: str = "",
        field: str = "",
        reason: str = "",
        since: str = "",
        set: Event | None = None,
        limit: int = 100,
        dry_run: bool = False,
    ) -> Call[Replayed]:
        """Mend refused events and record them, each once: one by its ``id``, or the newest that match.

        ``set`` gives fields by JMESPath expressions over what was sent: {time: data.when, type: "'order.placed'"}.
        """
        asked = {"id": id, "field": field, "reason": reason, "since": since, "set": set or {}, "limit": limit}
        return Call("POST", "/v1/dead_letters/replay", json_of, content=encoded({**asked, "dry_run": dry_run}))

    @operation(Command("identities show"))
    def identity(self, id: str) -> Call[Identity]:
        """Show who ``id`` is: the person, all ids of that, the account, and which links were refused."""
        return Call("GET", path_of("/v1/identities", id), json_of)

    @operation(Command("identities unlink", done="{id} stands for itself again, as far as that was asked"))
    def unlink_identity(self, id: str, other: str | None = None) -> Call[None]:
        """Take back the links between ``id`` and ``other``, or all links of ``id``: as if they had never been."""
        return Call("POST", path_of("/v1/identities", id, "unlink"), nothing, content=encoded({"other": other}))

    @operation(Command("questions drill"))
    def drill(
        self,
        question: Event,
        cell: Event,
        *,
        show: Literal["users", "events"] = "users",
        limit: int = 100,
        answer: Event | None = None,
    ) -> Call[Behind]:
        """Show the users or the events behind one ``cell`` of an answer.

        With the ``answer`` itself exactly its rows are shown, whatever came since.
        """
        then = {} if answer is None else {"asked_at": answer["asked_at"], "cut": answer["cut"]}
        wanted = {"question": dict(question), "cell": dict(cell), "show": show, "limit": limit, **then}
        return Call("POST", "/v1/questions/drill", json_of, content=encoded(wanted))

    @operation(Command("questions optimize"))
    def optimize_analytics_performance(self, query: str | Event, data_size: int | None = None) -> Call[OptimizedAnswer]:
        """Answer ``query``, SQL or a typed question, by its cheapest way, and say which one that was.

        An answer that was given already for the same rows comes from the cache; a query about more than 1,000,000 rows
        runs in parts at the same time. ``data_size``: of how many rows it is; else that is measured.
        """
        said: Any = query if isinstance(query, str) else dict(query)
        if isinstance(said, str) and said.lstrip().startswith("{"):
            said = _question(said)
        return Call("POST", "/v1/optimize", json_of, content=encoded({"query": said, "data_size": data_size}))

    @operation(Command("questions list"))
    def questions(self) -> Call[dict[str, Any]]:
        """Show the questions that can be asked, each with its fields, as JSON schemas."""
        return Call("GET", "/v1/questions", part("questions"))

    @operation()
    def streams(self) -> Call[list[StreamStatus]]:
        """List the streams, how many rows each has, and who writes them."""
        return Call("GET", "/v1/streams", part("streams"))

    @operation()
    def rows(self, stream: str, *, last: int = 100, as_of: datetime | str | None = None) -> Call[Rows]:
        """Read the newest rows of a stream."""
        return Call("GET", path_of("/v1/streams", stream), json_of, params={"last": last, **then(as_of)})

    @operation()
    def metrics(
        self,
        metric: str = "",
        *,
        key: str = "",
        since: datetime | float | str = 0.0,
        limit: int = 1000,
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
    ) -> Call[list[Sample]]:
        """List the samples of a metric, newest window first, each in its latest revision.

        ``since``: a moment, seconds since 1970, or text: ISO 8601, or how long ago (``1h``). ``as_of``: what was known then.
        ``valid_at``: all that is known now of what happened up to then.
        """
        at = since.timestamp() if isinstance(since, date) else since
        asked: Mapping[str, str | int | float] = {"metric": metric, "key": key, "since": at, "limit": limit}
        return Call("GET", "/v1/metrics", part("metrics"), params={**asked, **then(as_of, valid_at)})

    @operation()
    def metric_range(
        self,
        metrics: str | Sequence[str],
        *,
        since: datetime | float | str = "24h",
        until: datetime | float | str = "",
        bucket: float | None = None,
        before: float | None = None,
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
    ) -> Call[MetricRange]:
        """Read metrics over a range in buckets, each series by itself; months are read from roll-ups.

        ``bucket``: seconds; without it about sixty. ``before``: the same span so many seconds earlier, too. Others as for
        ``metrics``.
        """
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        ends = {
            name: at.timestamp() if isinstance(at, datetime) else at
            for name, at in (("since", since), ("until", until))
        }
        asked: dict[str, Any] = {"metric": names, **ends, "bucket": bucket, "before": before, **then(as_of, valid_at)}
        given = {name: value for name, value in asked.items() if value not in (None, "")}
        return Call("GET", "/v1/metrics/range", json_of, params=given)

    @operation()
    def dashboards(self) -> Call[list[Topic]]:
        """List the topics that dashboards are drawn from."""
        return Call("GET", "/v1/dashboards", part("topics"))

    @operation()
    def dashboard(self, topic: str, *, as_of: datetime | str | None = None) -> Call[TopicData]:
        """Read all that a topic shows now, or showed then."""
        return Call("GET", path_of("/v1/dashboards", topic), json_of, params=then(as_of))


def _statement(sql: str, limit: int | None, as_of: datetime | str | None, valid_at: datetime | str | None) -> bytes:
    asked = {"sql": sql, "limit": limit, **then(as_of, valid_at)}
    return encoded({name: value for name, value in asked.items() if value is not None})


def _question(text: str) -> Any:
    """A question as JSON or YAML. Raises ``Rejected``."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Rejected("query", f"is neither SQL nor a question in JSON or YAML: {error}") from None
