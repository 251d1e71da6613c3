"""Alerts that programs send, rules held against figures at hand, and messages to channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hindcast.client.alerting import CheckedAlert, SentAlert, SentNotifications, Silence, TriedChannel
from hindcast.client.call import Call, Command, operation
from hindcast.client.operations.answered import json_of, nothing, part, path_of
from hindcast.client.sending import Event, encoded


class Alerting:
    """What makes alerts and sends messages."""

    @operation(Command("alerts send"))
    def send_alert(self, alert: Event) -> Call[SentAlert]:
        """Say that something is wrong: an object with ``type``, and any of severity, key, message, channels, labels.

        Any further field is kept with it. Sent again while it fires it is the same alert; ``status: resolved`` ends it.
        """
        return Call("POST", "/v1/alerts", json_of, content=encoded(dict(alert)), repeatable=False)

    @operation(Command("alerts active", columns=("id", "severity", "t", "title", "detail"), times=("t",)))
    def get_active_alerts(self) -> Call[list[dict[str, Any]]]:
        """List the alerts that fire now."""
        return Call("GET", "/v1/alerts", part("alerts"), params={"active": "true"})

    @operation(Command("alerts check", columns=("rule_id", "severity", "message"), wide=100))
    def check_alerts(self, data: Event, *, of_key: str | None = None) -> Call[list[CheckedAlert]]:
        """Hold the rules in force against figures, such as ``{"cpu.percent.mean": 95}``; what is met is logged and sent.

        ``of_key``: whose figures these are.
        """
        wanted = {"data": dict(data), "key": of_key or ""}
        return Call("POST", "/v1/alerts/check", part("alerts"), content=encoded(wanted), repeatable=False)

    @operation()
    def send_notifications(self, alert: Event, channels: Sequence[str]) -> Call[SentNotifications]:
        """Send a message to channels; it is owed from the moment that this returns."""
        wanted = {"alert": dict(alert), "channels": list(channels)}
        return Call("POST", "/v1/notifications", json_of, content=encoded(wanted), repeatable=False)

    @operation(Command("notifications test"))
    def test_channel(self, name: str) -> Call[TriedChannel]:
        """Send a message that tries the channel out, once, and say what came of it."""
        return Call("POST", f"{path_of('/v1/channels', name)}/test", json_of, repeatable=False)

    @operation(
        Command("alerts silences", columns=("id", "matchers", "by", "comment", "t", "until"), times=("t", "until"))
    )
    def silences(self) -> Call[list[Silence]]:
        """List the silences that hold."""
        return Call("GET", "/v1/silences", part("silences"))

    @operation(Command("alerts silence"))
    def silence(self, silence: Event) -> Call[Silence]:
        """Tell nobody of alerts that match: ``{matchers: ['rule="Many refunds"'], for_s: 3600, comment: sale}``.

        Its end is said by ``until``, ``for_s`` or ``until_resolved``.
        """
        return Call("POST", "/v1/silences", json_of, content=encoded(dict(silence)), repeatable=False)

    @operation(Command("alerts end-silence", done="{silence} has ended"))
    def end_silence(self, silence: str) -> Call[None]:
        """End a silence; what fires still is told now."""
        return Call("DELETE", path_of("/v1/silences", silence), nothing, repeatable=False)
