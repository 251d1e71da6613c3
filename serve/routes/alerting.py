"""Alerts that programs send, rules held against figures at hand, and messages to channels."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Collection, Mapping
from math import nan
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.alerts.definition import RuleName, Severity
from actors.alerts.raised import sentence
from actors.alerts.wording import iso
from analytics.expressions import Joint, Series, read
from analytics.rules import Condition, Verdict
from events.errors import Rejected
from events.nearest import did_you_mean
from serve.gateway import Gateway, gateway_of, principal
from serve.problems import REFUSALS, Missing
from serve.routes.commands import command
from serve.routes.read import sql_answer, topic_data
from serve.telling import Command, tell

router = APIRouter(tags=["commands"], responses=REFUSALS)
Channels = Annotated[list[str], Field(max_length=20)]
Label = Annotated[str, Field(max_length=200)]
TRY_S = 20.0
"""How long a trial of a channel waits for what comes of it."""
MOST_FIGURES = 10_000


class NewAlert(BaseModel):
    """``type`` says what is wrong; any further field is kept with the alert, in ``data`` of its messages."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"type": "model_performance_degradation", "model_id": "churn", "severity": "high"}]
        },
    )

    type: RuleName
    key: Label = ""
    """What it is about: there is one alert for each type and key. Not given, it is ``model_id``, where there is one."""
    status: Literal["firing", "resolved"] = "firing"
    severity: Severity = "medium"
    message: Annotated[str, Field(max_length=2_000)] = ""
    """Not given, it is made of the further fields."""
    channels: Channels = ["dashboard"]
    labels: Annotated[dict[Label, Label], Field(max_length=50)] = {}
    resolve_after_s: Annotated[float, Field(ge=1, le=86_400 * 30, allow_inf_nan=False)] | None = None
    """Ends by itself when it was not sent again for so long; null: only ``status: resolved`` ends it."""


class SentAlert(BaseModel):
    """It is in the log, in order with everything else."""

    type: str
    key: str
    status: str
    severity: str
    message: str


class Check(BaseModel):
    """Figures at hand: ``{"cpu.percent.mean": 95}``, or nested, ``{"cpu.percent": {"mean": 95}}``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"data": {"events.count": 12}}]})

    data: Annotated[dict[str, Any], Field(max_length=MOST_FIGURES)]
    key: Label = ""
    """Whose figures these are; a rule about one key looks only at that one's."""


class CheckedAlert(BaseModel):
    """A rule whose condition holds for the figures."""

    rule_id: str
    message: str
    severity: str
    timestamp: str
    data: dict[str, Any]
    channels: list[str]


class Checked(BaseModel):
    alerts: list[CheckedAlert]


