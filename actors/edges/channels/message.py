"""One shape for all channels: what a message says, read from its body, and how it looks as text and as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, cast

MARKS = {"critical": "■", "high": "◆", "medium": "▲", "low": "●"}
COLOURS = {"critical": "#C62828", "high": "#D9480F", "medium": "#B7791F", "low": "#4A5568", "resolved": "#2F855A"}
STATES = {
    "alert.fired": "firing",
    "alert.resolved": "resolved",
    "alert.escalated": "nobody has acknowledged it",
    "alert.flapping": "keeps going on and off",
    "channel.test": "test",
}


@dataclass(frozen=True)
class Message:
    """What people read."""

    title: str
    text: str
    """The sentence: ``orders.count is 3, limit 10``."""
    state: str = ""
    """``firing``, ``resolved``, ``test``; empty for a message that is no alert."""
    severity: str = ""
    alert: str = ""
    """What the message is about: messages about one thing belong together."""
    time: str = ""
    link: str = ""
    """The alert on the page, at the very moment."""
    acknowledge: str = ""
    """Opens a page on which it can be acknowledged, once."""
    runbook: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else was said: labels, annotations, data."""
    nearby: Sequence[str] = ()
    """What changed shortly before: definitions, other alerts."""
    parts: Sequence[Message] = ()
    """Of a message about several alerts: each of them."""

    @property
    def resolved(self) -> bool:
        return self.state == "resolved"

    @property
    def colour(self) -> str:
        return COLOURS["resolved"] if self.resolved else COLOURS.get(self.severity, COLOURS["low"])

    @property
    def headline(self) -> str:
        """One line: ``◆ Many refunds: firing``."""
        mark = "✓" if self.resolved else MARKS.get(self.severity, "")
        state = f": {self.state}" if self.state else ""
        return f"{mark} {self.title}{state}".strip()

    def lines(self) -> Iterator[str]:
        """As plain text."""
        yield self.text
        for part in self.parts:
            yield f"- {part.headline}. {part.text}"
        if self.facts:
            yield ""
            yield from (f"{name}: {value}" for name, value in self.facts.items())
        if self.nearby:
            yield ""
            yield "Shortly before:"
            yield from (f"- {what}" for what in self.nearby)
        yield ""
        links = {"Look": self.link, "Runbook": self.runbook, "Acknowledge": self.acknowledge}
        yield from (f"{name}: {address}" for name, address in links.items() if address)
        if self.time:
            yield f"{self.severity}, {self.time}".lstrip(", ")

    def plain(self) -> str:
        return "\n".join(self.lines()).strip() + "\n"

    def html(self) -> str:
        """A whole page, for e-mail: no picture, no script, no request to anybody."""
        rows = "".join(
            f'<tr><td style="color:#4A5568;padding:2px 16px 2px 0;vertical-align:top">{escape(name)}</td>'
            f"<td>{escape(value)}</td></tr>"
            for name, value in self.facts.items()
        )
        parts = "".join(
            f'<li style="margin:4px 0"><b style="color:{part.colour}">{escape(part.headline)}</b><br>'
            f"{escape(part.text)}</li>"
            for part in self.parts
        )
        near = "".join(f"<li>{escape(what)}</li>" for what in self.nearby)
        links = {"Look at it": self.link, "Runbook": self.runbook, "Acknowledge": self.acknowledge}
        buttons = "".join(
            f'<a href="{escape(address, quote=True)}" style="display:inline-block;margin:0 8px 8px 0;padding:8px 14px;'
            f'border:1px solid #CBD5E0;border-radius:6px;color:#1A365D;text-decoration:none">{name}</a>'
            for name, address in links.items()
            if address.startswith(("http://", "https://"))
        )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(self.headline)}</title></head>"
            '<body style="margin:0;padding:24px;background:#F6F7F9;color:#12151C;font:15px/1.5 system-ui,sans-serif">'
            '<div style="max-width:560px;margin:auto;padding:20px 24px;background:#FFF;border:1px solid #E2E8F0;'
            f'border-left:5px solid {self.colour};border-radius:8px">'
            f'<h1 style="margin:0 0 8px;font-size:18px">{escape(self.headline)}</h1>'
            f'<p style="margin:0 0 16px">{escape(self.text)}</p>'
            + (f'<ul style="padding-left:18px">{parts}</ul>' if parts else "")
            + (f'<table style="font-size:13px;margin:0 0 16px">{rows}</table>' if rows else "")
            + (f'<p style="margin:0">Shortly before:</p><ul style="font-size:13px">{near}</ul>' if near else "")
            + f"<p>{buttons}</p>"
            + f'<p style="margin:0;color:#505866;font-size:12px">{escape(f"{self.severity}, {self.time}".strip(", "))}</p>'
            "</div></body></html>"
        )


def message_of(body: str) -> Message:
    """The message that ``body`` (a JSON object) is. Whatever is not there is left out."""
    try:
        said: object = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, Mapping):
        return Message("Hindcast", body)
    return _message(cast("Mapping[str, Any]", said))


def _message(said: Mapping[str, Any]) -> Message:
    rule, key = str(said.get("rule") or ""), str(said.get("key") or "")
    title = str(said.get("title") or "") or (f"{rule} · {key}" if rule and key else rule) or "Hindcast"
    annotations = _texts(said.get("annotations"))
    facts = {name: text for name, text in annotations.items() if name not in ("title", "summary")}
    facts |= _texts(said.get("labels"))
    facts |= {name: text for name, text in _texts(said.get("data")).items() if name not in facts}
    if said.get("by"):
        facts["by"] = str(said["by"])
    return Message(
        title=annotations.get("title") or title,
        text=annotations.get("summary") or str(said.get("message") or ""),
        state=STATES.get(str(said.get("type", "")), ""),
        severity=str(said.get("severity") or ""),
        alert=str(said.get("alert") or said.get("subject") or ""),
        time=str(said.get("time") or ""),
        link=str(said.get("link") or ""),
        acknowledge=str(said.get("acknowledge") or ""),
        runbook=str(said.get("runbook") or ""),
        facts=facts,
        nearby=[str(what) for what in said.get("nearby") or ()][:10],
        parts=[_message(part) for part in said.get("alerts") or ()],
    )


def _texts(said: object) -> dict[str, str]:
    if not isinstance(said, Mapping):
        return {}
    named = cast("Mapping[str, Any]", said)
    return {str(n): v if isinstance(v, str) else json.dumps(v, sort_keys=True, default=str) for n, v in named.items()}
