"""Chats: Slack (with a thread for each alert) and Microsoft Teams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from actors.edges.channels.message import Message, message_of
from actors.edges.channels.posting import post
from actors.edges.channels.undelivered import Undelivered
from actors.edges.guard import Guard

SLACK = "https://slack.com/api"
NEVER = ("channel_not_found", "is_archived", "not_in_channel", "msg_too_long", "invalid_blocks")
"""Errors of Slack that no further attempt mends."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Slack reads links and mentions in angle brackets: nothing in an alert may make one."""
MOST_TEXT = 2_900


@dataclass(frozen=True, slots=True)
class SlackNotifier:
    """Posts to an incoming webhook (``url``), or with a bot's ``token`` to ``channel``: then what follows of an alert goes
    into the thread of its first message."""

    url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    channel: str = ""
    api: str = SLACK
    guard: Guard | None = field(default=None, compare=False)
    links: ClassVar[bool] = True

    def send(self, key: str, body: str) -> None:
        self.send_in(key, body, None)

    def send_in(self, key: str, body: str, thread: str | None) -> str | None:
        """Post, as an answer in ``thread`` where there is one; answers the thread that it began."""
        said: dict[str, Any] = slack_of(message_of(body))
        if self.url:
            post(self.url, guard=self.guard, json=said, gone=(403, 404, 410))
            return None
        said |= {"channel": self.channel, "unfurl_links": False}
        if thread:
            said |= {"thread_ts": thread, "reply_broadcast": message_of(body).resolved}
        headers = {"authorization": f"Bearer {self.token}"}
        answer = post(f"{self.api}/chat.postMessage", guard=self.guard, json=said, headers=headers)
        try:
            found: dict[str, Any] = json.loads(answer)
        except ValueError:
            raise Undelivered("Slack's answer is not JSON") from None
        if not found.get("ok"):
            error = str(found.get("error", "no reason given"))
            raise Undelivered(f"Slack: {error}", final=error in NEVER)
        return None if thread else str(found.get("ts") or "") or None


def slack_of(message: Message) -> dict[str, Any]:
    """The message as Slack's blocks, and as text for notifications."""
    blocks: list[dict[str, Any]] = [_section(f"*{_escaped(message.headline)}*\n{_escaped(message.text)}")]
    if message.parts:
        blocks.append(_section("\n".join(f"• *{_escaped(p.headline)}* {_escaped(p.text)}" for p in message.parts)))
    if message.facts:
        facts = [
            {"type": "mrkdwn", "text": f"*{_escaped(n)}*\n{_escaped(v)}"[:1_900]} for n, v in message.facts.items()
        ]
        blocks.append({"type": "section", "fields": facts[:10]})
    if message.nearby:
        near = "\n".join(f"• {_escaped(what)}" for what in message.nearby)
        blocks.append(
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Shortly before:\n{near}"[:MOST_TEXT]}]}
        )
    links = {"Look at it": message.link, "Runbook": message.runbook, "Acknowledge": message.acknowledge}
    buttons = [
        {"type": "button", "text": {"type": "plain_text", "text": name}, "url": address}
        for name, address in links.items()
        if address.startswith(("http://", "https://"))
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    text = f"{message.headline}. {message.text}"[:MOST_TEXT]
    return {
        "text": _escaped(text),
        "attachments": [{"color": message.colour, "blocks": blocks, "fallback": _escaped(text)}],
    }


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MOST_TEXT]}}


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


@dataclass(frozen=True, slots=True)
class TeamsNotifier:
    """Posts an Adaptive Card to the address of a Teams workflow (*When a Teams webhook request is received*)."""

    url: str = field(repr=False)
    guard: Guard | None = field(default=None, compare=False)
    links: ClassVar[bool] = True

    def send(self, key: str, body: str) -> None:
        post(self.url, guard=self.guard, json=teams_of(message_of(body)))


def teams_of(message: Message) -> dict[str, Any]:
    """The message as an Adaptive Card 1.4."""
    tone = "Good" if message.resolved else "Attention" if message.severity in ("critical", "high") else "Warning"
    card: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "text": _plain(message.headline),
            "weight": "Bolder",
            "size": "Medium",
            "color": tone,
            "wrap": True,
        },
        {"type": "TextBlock", "text": _plain(message.text), "wrap": True},
    ]
    card += [
        {"type": "TextBlock", "text": f"- {_plain(p.headline)}. {_plain(p.text)}", "wrap": True} for p in message.parts
    ]
    if message.facts:
        facts = [{"title": _plain(name), "value": _plain(value)} for name, value in message.facts.items()]
        card.append({"type": "FactSet", "facts": facts})
    if message.nearby:
        near = "\n".join(f"- {_plain(what)}" for what in message.nearby)
        card.append({**_block(f"Shortly before:\n\n{near}"), "isSubtle": True})
    links = {"Look at it": message.link, "Runbook": message.runbook, "Acknowledge": message.acknowledge}
    actions = [
        {"type": "Action.OpenUrl", "title": name, "url": address}
        for name, address in links.items()
        if address.startswith(("http://", "https://"))
    ]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": card,
        "actions": actions,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}


def _block(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}


def _plain(text: str) -> str:
    """Cards read Markdown: what could make a link is said plainly."""
    return text.replace("[", "(").replace("]", ")").replace("\r", " ")
