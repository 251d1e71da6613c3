"""What is shown to others: links to dashboards, and annotations of what happened when."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from hindcast.client.call import Call, Command, operation
from hindcast.client.operations.answered import json_of, moment, nothing, part, path_of
from hindcast.client.sending import encoded


class Annotation(TypedDict):
    """``time`` and ``end``: seconds since 1970, UTC; no ``end``: a moment."""

    id: str
    time: float
    end: float | None
    title: str
    kind: str
    about: str
    link: str
    dashboard: str
    author: str


class SharedLink(TypedDict):
    """A link to dashboards. ``path``: what to open, below the system's address."""

    id: str
    dashboards: list[str]
    title: str | None
    filter: dict[str, str]
    expires: float | None
    origins: list[str]
    every_s: float
    range: str | None
    by: str
    made: float
    path: str


class Showing:
    """Links to dashboards, and annotations."""

    @operation(Command("annotations add"))
    def annotate(
        self,
        title: str,
        *,
        time: str | None = None,
        end: str | None = None,
        kind: Literal["release", "campaign", "incident", "change", "note"] = "note",
        about: str = "",
        link: str = "",
        dashboard: str = "",
        id: str | None = None,
    ) -> Call[Annotation]:
        """Say what happened, for charts to show: ``title``, now, or at ``time``, until ``end`` (ISO 8601, or `5m` for ago).

        The same ``id`` again is a new version of it. ``dashboard``: shown on that one only.
        """
        said = {"title": title, "time": time, "end": end, "kind": kind, "about": about, "link": link}
        said |= {"dashboard": dashboard, "id": id}
        body = encoded({name: value for name, value in said.items() if value is not None})
        return Call("POST", "/v1/annotations", json_of, content=body, repeatable=id is not None)

    @operation(Command("annotations list", columns=("time", "kind", "title", "author", "id"), times=("time",)))
    def annotations(self, *, since: str = "30d", until: str = "") -> Call[list[Annotation]]:
        """List the annotations of a span, newest first."""
        return Call("GET", "/v1/annotations", part("annotations"), params={"since": since, "until": until})

    @operation(Command("annotations remove", done="{id} is shown no more"))
    def remove_annotation(self, id: str) -> Call[None]:
        """Take an annotation back; what it said stays in the stream."""
        return Call("DELETE", path_of("/v1/annotations", id), nothing, repeatable=False)

    @operation(Command("shares create"))
    def share(
        self, dashboard: str, *, title: str | None = None, expires: str | None = None, range: str | None = None
    ) -> Call[SharedLink]:
        """Make a link to ``dashboard``: who has it may look, without a key, until it expires or is revoked.

        ``expires``: a moment to come, ISO 8601.
        """
        said = {"dashboards": [dashboard], "title": title, "expires": moment(expires), "range": range}
        return _shared({name: value for name, value in said.items() if value is not None})

    @operation()
    def share_with(
        self,
        dashboards: list[str],
        *,
        title: str | None = None,
        filter: dict[str, str] | None = None,
        expires: datetime | float | None = None,
        origins: list[str] | None = None,
        every_s: float = 30.0,
        range: str | None = None,
    ) -> Call[SharedLink]:
        """Make a link to several dashboards, shown in turn for ``every_s`` seconds each.

        ``filter``: only rows with these values are shown, by property.

        ``origins``: sites that may show it within their pages. Raises ``ApiError`` with the field that is wrong.
        """
        at = expires.timestamp() if isinstance(expires, datetime) else expires
        said = {"dashboards": dashboards, "title": title, "filter": filter, "expires": at, "origins": origins}
        said |= {"every_s": every_s, "range": range}
        return _shared({name: value for name, value in said.items() if value is not None})

    @operation(Command("shares list", columns=("id", "title", "dashboards", "expires", "by"), times=("expires",)))
    def shares(self) -> Call[list[SharedLink]]:
        """List the links that hold, newest first."""
        return Call("GET", "/v1/shares", part("shares"))

    @operation(Command("shares revoke", done="{id} opens nothing any more"))
    def revoke_share(self, id: str) -> Call[None]:
        """Revoke a link: it opens nothing any more, and who looks at it is cut off."""
        return Call("DELETE", path_of("/v1/shares", id), nothing, repeatable=False)


def _shared(said: dict[str, object]) -> Call[SharedLink]:
    return Call("POST", "/v1/shares", json_of, content=encoded(said), repeatable=False)
