"""Alerts, and the messages about them."""

from __future__ import annotations

from typing import Any

from hindcast.client.answers import FailedNotification, MadeRule, Rule
from hindcast.client.call import Call, Command, operation
from hindcast.client.operations.answered import json_of, nothing, part, path_of, then
from hindcast.client.sending import Event, encoded, uuid7


class Watching:
    """What concerns alerts."""

    @operation(Command("alerts list", columns=("id", "state", "severity", "t", "title", "detail"), times=("t",)))
    def alerts(self, *, as_of: str | None = None) -> Call[list[dict[str, Any]]]:
        """List the alerts that are open, and those that were resolved of late; now, or as known then (``as_of``)."""
        return Call("GET", "/v1/alerts", part("alerts"), params=then(as_of))

    @operation(Command("alerts acknowledge", done="{alert} is acknowledged"))
    def acknowledge(self, alert: str) -> Call[None]:
        """Say of an alert that somebody takes care of it."""
        path = f"{path_of('/v1/alerts', alert)}/acknowledge"
        return Call("POST", path, nothing, headers={"idempotency-key": uuid7()})

    @operation(
        Command("rules list", columns=("name", "condition", "threshold", "severity", "for_s", "no_data", "channels"))
    )
    def rules(self) -> Call[list[Rule]]:
        """List the alert rules, those of the configuration and those that people made."""
        return Call("GET", "/v1/alerts/rules", json_of)

    @operation(Command("rules show"))
    def rule(self, name: str) -> Call[Rule]:
        """Show the alert rule of that name, whatever characters it has."""
        return Call("GET", path_of("/v1/alerts/rules", name), json_of)

    @operation()
    def set_rule(self, rule: Event) -> Call[MadeRule]:
        """Create an alert rule, or replace the one of the same name. What may be a mistake is in its ``warnings``.

        A rule that can never fire is refused (``ApiError``).
        """
        return Call("POST", "/v1/alerts/rules", json_of, content=encoded(dict(rule)))

    @operation(Command("rules delete", done="{name} is deleted"))
    def delete_rule(self, name: str) -> Call[None]:
        """Delete an alert rule; what it has firing is resolved. One that a configuration file declares is deleted there."""
        return Call("DELETE", path_of("/v1/alerts/rules", name), nothing, repeatable=False)

    @operation(Command("notifications failed", columns=("time", "channel", "attempts", "error", "key"), wide=100))
    def failed_notifications(self) -> Call[list[FailedNotification]]:
        """List the messages that were given up and not sent again since, newest first; ``resend`` takes their keys."""
        return Call("GET", "/v1/notifications/failed", part("notifications"))

    @operation()
    def resend_notification(self, key: str) -> Call[None]:
        """Send a message that was given up again, under the same key."""
        return Call("POST", f"{path_of('/v1/notifications', key)}/resend", nothing)
