"""Events on their way in: Segment's calls, and imports."""

from __future__ import annotations

from typing import Any

from hindcast.client.answers import ImportProgress, Receipt
from hindcast.client.call import Call, operation
from hindcast.client.operations.answered import json_of, path_of
from hindcast.client.sending import Event, segment


class Sending:
    """What brings events in."""

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

    @operation()
    def import_progress(self, name: str) -> Call[ImportProgress]:
        """Say how many rows of an import are judged; ``name`` is made of its content."""
        return Call("GET", path_of("/v1/imports", name), json_of)

    @operation()
    def finish_import(self, name: str, rows: int, file: str = "") -> Call[ImportProgress]:
        """Say that an import has no more than these rows: the windows of the past that they belong to are counted anew."""
        return Call("POST", path_of("/v1/imports", name) + "/finish", json_of, {"rows": rows, "file": file})
