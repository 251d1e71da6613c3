"""A server on loopback that answers as a test wants it, faults and delays included, and keeps what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(frozen=True)
class Asked:
    """One request; names of headers in small letters."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Says:
    """One answer; ``body`` other than bytes and text is JSON. ``pause_s``: before it; ``drip_s``: after each byte of it."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    drip_s: float = 0.0


class Answering:
    """``answers[path]`` is what the server says there: a ``Says``, or a function of what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Says | Callable[[Asked], Says]] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                split = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(split.path, dict(parse_qsl(split.query)), headers)
                outer.asked.append(asked)
                answer = outer.answers.get(split.path, Says("nothing here", 404))
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.say(answer if isinstance(answer, Says) else answer(asked))

            def say(self, said: Says) -> None:
                body = said.body if isinstance(said.body, bytes) else None
                if body is None:
                    body = said.body.encode() if isinstance(said.body, str) else orjson.dumps(said.body)
                time.sleep(said.pause_s)
                self.send_response(said.status)
                kind = "application/json" if not isinstance(said.body, bytes | str) else "text/plain"
                for name, value in {"content-type": kind, "content-length": str(len(body)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for at in range(0, len(body), 1 if said.drip_s else max(len(body), 1)):
                    self.wfile.write(body[at : at + (1 if said.drip_s else len(body))])
                    time.sleep(said.drip_s)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://localhost:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
