"""What the script sends of one thing that a visitor did, as a row of ``website_analytics``."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import orjson

from events.collected import WEBSITE_ANALYTICS
from events.errors import Rejected
from serve.ingest.bodies import within
from serve.ingest.contract import ID_LENGTH, NAME_LENGTH
from serve.sources.agents import is_bot
from serve.sources.gathered import Gathered, as_json

MOST_BYTES = 65_536
"""A browser sends no larger beacon."""
_KEPT = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ref")
_DATA_BYTES = 32_768
_TEXT = 2_000


def said(body: bytes) -> dict[str, Any]:
    """The object that the script sent. Raises ``Rejected`` and ``TooLarge``."""
    try:
        found: Any = orjson.loads(within(body, MOST_BYTES))
    except orjson.JSONDecodeError as error:
        raise Rejected("body", f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Rejected("body", "must be a JSON object, as the script sends it")
    return cast("dict[str, Any]", found)


def text(item: dict[str, Any], field: str, most: int = _TEXT) -> str | None:
    """A text, cut at ``most`` characters; None where there is none. Raises ``Rejected`` for anything else."""
    value = item.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Rejected(field, "must be a text")
    return value[:most]


def read(item: dict[str, Any], source: str, visitor: str, agent: str, received_us: int) -> Gathered:
    """The row of ``item``. Of the query only the campaign is kept, for addresses may hold what is nobody's business.

    Raises ``Rejected``.
    """
    type = text(item, "type", NAME_LENGTH + 1)
    if type is None or len(type) > NAME_LENGTH:
        raise Rejected("type", f"is required: what happened, in at most {NAME_LENGTH} characters")
    id = text(item, "id", ID_LENGTH)
    if id is None:
        raise Rejected("id", "is required: else a page that sends again would count twice")
    try:
        url = urlsplit(text(item, "url") or "")
    except ValueError:
        raise Rejected("url", "is no address") from None
    data = item.get("data")
    if data is not None and not isinstance(data, dict):
        raise Rejected("data", "must be an object")
    if data and len(orjson.dumps(data)) > _DATA_BYTES:
        raise Rejected("data", f"must be at most {_DATA_BYTES:,} bytes of JSON")
    campaign = {name: value[:_TEXT] for name, value in parse_qsl(url.query) if name in _KEPT}
    more: dict[str, Any] = {"host": url.netloc, "title": text(item, "title"), **campaign}
    properties = {**{name: value for name, value in more.items() if value}, **(cast("dict[str, Any]", data) or {})}
    if agent and is_bot(agent[:_TEXT]):
        properties["bot"] = True
    gathered = Gathered(WEBSITE_ANALYTICS, source, received_us)
    gathered.add(
        id=id,
        type=type,
        time=received_us,
        subject=visitor,
        path=url.path or None,
        referrer=_elsewhere(text(item, "referrer")),
        agent=agent[:_TEXT] or None,
        properties=as_json(properties),
    )
    return gathered


def _elsewhere(referrer: str | None) -> str | None:
    """Where they came from, without the query."""
    return referrer.partition("?")[0].partition("#")[0] if referrer else None
