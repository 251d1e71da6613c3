"""Lines of access logs of nginx and Apache: *common*, *combined*, and *combined* with the virtual host in front."""

from __future__ import annotations

import re
from datetime import datetime

from serve.sources.agents import is_bot
from serve.sources.gathered import Gathered, as_json
from serve.sources.when import read_time

_LINE = re.compile(
    r"(?:(?P<vhost>\S{1,300}:\d{1,5}) (?!- ))?(?P<address>\S{1,300}) "
    r"(?P<ident>\S{1,300}) (?P<user>.{1,300}?) \[(?P<time>[^\]]{1,40})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}|-) (?P<bytes>\d+|-)'
    r'(?: "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?(?P<rest>.*)$',
    re.ASCII,
)
_REQUEST = re.compile(r"([A-Z]{3,20}) (\S+)(?: (HTTP/[\d.]+))?$", re.ASCII)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "v": "\v", "f": "\f"}


class AccessLines:
    """Makes rows of ``website_analytics``."""

    def take(self, line: str, gathered: Gathered) -> None:
        found = _LINE.match(line)
        if found is None:
            gathered.refuse(
                "line", "is no line of an access log in the form common or combined; let the server write these", line
            )
            return
        try:
            said = datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z")
            time = read_time(said, gathered.received_us)
        except ValueError as error:
            gathered.refuse("time", str(error), line)
            return
        request = _plain(found["request"]) or ""
        whole = _REQUEST.match(request)
        method, target, protocol = whole.groups() if whole else (None, request, None)
        path, _, query = target.partition("?")
        more = {"query": query, "protocol": protocol, "user": _plain(found["user"]), "vhost": found["vhost"]}
        more["rest"] = found["rest"].strip()
        agent = _plain(found["agent"])
        flags = {"bot": True} if agent and is_bot(agent) else {}
        gathered.add(
            type="page.requested",
            time=time,
            subject=found["address"],
            method=method,
            path=path or None,
            status=int(found["status"]) if found["status"] != "-" else None,
            bytes=int(found["bytes"]) if found["bytes"] != "-" else 0,
            referrer=_plain(found["referrer"]),
            agent=agent,
            properties=as_json({name: value for name, value in more.items() if value} | flags),
        )


def _plain(said: str | None) -> str | None:
    """Without the escapes of both servers; None for a dash."""
    return None if said in (None, "", "-") else _ESCAPE.sub(_meant, said)


def _meant(escape: re.Match[str]) -> str:
    text = escape.group(1)
    return chr(int(text[1:], 16)) if len(text) == 3 else _CONTROLS.get(text, text)
