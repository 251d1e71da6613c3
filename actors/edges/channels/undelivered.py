"""What a channel raises that could not deliver."""

from __future__ import annotations


class Undelivered(RuntimeError):
    """The channel did not take the message.

    ``final``: trying again cannot help. ``hold_s``: the receiver asked for no request, of whatever message, for so long.
    """

    def __init__(self, reason: str, *, final: bool = False, hold_s: float | None = None) -> None:
        super().__init__(reason)
        self.final = final
        self.hold_s = hold_s
