"""PostHog's own names of events, and what such an event is called here, sent live or imported."""

from __future__ import annotations

_NAMES = {
    "$pageview": "page.viewed",
    "$pageleave": "page.left",
    "$screen": "screen.viewed",
    "$identify": "user.identified",
    "$set": "user.identified",
    "$create_alias": "user.aliased",
    "$merge_dangerously": "user.aliased",
    "$groupidentify": "group.identified",
}
_DONE = {"click": "clicked", "change": "changed", "submit": "submitted"}


def type_of(name: str, event_type: str | None) -> str:
    """The type of an event called ``name``; ``event_type``: of an automatic one, what was done (``$event_type``)."""
    if name == "$autocapture":
        done = event_type or "touched"
        return f"element.{_DONE.get(done, done)}"
    return _NAMES.get(name, name)
