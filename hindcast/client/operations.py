"""Every operation of the API, described once: ``Client``, ``AsyncClient`` and the command line follow from it.

To add one, add a method here: its parameters are those of the clients' methods, its docstring is theirs and the help of its
command, and the ``Call`` that it returns says what is sent and what is made of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from events.errors import Rejected
from hindcast.client import frames
from hindcast.client.answers import (
    Answer,
    Backtest,
    Behind,
    DeadLetter,
    Definition,
    DefinitionChange,
    DefinitionVersion,
    FailedNotification,
    Identity,
    ImportProgress,
    Key,
    MadeKey,
    MadeRule,
    OptimizedAnswer,
    Ordered,
    Past,
    Placement,
    Readiness,
    Receipt,
    Replayed,
    Result,
    Rows,
    Rule,
    Sample,
    Status,
    StreamStatus,
    Topic,
    TopicData,
)
from hindcast.client.call import Call, Command, operation
from hindcast.client.sending import Event, encoded, segment, uuid7

if TYPE_CHECKING:
    import httpx

PAGE_ROWS = 1000
BACKTEST_S = 600.0
TABLE_S = 600.0


class Operations:
    """What both clients can do. ``address``: of the system."""

    address: str

    # -- Segment's calls ---------------------------------------------------------------------------------------------

    @operation()
    def track(
        self, event: str, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Call[Receipt]:
        """Send Segment's ``track``; ``more`` are its other fields, such as ``anonymousId`` or ``context``."""
        return segment("track", {"event": event, "userId": user_id, "properties": properties, **more})

    @operation()
    def identify(self, user_id: str | None = None, traits: Event | None = None, **more: Any) -> Call[Receipt]:
        """Send Segment's ``identify``: who a user is."""
        return segment("identify", {"userId": user_id, "traits": traits, **more})

    @operation()
    def page(
        self, name: str | None = None, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Call[Receipt]:
        """Send Segment's ``page``: a page that a user saw."""
        return segment("page", {"name": name, "userId": user_id, "properties": properties, **more})

    @operation()
    def screen(
        self, name: str | None = None, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Call[Receipt]:
        """Send Segment's ``screen``: a screen of an app that a user saw."""
        return segment("screen", {"name": name, "userId": user_id, "properties": properties, **more})

    @operation()
    def group(
        self, group_id: str, user_id: str | None = None, traits: Event | None = None, **more: Any
    ) -> Call[Receipt]:
        """Send Segment's ``group``: a company or team that a user belongs to."""
        return segment("group", {"groupId": group_id, "userId": user_id, "traits": traits, **more})

    @operation()
    def alias(self, user_id: str, previous_id: str, **more: Any) -> Call[Receipt]:
        """Send Segment's ``alias``: another id that the same user had before."""
        return segment("alias", {"userId": user_id, "previousId": previous_id, **more})

    # -- imports ---------------------------------------------------------------------------------------------------

    @operation()
    def import_progress(self, name: str) -> Call[ImportProgress]:
        """Say how many rows of an import are judged; ``name`` is made of its content."""
        return Call("GET", _path("/v1/imports", name), _json)

    @operation()
    def finish_import(self, name: str, rows: int, file: str = "") -> Call[ImportProgress]:
        """Say that an import has no more than these rows: the windows of the past that they belong to are counted anew."""
        return Call("POST", _path("/v1/imports", name) + "/finish", _json, {"rows": rows, "file": file})

    # -- what is in the log ------------------------------------------------------------------------------------------

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
        return Call("POST", "/v1/query", _json, content=_statement(sql, limit, as_of, valid_at))

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
        return Call("POST", "/v1/questions", _json, content=encoded(dict(question)))

    @operation(Command("plan learn"))
    def learn_plan(self, name: str = "web", since: str = "30d") -> Call[dict[str, Any]]:
        """Learn the tracking plan ``name`` from the events ``since`` then; one that holds is widened. Nothing is set by it.

        The answer is a section of a configuration file: look at it, choose a mode, and `hindcast apply` it.
        """
        return Call("POST", "/v1/plans/learn", _json, content=encoded({"name": name, "since": since}))

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
        return Call("GET", "/v1/dead_letters", _part("letters"), params={**params, "limit": limit})

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
        return Call("POST", "/v1/dead_letters/replay", _json, content=encoded({**asked, "dry_run": dry_run}))

    @operation(Command("identities show"))
    def identity(self, id: str) -> Call[Identity]:
        """Show who ``id`` is: the person, all ids of that, the account, and which links were refused."""
        return Call("GET", _path("/v1/identities", id), _json)

    @operation(Command("identities unlink", done="{id} stands for itself again, as far as that was asked"))
    def unlink_identity(self, id: str, other: str | None = None) -> Call[None]:
        """Take back the links between ``id`` and ``other``, or all links of ``id``: as if they had never been."""
        return Call("POST", _path("/v1/identities", id, "unlink"), _nothing, content=encoded({"other": other}))

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
        return Call("POST", "/v1/questions/drill", _json, content=encoded(wanted))

    @operation(Command("questions optimize"))
    def optimize_analytics_performance(self, query: str | Event, data_size: int | None = None) -> Call[OptimizedAnswer]:
        """Answer ``query``, SQL or a typed question, by its cheapest way, and say which one that was.

        An answer that was given already for the same rows comes from the cache; a query about more than 1,000,000 rows
        runs in parts at the same time. ``data_size``: of how many rows it is; else that is measured.
        """
        said: Any = query if isinstance(query, str) else dict(query)
        if isinstance(said, str) and said.lstrip().startswith("{"):
            said = _question(said)
        return Call("POST", "/v1/optimize", _json, content=encoded({"query": said, "data_size": data_size}))

    @operation(Command("questions list"))
    def questions(self) -> Call[dict[str, Any]]:
        """Show the questions that can be asked, each with its fields, as JSON schemas."""
        return Call("GET", "/v1/questions", _part("questions"))

    @operation()
    def streams(self) -> Call[list[StreamStatus]]:
        """List the streams, how many rows each has, and who writes them."""
        return Call("GET", "/v1/streams", _part("streams"))

    @operation()
    def rows(self, stream: str, *, last: int = 100, as_of: datetime | str | None = None) -> Call[Rows]:
        """Read the newest rows of a stream."""
        return Call("GET", _path("/v1/streams", stream), _json, params={"last": last, **_then(as_of)})

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
        return Call("GET", "/v1/metrics", _part("metrics"), params={**asked, **_then(as_of, valid_at)})

    # -- alerts ------------------------------------------------------------------------------------------------------

    @operation(Command("alerts list", columns=("id", "state", "severity", "t", "title", "detail"), times=("t",)))
    def alerts(self, *, as_of: str | None = None) -> Call[list[dict[str, Any]]]:
        """List the alerts that are open, and those that were resolved of late; now, or as known then (``as_of``)."""
        return Call("GET", "/v1/alerts", _part("alerts"), params=_then(as_of))

    @operation(Command("alerts acknowledge", done="{alert} is acknowledged"))
    def acknowledge(self, alert: str) -> Call[None]:
        """Say of an alert that somebody takes care of it."""
        path = f"{_path('/v1/alerts', alert)}/acknowledge"
        return Call("POST", path, _nothing, headers={"idempotency-key": uuid7()})

    @operation(
        Command("rules list", columns=("name", "condition", "threshold", "severity", "for_s", "no_data", "channels"))
    )
    def rules(self) -> Call[list[Rule]]:
        """List the alert rules, those of the configuration and those that people made."""
        return Call("GET", "/v1/alerts/rules", _json)

    @operation(Command("rules show"))
    def rule(self, name: str) -> Call[Rule]:
        """Show the alert rule of that name, whatever characters it has."""
        return Call("GET", _path("/v1/alerts/rules", name), _json)

    @operation()
    def set_rule(self, rule: Event) -> Call[MadeRule]:
        """Create an alert rule, or replace the one of the same name. What may be a mistake is in its ``warnings``.

        A rule that can never fire is refused (``ApiError``).
        """
        return Call("POST", "/v1/alerts/rules", _json, content=encoded(dict(rule)))

    @operation(Command("rules delete", done="{name} is deleted"))
    def delete_rule(self, name: str) -> Call[None]:
        """Delete an alert rule; what it has firing is resolved. One that a configuration file declares is deleted there."""
        return Call("DELETE", _path("/v1/alerts/rules", name), _nothing, repeatable=False)

    @operation(Command("notifications failed", columns=("time", "channel", "attempts", "error", "key"), wide=100))
    def failed_notifications(self) -> Call[list[FailedNotification]]:
        """List the messages that were given up and not sent again since, newest first; ``resend`` takes their keys."""
        return Call("GET", "/v1/notifications/failed", _part("notifications"))

    @operation()
    def resend_notification(self, key: str) -> Call[None]:
        """Send a message that was given up again, under the same key."""
        return Call("POST", f"{_path('/v1/notifications', key)}/resend", _nothing)

    # -- the past ----------------------------------------------------------------------------------------------------

    @operation()
    def backtest(
        self,
        rules: Sequence[Event] | None = None,
        *,
        fold: Literal["alert_evaluator", "anomaly"] = "alert_evaluator",
        anomalies: Sequence[Event] | None = None,
        changes: Event | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        incidents: Sequence[Event] = (),
        tolerance_s: float = 300.0,
        against: Event | Literal["live"] = "live",
        limit: int = 1000,
    ) -> Call[Backtest]:
        """Say what these alert rules (or, with the fold ``anomaly``, these watches) would have done in the past.

        Without any it takes those that hold now; ``changes`` sets a field of each of them. ``incidents``: spans (``from``,
        ``to``) in which something was really wrong. ``against``: other ``rules``, ``anomalies`` or ``set`` to compare
        with, or what really happened. Nobody is told of anything. Raises ``ApiError``.
        """
        asked = {"fold": fold, "rules": rules, "anomalies": anomalies, "set": changes, "from": _moment(start)}
        asked |= {"to": _moment(end), "incidents": [{**i, **_ends(i)} for i in incidents], "tolerance_s": tolerance_s}
        said = {name: value for name, value in asked.items() if value not in (None, [])}
        body = encoded({**said, "against": against, "limit": limit})
        return Call("POST", "/v1/backtest", _json, content=body, timeout_s=BACKTEST_S)

    @operation()
    def past(self) -> Call[Past]:
        """Say which span ``as_of`` and ``valid_at`` can be asked about."""
        return Call("GET", "/v1/past", _json)

    @operation()
    def explain(
        self,
        metric: str = "",
        *,
        key: str | None = None,
        start: datetime | str | None = None,
        alert: str = "",
        as_of: datetime | str | None = None,
    ) -> Call[dict[str, Any]]:
        """Say where a value of a metric comes from: its definition and version, and the rows that sum up to it.

        ``start`` of its window; without it, the newest. With ``alert`` instead: the turns of an alert, its rule as it was
        then, and the windows that were judged. Raises ``ApiError`` with what there is for what is not there.
        """
        said: dict[str, str | int | float] = {"metric": metric} if metric else {}
        if key is not None:
            said["key"] = key
        if alert:
            said["alert"] = alert
        if start:
            said["start"] = str(_moment(start))
        return Call("GET", "/v1/explain", _json, params={**said, **_then(as_of)})

    # -- point-in-time tables ----------------------------------------------------------------------------------------

    @operation()
    def table(
        self,
        features: Sequence[Event] = (),
        *,
        rows: Sequence[Event] | None = None,
        rows_from: str | None = None,
        given: Event | None = None,
        as_of: datetime | str | None = None,
        pin: str | None = None,
        about: str = "",
        form: Literal["arrow", "pandas", "polars"] = "arrow",
    ) -> Call[Any]:
        """Make a table: for each row, a ``key`` and a moment ``at``, what had happened and was known by then.

        ``rows``, or SQL that selects them as ``rows_from``; a further column needs an entry of ``given``. ``pin``: the name
        to keep it under, so that ``kept_table`` makes it again just as it was. The Arrow schema's metadata has moment,
        digest, state and warnings (``hindcast.as_of``, …). Raises ``ApiError`` with column and reason for what leaks.
        """
        asked = {"features": [dict(one) for one in features], "given": given}
        asked |= {"rows": None if rows is None else [_row(row) for row in rows]}
        asked |= {"rows_from": rows_from, "as_of": _moment(as_of), "pin": pin, "about": about or None}
        body = encoded({name: value for name, value in asked.items() if value is not None})
        headers = {"accept": frames.ARROW}
        return Call("POST", "/v1/tables", frames.reader(form), content=body, headers=headers, timeout_s=TABLE_S)

    @operation()
    def kept_table(self, name: str, *, form: Literal["arrow", "pandas", "polars"] = "arrow") -> Call[Any]:
        """Make a table that is kept: a pinned one as of its moment. ``hindcast.state`` in the Arrow schema's metadata says
        whether it is what it was (``pinned``), or why it is not (``erased``, ``changed``)."""
        headers = {"accept": frames.ARROW}
        return Call("GET", _path("/v1/tables", name), frames.reader(form), headers=headers, timeout_s=TABLE_S)

    # -- definitions -------------------------------------------------------------------------------------------------

    @operation(Command("definitions list", columns=("kind", "name", "version", "owner", "by", "at"), times=("at",)))
    def definitions(self, kind: str = "", *, warnings: bool = False) -> Call[list[Definition]]:
        """List the definitions that hold, of all kinds or of one (``rule``, ``dashboard``, …).

        With ``warnings`` each also says what may be a mistake in it by now.
        """
        said: dict[str, str | int | float] = {"warnings": "true"} if warnings else {}
        return Call("GET", "/v1/definitions", _part("definitions"), params={"kind": kind, **said})

    @operation(Command("definitions show"))
    def definition(self, kind: str, name: str) -> Call[Definition]:
        """Show one definition that holds."""
        return Call("GET", _path("/v1/definitions", kind, name), _json)

    @operation(Command("definitions versions"))
    def definition_versions(self, kind: str, name: str) -> Call[list[DefinitionVersion]]:
        """Show what a definition said over time, oldest first, each version with what changed."""
        return Call("GET", f"{_path('/v1/definitions', kind, name)}/versions", _part("versions"))

    @operation()
    def define(self, kind: str, name: str, spec: Event, *, dry_run: bool = False) -> Call[DefinitionChange]:
        """Define, or define anew; holds when this returns. ``dry_run``: only say what would change.

        Raises ``ApiError`` for what cannot be (the field and the remedy), and for what a configuration file declares.
        """
        path = _path("/v1/definitions", kind, name)
        return Call("PUT", path, _json, content=encoded(dict(spec)), params=_dry(dry_run))

    @operation()
    def apply(self, definitions: Sequence[Event], *, dry_run: bool = False) -> Call[list[DefinitionChange]]:
        """Define several (``kind``, ``spec``, and ``name`` where the spec does not say it) together, all or nothing."""
        body = encoded({"definitions": [dict(one) for one in definitions]})
        return Call("POST", "/v1/definitions", _part("changes"), content=body, params=_dry(dry_run))

    @operation(Command("definitions remove"))
    def remove_definition(self, kind: str, name: str, *, dry_run: bool = False) -> Call[DefinitionChange]:
        """Remove a definition that no other one needs. ``dry_run``: only say what would change."""
        return Call("DELETE", _path("/v1/definitions", kind, name), _json, params=_dry(dry_run), repeatable=False)

    # -- dashboards --------------------------------------------------------------------------------------------------

    @operation()
    def dashboards(self) -> Call[list[Topic]]:
        """List the topics that dashboards are drawn from."""
        return Call("GET", "/v1/dashboards", _part("topics"))

    @operation()
    def dashboard(self, topic: str, *, as_of: datetime | str | None = None) -> Call[TopicData]:
        """Read all that a topic shows now, or showed then."""
        return Call("GET", _path("/v1/dashboards", topic), _json, params=_then(as_of))

    # -- operation ---------------------------------------------------------------------------------------------------

    @operation(
        Command(
            "keys list",
            columns=("id", "name", "source", "scopes", "created", "expires"),
            times=("created", "expires"),
        )
    )
    def keys(self) -> Call[list[Key]]:
        """List the keys, without their secrets."""
        return Call("GET", "/v1/keys", _json)

    @operation()
    def create_key(self, name: str, scopes: Sequence[str], source: str | None = None) -> Call[MadeKey]:
        """Make a key of ``scopes`` (ingest, query, control, admin) for the product ``source``; only here is it shown.

        Without a ``source`` it is for a product of its own: the name, or the key's id where that name is taken.
        """
        wanted = {"name": name, "scopes": list(scopes), "source": source}
        return Call("POST", "/v1/keys", _json, content=encoded(wanted), repeatable=False)

    @operation()
    def rotate_key(self, id: str) -> Call[MadeKey]:
        """Make another key of the same name, scopes and source; the old one works until it is revoked."""
        return Call("POST", f"{_path('/v1/keys', id)}/rotate", _json, repeatable=False)

    @operation(Command("keys revoke", done="{id} is revoked"))
    def revoke_key(self, id: str) -> Call[None]:
        """Revoke the key with this id; it stops working at once."""
        return Call("DELETE", _path("/v1/keys", id), _nothing, repeatable=False)

    @operation()
    def create_link(self) -> Call[str]:
        """Make an address that opens the page once, without a key, within a day. Needs a key with the scope admin."""
        base = self.address.rstrip("/")
        return Call("POST", "/v1/links", lambda answer: base + _json(answer)["path"], repeatable=False)

    @operation()
    def placement(self) -> Call[Placement]:
        """Say which host runs which cell."""
        return Call("GET", "/v1/placement", _json)

    @operation()
    def move(self, cell: str, host: str = "own") -> Call[Ordered]:
        """Order that a cell goes on on another host: ``own``, or one of that name, which may be new.

        It is there once ``done`` of ``placement`` has come to the answer's ``order``.
        """
        return Call("PUT", _path("/v1/placement", cell), _json, content=encoded({"host": host}))

    @operation()
    def arrange(self, placement: Literal["packed", "spread"]) -> Call[Ordered]:
        """Order that each kind of cell gets a host, or each cell its own.

        Every cell is there once ``done`` of ``placement`` has come to the answer's ``order``.
        """
        return Call("PUT", "/v1/placement", _json, content=encoded({"placement": placement}))

    @operation()
    def status(self) -> Call[Status]:
        """Say what runs, how far each cell is, and how late each source's events came."""
        return Call("GET", "/v1/status", _json)


def readiness() -> Call[Readiness]:
    """Whether every cell runs, as one try says it."""
    return Call("GET", "/ready", _json, judged=frozenset({503}))


def tail(stream: str, last: int, follow: bool, every_s: float) -> Generator[Call[Any] | float | list[Any], Any, None]:
    """The steps of following a stream: calls (the generator is sent their answers), rows to hand on, and seconds to rest."""
    path = _path("/v1/streams", stream)
    page: Rows = yield Call("GET", path, _json, params={"last": max(last, 1)})
    if last:
        yield page["rows"]
    at = dict(page["next"])
    while follow:
        known: list[StreamStatus] = yield Call("GET", "/v1/streams", _part("streams"))
        moved = False
        for producer in next(s["producers"] for s in known if s["name"] == stream):
            name = producer["producer"]
            if producer["head"] > at.get(name, 0):
                params: Mapping[str, str | int | float] = {
                    "producer": name,
                    "after": at.get(name, 0),
                    "limit": PAGE_ROWS,
                }
                page = yield Call("GET", path, _json, params=params)
                at |= page["next"]
                moved = True
                if page["rows"]:
                    yield page["rows"]
        if not moved:
            yield every_s


def _path(base: str, *names: str) -> str:
    """``base`` and the names below it, whatever characters they have."""
    return "/".join([base, *(quote(name, safe="") for name in names)])


def _moment(at: datetime | str | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def _row(row: Event) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _then(as_of: datetime | str | None, valid_at: datetime | str | None = None) -> dict[str, str | int | float]:
    said = {"as_of": _moment(as_of), "valid_at": _moment(valid_at)}
    return {name: value for name, value in said.items() if value}


def _statement(sql: str, limit: int | None, as_of: datetime | str | None, valid_at: datetime | str | None) -> bytes:
    asked = {"sql": sql, "limit": limit, **_then(as_of, valid_at)}
    return encoded({name: value for name, value in asked.items() if value is not None})


def _ends(span: Event) -> dict[str, Any]:
    return {name: _moment(span[name]) for name in ("from", "to") if name in span}


def _question(text: str) -> Any:
    """A question as JSON or YAML. Raises ``Rejected``."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Rejected("query", f"is neither SQL nor a question in JSON or YAML: {error}") from None


def _dry(dry_run: bool) -> dict[str, str | int | float]:
    return {"dry_run": "true"} if dry_run else {}


def _json(answer: httpx.Response) -> Any:
    import orjson

    return orjson.loads(answer.content)


def _part(name: str) -> Callable[[httpx.Response], Any]:
    """Reads one field of the answer."""
    return lambda answer: _json(answer)[name]


def _nothing(answer: httpx.Response) -> None:
    return None
