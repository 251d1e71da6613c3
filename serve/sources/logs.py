"""The sources ``logs`` (programs, into ``system_logs``) and ``access_log`` (web servers, into ``website_analytics``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from actors.definitions.schema import Word
from actors.parts import Part, SourceKind, SourceSection, Within
from actors.source import Source
from events.collected import SYSTEM_LOGS, WEBSITE_ANALYTICS
from serve.sources.mapping import Zone


class LogsSection(SourceSection):
    """A file that a program writes its log to."""

    kind: str = "logs"
    path: Path
    format: Literal["text", "json", "logfmt", "syslog"] = "text"
    """How its lines are written: ``syslog`` is RFC 5424 and 3164, with or without the number in front."""
    zone: Zone | None = None
    """Where times are from that say no zone; None: from where this machine is."""
    every_s: float = Field(default=1.0, ge=0.05, le=3600)
    """How often it is looked at while it does not grow."""
    source: Word | None = None


class AccessLogSection(SourceSection):
    """The access log of nginx or Apache, in the form *common* or *combined*."""

    kind: str = "access_log"
    path: Path
    every_s: float = Field(default=1.0, ge=0.05, le=3600)
    source: Word | None = None


def _logs(path: Path, form: str, zone: str | None, every_s: float, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.log_file import LogFile  # here: only the process that reads needs what this imports
    from serve.sources.log_lines import FORMS

    return LogFile(path, SYSTEM_LOGS, lambda: FORMS[form](zone), every_s, source, now)


def _access(path: Path, every_s: float, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.access_lines import AccessLines
    from serve.sources.log_file import LogFile

    return LogFile(path, WEBSITE_ANALYTICS, AccessLines, every_s, source, now)


def _of_logs(section: LogsSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(
        _logs, section.path.absolute(), section.format, section.zone, section.every_s, section.source or name
    )


def _of_access(section: AccessLogSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_access, section.path.absolute(), section.every_s, section.source or name)


PART = Part(
    "logs",
    sources=(
        SourceKind("logs", SYSTEM_LOGS, _of_logs, LogsSection, refuses=True, bound=True),
        SourceKind("access_log", WEBSITE_ANALYTICS, _of_access, AccessLogSection, refuses=True, bound=True),
    ),
)