class Sending(BaseModel):
    """A message for channels: an alert, or anything with a ``title`` or a ``message``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"alert": {"title": "Hello", "message": "a word"}, "channels": ["dashboard"]}]}
    )

    alert: Annotated[dict[str, Any], Field(min_length=1, max_length=100)]
    channels: Annotated[list[str], Field(min_length=1, max_length=20)]


class Sent(BaseModel):
    """``keys``: of each channel the name of its message, as in ``notifications`` and in ``webhook-id``."""

    keys: dict[str, str]


class Tried(BaseModel):
    """``outcome``: ``sent``, ``failed`` (``error`` says why), or ``waiting`` where nothing came of it yet."""

    channel: str
    outcome: Literal["sent", "failed", "waiting"]
    error: str = ""
    key: str


@router.post("/v1/alerts", response_model=SentAlert, status_code=202)
async def send_alert(request: Request, alert: NewAlert) -> SentAlert:
    """Say that something is wrong, or with ``status: resolved`` that it is over.

    Sent again while it fires it is the same alert. People are told by the channels, as of an alert of a rule.
    """
    who = await principal(request, "control")
    gateway = gateway_of(request)
    _known(alert.channels, gateway.access.inventory.channels)
    found = _command(alert, who.name)
    await command(gateway, found.type, found.subject, dict(found.data))
    message = alert.message or sentence(found.data["data"]) or alert.type
    return SentAlert(
        type=alert.type, key=found.data["key"], status=alert.status, severity=alert.severity, message=message
    )


def _command(alert: NewAlert, by: str) -> Command:
    extra = alert.model_extra or {}
    key = alert.key or str(extra.get("model_id") or "")[:200]
    said = alert.model_dump(include={"status", "severity", "message", "channels", "labels", "resolve_after_s"})
    return Command("alert.raised", alert.type, {**said, "key": key, "data": extra, "by": by})


@router.post("/v1/alerts/check", response_model=Checked)
async def check_alerts(request: Request, check: Check) -> Checked:
    """Hold the rules that are in force against figures at hand. Each one that is met is an alert: in the log, then sent.

    A rule that is met again goes on with the same alert; one that is not met any more resolves it. Figures that a rule
    needs and that are not there leave it as it is.
    """
    who = await principal(request, "control")
    gateway = gateway_of(request)
    figures = _figures(check.data)
    rules = [d["spec"] for d in gateway.access.definitions.values() if d["kind"] == "rule"]
    open_ = {
        alert["rule"] for alert in (await topic_data(gateway, "alerts", "")).data.values() if alert["state"] == "firing"
    }
    found: list[CheckedAlert] = []
    commands: list[Command] = []
    now = iso(time.time_ns() // 1000)
    for rule in sorted(rules, key=lambda rule: rule["name"]):
        condition = read(rule["condition"])
        verdict = _verdict(condition, rule["threshold"], figures, check.key)
        said = {"key": check.key, "severity": rule["severity"], "channels": rule["channels"], "by": who.name}
        if verdict is Verdict.BREACHED:
            message = f"{rule['condition']} holds ({_shown(condition, figures)}, threshold {rule['threshold']:g})"
            found.append(
                CheckedAlert(
                    rule_id=rule["name"],
                    message=message,
                    severity=rule["severity"],
                    timestamp=now,
                    data=check.data,
                    channels=rule["channels"],
                )
            )
            commands.append(
                Command("alert.raised", rule["name"], {**said, "message": message, "data": _small(check.data)})
            )
        elif verdict is Verdict.FINE and rule["name"] in open_:
            commands.append(Command("alert.raised", rule["name"], {**said, "status": "resolved"}))
    if commands:
        await tell(gateway, commands)
    return Checked(alerts=found)


def _verdict(condition: Condition | Joint, threshold: float, figures: Mapping[str, float], key: str) -> Verdict:
    """Of a condition over ranges or the past nothing can be said by figures of one moment."""
    if isinstance(condition, Joint):
        return condition.verdict([_figure(one, figures, key) for one in condition.series], threshold)
    if condition.key not in (None, key):
        return Verdict.UNKNOWN
    mine = {a: figures[f"{condition.metric}.{a}"] for a in condition.aggregates if f"{condition.metric}.{a}" in figures}
    return condition.verdict(mine, threshold)


def _figure(series: Series, figures: Mapping[str, float], key: str) -> float:
    if series.over_us or series.back_us or series.key not in (None, key):
        return nan
    return figures.get(f"{series.metric}.{series.aggregate}", nan)


def _shown(condition: Condition | Joint, figures: Mapping[str, float]) -> str:
    if isinstance(condition, Joint):
        names = sorted({f"{series.metric}.{series.aggregate}" for series in condition.series})
    else:
        names = sorted(f"{condition.metric}.{aggregate}" for aggregate in condition.aggregates)
    return ", ".join(f"{name} is {figures[name]:g}" for name in names if name in figures)


def _small(data: Mapping[str, Any]) -> dict[str, Any]:
    """What of the figures stays with the alert: a hundred."""
    return dict(list(data.items())[:100])


def _figures(data: Mapping[str, Any]) -> dict[str, float]:
    """By ``metric.aggregate``. Raises ``Rejected`` for a figure that is no number."""
    found: dict[str, float] = {}

    def take(value: object, at: str) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
                take(inner, f"{at}.{name}".lstrip("."))  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Rejected(f"data.{at}", f"must be a number, got {str(value)[:40]!r}")
        else:
            found[at] = float(value)

    take(data, "")
    return found


@router.post("/v1/notifications", response_model=Sent, status_code=202)
async def send_notifications(request: Request, wanted: Sending) -> Sent:
    """Send a message to channels. It is owed from the moment that this is answered, and tried for a day."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    _known(wanted.channels, gateway.access.inventory.channels)
    key = f"sent:{secrets.token_hex(8)}"
    return await _ask(
        gateway, key, {"by": who.name, **wanted.alert}, wanted.channels, str(wanted.alert.get("alert", ""))
    )


async def _ask(gateway: Gateway, key: str, body: Mapping[str, Any], channels: Collection[str], alert: str = "") -> Sent:
    body = {"time": iso(time.time_ns() // 1000), "type": "notification", **body}
    await command(gateway, "notification.asked", key, {"body": body, "channels": [*channels], "alert": alert})
    return Sent(keys={channel: f"{key}:{channel}" for channel in dict.fromkeys(channels)})


@router.post("/v1/channels/{name}/test", response_model=Tried)
async def test_channel(request: Request, name: str) -> Tried:
    """Send a message that tries the channel out, once, and say what came of it."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    await gateway.access.refresh()
    if name not in gateway.access.inventory.channels:
        known = sorted(gateway.access.inventory.channels)
        raise Missing(
            "name", f"there is no channel {name!r}{did_you_mean(name, known)}; channels are {', '.join(known)}"
        )
    body = {
        "type": "channel.test",
        "title": "A test from Hindcast",
        "message": f"{who.name} tries the channel {name!r} out. There is nothing to do.",
        "rule": "A test",
        "severity": "low",
        "test": True,
    }
    sent = await _ask(gateway, f"test:{secrets.token_hex(8)}", body, [name])
    key = sent.keys[name]
    deadline = time.monotonic() + TRY_S
    while time.monotonic() < deadline:
        found = await sql_answer(
            request,
            f"SELECT type, error FROM notifications WHERE idempotency_key = '{key.replace(chr(39), chr(39) * 2)}'",
            1,
        )
        for type_, error in found.rows:
            delivered = type_ == "notification.sent"
            return Tried(channel=name, outcome="sent" if delivered else "failed", error=error or "", key=key)
        await asyncio.sleep(0.25)
    return Tried(channel=name, outcome="waiting", key=key)


def _known(channels: Collection[str], known: Collection[str]) -> None:
    for channel in channels:
        if channel not in known:
            hint = did_you_mean(channel, known)
            raise Rejected("channels", f"names channel {channel!r}{hint}; channels are {', '.join(sorted(known))}")
