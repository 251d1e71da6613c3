"""WebSockets: messages as they come, and each once where the peer can go on from a cursor."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError
from websockets.sync.server import Server, ServerConnection, serve

from actors.parts import Within
from actors.source import Reader, Source
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected, Transient
from hindcast.testing import keeps_the_source_rules
from serve.sources.websocket import KIND
from serve.sources.websocket_settings import WebSocketSection

NOW = 1_795_495_200_000_000


class Peer:
    """A server that keeps ``told``; it sends those with a number above the cursor that it is asked with, then waits."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.heard: list[str] = []
        self.headers: list[str | None] = []
        self.again = False
        """Whether it sends the message with the cursor again, too."""
        self.hang_up_after: int | None = None
        self._open: list[ServerConnection] = []
        self._server: Server = serve(self._serve, "127.0.0.1", 0)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _serve(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        self.headers.append(request.headers.get("Authorization"))
        after = parse_qs(urlsplit(request.path).query).get("after", [None])[0]
        if after is None and "hello" in request.path:
            self.heard.append(str(connection.recv(timeout=30)))
            after = json.loads(self.heard[-1]).get("after") or None
        self._open.append(connection)
        for sent, text in enumerate(list(self.told)):
            if self.hang_up_after == sent:
                connection.close()
                return
            n = json.loads(text).get("n", 0) if text.startswith("{") else 0
            if after is None or n > int(after) or (self.again and n == int(after)):
                connection.send(text)
        try:
            for text in connection:
                self.heard.append(str(text))
        except Exception:  # noqa: BLE001 - the reader left
            return

    def send(self, text: str | bytes) -> None:
        self._open[-1].send(text)

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def source(peer: Peer, folder: Path, path: str = "/feed", **said: Any) -> Callable[[], Source]:
    section = WebSocketSection.model_validate({"url": f"ws://127.0.0.1:{peer.port}{path}", **said})
    within = Within("t", folder, 0, folder, ("127.0.0.1",))
    return lambda: KIND.source(section, "feed", within)(lambda: NOW)


def rows(reader: Reader, n: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(120):
        found += reader.read().rows.to_pylist()
        if len(found) >= n:
            return found
    raise AssertionError(f"{len(found)} of {n} rows came")


RESUME = {"find": "n", "param": "after"}


def test_each_message_is_a_row_where_the_peer_goes_on_from_a_cursor(peer: Peer, tmp_path: Path) -> None:
    peer.told = [json.dumps({"n": n}) for n in range(1, 20)]
    make = source(peer, tmp_path, batch=4, resume=RESUME, value="n")
    found = keeps_the_source_rules(make, BUSINESS_EVENTS, of=("value",))
    assert [value for (value,) in found] == list(range(1, 20))


def test_the_last_message_sent_again_is_not_recorded_again(peer: Peer, tmp_path: Path) -> None:
    peer.told, peer.again = [json.dumps({"n": n}) for n in (1, 2, 3)], True
    make = source(peer, tmp_path, batch=2, resume=RESUME, value="n")
    first = make().open(None)
    read = first.read()
    assert read.rows.column("value").to_pylist() in ([1.0], [1.0, 2.0])
    rest = rows(make().open(read.position), 3 - read.rows.num_rows)
    assert [row["value"] for row in rest] == [1.0, 2.0, 3.0][read.rows.num_rows :]


def test_what_came_before_a_break_is_recorded_and_the_break_is_said(peer: Peer, tmp_path: Path) -> None:
    peer.told, peer.hang_up_after = [json.dumps({"n": n}) for n in (1, 2, 3)], 2
    reader = source(peer, tmp_path, value="n")().open(None)
    assert len(rows(reader, 2)) == 2
    with pytest.raises(Transient, match="ws://127"):
        for _ in range(120):
            reader.read()


def test_it_says_what_it_wants_with_its_cursor_and_who_asks(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0k3n")
    peer.told = [json.dumps({"n": n}) for n in (1, 2)]
    hello = json.dumps({"op": "subscribe", "after": "{cursor}"})
    said = {"send": [hello], "resume": {"find": "n"}, "auth": {"secret": "file:token"}, "value": "n"}
    make = source(peer, tmp_path, "/hello", **said)
    first = make().open(None)
    rows(first, 2)
    position = first.read().position
    first.close()
    second = make().open(position)
    second.read()
    second.close()
    assert [json.loads(text)["after"] for text in peer.heard] == ["", "2"]
    assert peer.headers == ["Bearer t0k3n"] * 2


def test_a_message_that_is_no_json_is_refused(peer: Peer, tmp_path: Path) -> None:
    peer.told = ["hello", '{"n": 1}']
    reader = source(peer, tmp_path, value="n")().open(None)
    refused: list[dict[str, Any]] = []
    found = 0
    for _ in range(120):
        read = reader.read()
        found += read.rows.num_rows
        refused += read.refused.to_pylist() if read.refused else []
        if found and refused:
            break
    assert [row["payload"] for row in refused] == [b"hello"]
    assert found == 1


def test_a_private_peer_is_asked_only_by_name_and_one_that_is_away_is_said(tmp_path: Path, peer: Peer) -> None:
    section = WebSocketSection(url=f"ws://127.0.0.1:{peer.port}/feed")
    with pytest.raises(Rejected, match=r"fetching\.allow_private"):
        KIND.source(section, "feed", Within("t", tmp_path, 0, tmp_path))(lambda: NOW).open(None)
    away = WebSocketSection(url="ws://127.0.0.1:9/feed")
    with pytest.raises(Transient, match=r"ws://127\.0\.0\.1:9/feed"):
        KIND.source(away, "feed", Within("t", tmp_path, 0, tmp_path, ("127.0.0.1",)))(lambda: NOW).open(None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"url": "https://x"}, "pattern"),
        ({"resume": {"find": "n"}}, "needs a place for the cursor"),
        ({"send": ["{cursor}"]}, "does not say where to find one"),
    ],
)
def test_settings_that_cannot_be_are_refused(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        WebSocketSection.model_validate({"url": "wss://feed.example", **said})
