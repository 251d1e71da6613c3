"""The forms in which programs write their logs: plain text, JSON, logfmt, syslog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from serve.sources.gathered import Gathered, as_json
from serve.sources.when import LOCAL, read_time

_SEVERITIES = {
    "trace": ("trace", "verbose", "finest", "finer"),
    "debug": ("debug", "dbg", "fine", "d"),
    "info": ("info", "information", "informational", "notice", "i"),
    "warning": ("warning", "warn", "w"),
    "error": ("error", "err", "severe", "e"),
    "critical": ("critical", "crit", "fatal", "alert", "emerg", "emergency", "panic", "f"),
}
_SEVERITY = {word: severity for severity, words in _SEVERITIES.items() for word in words}
_OF_SYSLOG = ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")
"""By the last three bits of the number in front (RFC 5424, 6.2.1)."""
_OF_NUMBERS = ((60, "critical"), (50, "error"), (40, "warning"), (30, "info"), (20, "debug"), (10, "trace"))
"""The numbers of bunyan and pino; Python's own are ten lower, and are not told by them."""
_TIME = re.compile(
    r"\[?(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:\s?(?:Z|[+-]\d\d:?\d\d))?)\]?", re.ASCII
)
_WORD = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|FATAL|PANIC|ALERT|EMERG)\b"
    r"|[\[<](trace|debug|info|notice|warn|warning|error|crit|alert|emerg)[\]>]"
    r"|^\s?([DIWEF])\s"
)
_LOOKED_AT = 120
"""Characters of a line in which its severity is looked for."""


def severity_of(said: object) -> str | None:
    """One of six words for whatever a program calls it; None where that says nothing."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        return next((severity for number, severity in _OF_NUMBERS if said >= number), None)
    return _SEVERITY.get(str(said).strip().lower()) if said is not None else None


class TextLines:
    """Lines of text. A line that says no time has that of the line before: it goes on with it."""

    def __init__(self, zone: str | None) -> None:
        self._zone = zone or LOCAL
        self._time: int | None = None

    def take(self, line: str, gathered: Gathered) -> None:
        found = _TIME.match(line)
        if found:
            try:
                said = found.group(1).replace("/", "-").replace(",", ".")
                self._time = read_time(said, gathered.received_us, self._zone)
            except ValueError:  # digits that are no time: they stay in the message
                found = None
        rest = line[found.end() :] if found else line
        word = _WORD.search(rest[:_LOOKED_AT])
        severity = severity_of(next(filter(None, word.groups()))) if word else None
        message = (rest.strip() or line) if found else line
        time = self._time if self._time is not None else gathered.received_us
        gathered.add(type="log.written", time=time, severity=severity, message=message)


_NAMES = {
    "time": ("time", "timestamp", "@timestamp", "ts", "datetime", "date", "t", "asctime"),
    "severity": ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "severity_text"),
    "message": ("message", "msg", "event", "text", "body"),
    "subject": ("service", "app", "application", "program", "logger", "name", "component", "service.name"),
    "host": ("host", "hostname", "host.name"),
}
"""What programs call these, the usual name first."""


class FieldLines:
    """Lines that are fields by name; ``fields`` takes a line apart, or raises ``ValueError``."""

    def __init__(self, zone: str | None, fields: Callable[[str], Mapping[str, Any]]) -> None:
        self._zone = zone or LOCAL
        self._fields = fields

    def take(self, line: str, gathered: Gathered) -> None:
        field = "line"
        try:
            fields = dict(self._fields(line))
            said = {what: _taken(fields, names) for what, names in _NAMES.items()}
            field = "time"
            known = said["time"] is not None
            time = read_time(said["time"], gathered.received_us, self._zone) if known else gathered.received_us
        except ValueError as error:
            gathered.refuse(field, str(error), line)
            return
        level = said["severity"]
        number = int(level) if isinstance(level, str) and level.isdigit() else level
        severity = severity_of(number)
        if severity is None and level is not None:
            fields["level"] = level
        gathered.add(
            type="log.written",
            time=time,
            subject=_text(said["subject"]),
            severity=severity,
            message=_text(said["message"]),
            host=_text(said["host"]),
            properties=as_json(fields) if fields else None,
        )


def json_fields(line: str) -> Mapping[str, Any]:
    """A line of JSON. Raises ``ValueError``."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("is JSON, but no object; is `format` right?")
    return found


