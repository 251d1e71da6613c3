"""What a query works with, wherever it runs; and running it right here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from events.log import LogReader
from query.bounds import Limits, Stop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """The log that is asked, whose rows of it, where the query ends, and who stops it."""

    log: LogReader
    tenant: str
    limits: Limits
    stop: Stop


Deed = Callable[[Desk], T]
"""A query as one thing that can be done. To be done in another process it has to be picklable: a function of a module, or a
``partial`` of one with all that it needs."""


class Doer(Protocol):
    """Does deeds: here, or in a process of their own."""

    def do(self, deed: Deed[T], stop: Stop | None = None, limits: Limits | None = None) -> T:
        """What ``deed`` returns. ``limits``: None for the usual ones. Raises what it raises, and ``Stopped`` once ``stop``
        is asked for."""
        ...


class Here:
    """Does deeds in the thread that asks for them: for commands and tests, where nothing else waits."""

    def __init__(self, log: LogReader, tenant: str, limits: Limits | None = None) -> None:
        self._log = log
        self._tenant = tenant
        self._limits = limits or Limits()

    def do(self, deed: Deed[T], stop: Stop | None = None, limits: Limits | None = None) -> T:
        return deed(Desk(self._log, self._tenant, limits or self._limits, stop or Stop()))
