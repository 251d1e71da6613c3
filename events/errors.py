"""Errors, by who reads them (ARCHITECTURE, errors). Anything that is none of these is a bug: let it crash."""

from __future__ import annotations


class Rejected(ValueError):
    """The caller's fault: names the field and says what is wrong and how to mend it (HTTP 4xx, dead letter)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[type[Rejected], tuple[str, str]]:
        return (type(self), (self.field, self.reason))


class Transient(RuntimeError):
    """The world's fault and it may pass: back off and try again (HTTP 503 with Retry-After)."""

    def __init__(self, reason: str, retry_after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[type[Transient], tuple[str, float]]:
        return (type(self), (self.reason, self.retry_after_s))


class Overloaded(Transient):
    """The disk is nearly full, or others ask for as much already: the caller must slow down (HTTP 429 with Retry-After)."""


class Elsewhere(Transient):
    """The cell does not run on the host that was asked, and nothing was done: look where it runs now, and ask there."""


class Fenced(RuntimeError):
    """A newer instance of the cell has taken over: stop quietly, commit nothing more."""


class Conflict(RuntimeError):
    """The commit does not stand on the cell's last commit: throw the state away and reload."""


class Corrupt(RuntimeError):
    """The log or a snapshot is not what was written: stop and page; never guess."""
