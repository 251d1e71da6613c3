"""A site of its own beside ours, as a customer's: a folder over HTTP on loopback."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any


class Site:
    """Serves ``folder`` while the context lasts; any path without a file is its ``index.html``, as of a page that routes."""

    def __init__(self, folder: Path) -> None:
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

            def translate_path(self, path: str) -> str:
                found = super().translate_path(path)
                return found if Path(found).exists() else str(folder / "index.html")

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Site:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()


def until(question: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until ``question`` holds."""
    deadline = time.monotonic() + timeout_s
    while not question():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)