_PAIR = re.compile(r'([^\s="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?(?:\s+|$)')


def logfmt_fields(line: str) -> Mapping[str, Any]:
    """A line of ``key=value`` pairs (https://brandur.org/logfmt); a key alone is true. Raises ``ValueError``."""
    fields: dict[str, Any] = {}
    at, line = 0, line.strip()
    while at < len(line):
        pair = _PAIR.match(line, at)
        if pair is None:
            raise ValueError(f"is not logfmt from character {at + 1} on: {line[at : at + 40]!r}")
        key, value = pair.groups()
        if value is not None and value.startswith('"'):
            value = value[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        fields[key] = True if value is None else value
        at = pair.end()
    if not any(value is not True for value in fields.values()):
        raise ValueError("is not logfmt: it has no key=value; is `format` right?")
    return fields


_PRI = re.compile(r"<(\d{1,3})>", re.ASCII)
_5424 = re.compile(
    r"1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^\]\\\"]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+)(?: (.*))?$", re.DOTALL
)
_3164 = re.compile(
    r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) (\S+) ([^\s:\[]+)(?:\[([^\]]*)\])?: ?(.*)$", re.DOTALL
)
_ELEMENT = re.compile(r"\[([^\s\]]+)((?: [^=\s\]]+=\"(?:[^\"\\]|\\.)*\")*)\]")
_PARAM = re.compile(r" ([^=\s\]]+)=\"((?:[^\"\\]|\\.)*)\"")


class SyslogLines:
    """Lines of syslog. RFC 3164 says no year: it is the newest one with which the line is not of the future."""

    def __init__(self, zone: str | None) -> None:
        self._zone = zone or LOCAL

    def take(self, line: str, gathered: Gathered) -> None:
        front = _PRI.match(line)
        rest = line[front.end() :] if front else line
        severity = _OF_SYSLOG[int(front.group(1)) % 8] if front else None
        new, old = _5424.match(rest), _3164.match(rest)
        if new:
            said, host, program, process, kind, data, message = new.groups()
            properties = _known({"procid": process, "msgid": kind}) | _data(data)
            message = (message or "").removeprefix("\ufeff")
        elif old:
            said, host, program, process, message = old.groups()
            properties = _known({"procid": process})
        else:
            gathered.refuse("line", "is no line of syslog, as RFC 5424 or RFC 3164 has it; is `format` right?", line)
            return
        try:
            time = self._time(said, gathered.received_us)
        except ValueError as error:
            gathered.refuse("time", str(error), line)
            return
        gathered.add(
            type="log.written",
            time=time,
            subject=program if program != "-" else None,
            severity=severity,
            message=message,
            host=host if host != "-" else None,
            properties=as_json(properties) if properties else None,
        )

    def _time(self, said: str, received_us: int) -> int:
        if said == "-":
            return received_us
        if said[0].isdigit():
            return read_time(said, received_us, self._zone)
        now = datetime.fromtimestamp(received_us / 1e6, UTC)
        for year in (now.year + 1, now.year, now.year - 1):
            try:
                return read_time(datetime.strptime(f"{year} {said}", "%Y %b %d %H:%M:%S"), received_us, self._zone)
            except ValueError:
                continue  # of tomorrow, or a 29 February of another year
        raise ValueError(f"is not a time, got {said!r}")


def _known(said: Mapping[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value not in (None, "", "-")}


def _data(text: str) -> dict[str, Any]:
    """The structured data of RFC 5424, by element."""
    return {
        element.group(1): {
            name: value.replace('\\"', '"').replace("\\]", "]").replace("\\\\", "\\")
            for name, value in _PARAM.findall(element.group(2))
        }
        for element in _ELEMENT.finditer(text)
    }


def _taken(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Take the first field of these names out of ``fields``."""
    return next((fields.pop(name) for name in names if fields.get(name) not in (None, "")), None)


def _text(said: object) -> str | None:
    return said if said is None or isinstance(said, str) else as_json(said)


FORMS: Mapping[str, Callable[[str | None], TextLines | FieldLines | SyslogLines]] = {
    "text": TextLines,
    "json": lambda zone: FieldLines(zone, json_fields),
    "logfmt": lambda zone: FieldLines(zone, logfmt_fields),
    "syslog": SyslogLines,
}
