"""Pagers: SMS through a gateway's HTTP API, PagerDuty's Events API, and what Apprise speaks to."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from actors.edges.channels.message import Message, message_of
from actors.edges.channels.posting import post
from actors.edges.channels.undelivered import Undelivered
from actors.edges.guard import Guard
from events.errors import Rejected

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
TWILIO: Mapping[str, str] = {"to": "To", "from": "From", "text": "Body"}
"""What the fields of the form are called."""
SMS_CHARACTERS = 320
"""Of one message: two parts of an SMS where it has only plain letters."""


@dataclass(frozen=True, slots=True)
class SMSNotifier:
    """POSTs one form for each number to a gateway. Twilio's names of the fields are the standard; others have their own.

    ``url`` may have ``{username}`` in it, as Twilio's does.
    """

    url: str
    to: tuple[str, ...]
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    fields: Mapping[str, str] = field(default_factory=lambda: TWILIO)
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields that are sent as they are."""
    guard: Guard | None = field(default=None, compare=False)

    def send(self, key: str, body: str) -> None:
        text = sms_of(message_of(body))
        auth = (self.username, self.password) if self.username else None
        url = self.url.replace("{username}", self.username)
        done: list[str] = []
        for number in self.to:
            form = {
                self.fields["to"]: number,
                self.fields["from"]: self.sender,
                self.fields["text"]: text,
                **self.extra,
            }
            try:
                post(url, guard=self.guard, form=form, auth=auth, gone=(400, 404, 410, 422))
            except Undelivered as error:
                if not done:
                    raise
                raise Undelivered(f"{number}: {error}; {', '.join(done)} have it", final=True) from None
            done.append(number)


def sms_of(message: Message) -> str:
    """What fits into a text message."""
    said = f"{message.headline}. {message.text}"
    link = f" {message.link}" if message.link else ""
    room = SMS_CHARACTERS - len(link)
    return (said if len(said) <= room else said[: room - 1] + "…") + link


@dataclass(frozen=True, slots=True)
class PagerDutyNotifier:
    """PagerDuty's Events API v2: an alert triggers an incident, and its end resolves it. Others speak this protocol, too."""

    routing_key: str = field(repr=False)
    url: str = PAGERDUTY
    guard: Guard | None = field(default=None, compare=False)

    def send(self, key: str, body: str) -> None:
        post(self.url, guard=self.guard, json=pagerduty_of(message_of(body), key, self.routing_key), gone=(400, 410))


def pagerduty_of(message: Message, key: str, routing_key: str) -> dict[str, Any]:
    """An event; ``dedup_key`` is the alert, so that all that is said of it is one incident."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if message.resolved else "trigger",
        "dedup_key": (message.alert or key)[:255],
    }
    if not message.resolved:
        links = {"Look at it": message.link, "Runbook": message.runbook}
        event["links"] = [{"href": address, "text": name} for name, address in links.items() if address]
        event["payload"] = {
            "summary": f"{message.title}: {message.text}"[:1024],
            "source": message.title[:255],
            "severity": SEVERITIES.get(message.severity, "warning"),
            "custom_details": {**message.facts, "shortly_before": list(message.nearby)},
        }
        if message.time:
            event["payload"]["timestamp"] = message.time
    return event


@dataclass(frozen=True, slots=True)
class AppriseNotifier:
    """Whatever the package ``apprise`` speaks to, a hundred services: ``url`` is an address in its form."""

    url: str = field(repr=False)
    links: ClassVar[bool] = True

    def send(self, key: str, body: str) -> None:
        try:
            import apprise
        except ImportError:
            raise Rejected("kind", "apprise needs its package: pip install 'hindcast[apprise]'") from None
        message = message_of(body)
        told: Any = apprise.Apprise()
        if not told.add(self.url):
            raise Undelivered("apprise knows no service at this url; see its list of services", final=True)
        kind = "success" if message.resolved else "failure" if message.severity in ("critical", "high") else "warning"
        with _Heard("apprise") as heard:
            delivered = told.notify(title=message.headline, body=message.plain(), notify_type=kind, body_format="text")
        if not delivered:
            raise Undelivered(f"apprise: {_unspoken(heard.newest, self.url) or 'the service did not take it'}")


class _Heard(logging.Handler):
    """Remembers the newest warning of a logger: apprise says there, and only there, why something failed."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger(name)
        self.newest = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.newest = record.getMessage()[:300]

    def __enter__(self) -> _Heard:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)


def _unspoken(said: str, url: str) -> str:
    """``said`` without what may be a secret of the address."""
    for secret in sorted((part for part in re.split(r"[/:@?&=]+", url) if len(part) > 5), key=len, reverse=True):
        said = said.replace(secret, "…")
    return said
