"""Rows of a stream as sessions take them: whose, which page, and what brought the visitor there."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from typing import Any

from actors.analyzers.session_state import Hit, Visits
from actors.columns import times
from actors.fold import Batch
from analytics.channels import Touch, touch
from events.catalog import USER_INTERACTIONS

PAGES = frozenset(("page.viewed", "page", "screen.viewed", "screen", "$pageview", "$screen", "page.requested"))
"""Types of events that show a page."""
_SIGNS = ("campaign", "utm_", "referrer", "clid", "braid", "li_fat_id")
"""A row whose texts hold none of these words says nothing of where its visitor comes from."""
_PARTS = (".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".avif", ".woff",
          ".woff2", ".ttf", ".mp4", ".webm", ".txt", ".xml", ".json")  # fmt: skip
"""A request for one of these is a part of a page, or none that a person reads."""
_MOST_PAGE = 300
_NONE: Mapping[str, Any] = {}
HitOf = Callable[[int, Visits], Hit | None]


def hits_of(batch: Batch) -> HitOf:
    """Of each row of the batch, the hit for a definition; None where it is nobody's."""
    return _interactions(batch) if batch.stream == USER_INTERACTIONS.name else _requests(batch)


def _interactions(batch: Batch) -> HitOf:
    names = ("id", "type", "subject", "anonymous_id", "properties", "context")
    ids, types, subjects, devices, properties, contexts = (batch.table.column(n).to_pylist() for n in names)
    time, first, producer = times(batch.table, "time").tolist(), batch.first, batch.producer

    def hit(row: int, visits: Visits) -> Hit | None:
        subject, type_ = subjects[row] or "", types[row] or ""
        device = devices[row] or subject
        if not device:
            return None
        said, around = properties[row] or "", contexts[row] or ""
        is_page = type_ in PAGES
        signs = any(sign in said or sign in around for sign in _SIGNS)
        page, brought = _seen(said, around, is_page, signs, visits.own_hosts) if is_page or signs else ("", None)
        place = (time[row], ids[row] or "", producer, first + row)
        return Hit(place, device, subject or device, page, is_page, type_ in visits.conversions, brought)

    return hit


def _seen(said: str, around: str, is_page: bool, signs: bool, own: Collection[str]) -> tuple[str, Touch | None]:
    properties, context = _object(said), _object(around)
    page = _as_object(context.get("page"))
    address = _text(properties, "url", "$current_url") or _text(page, "url")
    search = _text(properties, "search") or _text(page, "search")
    if search and "?" not in address:
        address += search if search.startswith("?") else f"?{search}"
    path = ""
    if is_page:
        path = _text(properties, "path", "$pathname") or _text(page, "path") or _path_of(address)
        path = path or _text(properties, "name", "$screen_name", "title")
    if not signs:
        return path[:_MOST_PAGE], None
    referrer = _text(properties, "referrer", "$referrer") or _text(page, "referrer")
    words = {**_campaign(properties), **_as_object(context.get("campaign"))}
    return path[:_MOST_PAGE], touch(words, referrer, address, own)


def _requests(batch: Batch) -> HitOf:
    names = ("id", "type", "subject", "status", "path", "referrer", "agent", "properties")
    ids, types, subjects, statuses, paths, referrers, agents, properties = (
        batch.table.column(name).to_pylist() for name in names
    )
    time, first, producer = times(batch.table, "time").tolist(), batch.first, batch.producer

    def hit(row: int, visits: Visits) -> Hit | None:
        subject, type_, path = subjects[row] or "", types[row] or "", paths[row] or ""
        if not subject:
            return None
        agent = agents[row]
        device = f"{subject} {blake2b(agent.encode(), digest_size=6).hexdigest()}" if agent else subject
        shown = (statuses[row] or 200) < 400 and not path.lower().endswith(_PARTS)
        said = _object(properties[row] or "")
        query = _text(said, "query", "search").removeprefix("?")
        host = _text(said, "vhost", "host")
        address = f"https://{host}{path}" if host else path
        words = {**_campaign(said), **_as_object(said.get("campaign"))}
        brought = touch(words, referrers[row] or "", f"{address}?{query}" if query else address, visits.own_hosts)
        place = (time[row], ids[row] or "", producer, first + row)
        is_page = shown and type_ in PAGES
        return Hit(place, device, subject, path[:_MOST_PAGE], is_page, type_ in visits.conversions, brought)

    return hit


def _campaign(said: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the properties that a campaign may be told by; a property `name` or `source` means something else."""
    return {name: value for name, value in said.items() if name.startswith("utm_") or name.endswith("id")}


def _object(text: str) -> Mapping[str, Any]:
    if not text:
        return _NONE
    try:
        return _as_object(json.loads(text))
    except ValueError:
        return _NONE


def _as_object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NONE


def _text(said: Mapping[str, Any], *names: str) -> str:
    found = (said.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value and not value.startswith("$direct")), "")


def _path_of(address: str) -> str:
    _, _, rest = address.partition("//")
    _, slash, path = rest.partition("/")
    return (slash + path).partition("?")[0].partition("#")[0]
