"""`hindcast move` waits for its order, says how far it is, and ends with an error where it cannot be carried out."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from hindcast.cli import placement
from hindcast.cli.placement import move


class Server:
    """Answers one placement after the other; the last one again and again."""

    def __init__(self, *placements: dict[str, Any]) -> None:
        self._placements = list(placements)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None: ...

    def client(self) -> Server:
        return self

    def move(self, cell: str, host: str) -> dict[str, Any]:
        return {**self._placements[0], "order": 5}

    def placement(self) -> dict[str, Any]:
        return self._placements.pop(0) if len(self._placements) > 1 else self._placements[0]


def shown(done: int, going: str | None = None, failed: str = "") -> dict[str, Any]:
    mine = {"cell": "a", "kind": "alerts", "host": "here", "going": going}
    cells = [mine, {"cell": "b", "kind": "alerts", "host": "x", "going": None}]
    return {"placement": "mixed", "cells": cells, "done": done, "failed": failed}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "POLL_S", 0.0)


def run(monkeypatch: pytest.MonkeyPatch, server: Server, *arguments: str) -> Any:
    monkeypatch.setattr(placement, "Target", lambda *_: server)
    return CliRunner().invoke(move, ["a", "there", *arguments])


def test_it_waits_and_says_how_many_cells_are_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(monkeypatch, Server(shown(4), shown(4, "there"), shown(4, "there"), shown(5)))
    assert said.exit_code == 0
    assert said.stderr.count("1 of 2 cells are where they are to be") == 1
    assert "going" not in said.stdout


def test_or_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(monkeypatch, Server(shown(4, "there")), "--no-wait")
    assert (said.exit_code, said.stderr) == (0, "")
    assert "going" in said.stdout and "there" in said.stdout


def test_an_order_that_cannot_be_carried_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(monkeypatch, Server(shown(4), shown(5, failed="cell: there is no cell 'a'")))
    assert (said.exit_code, "there is no cell 'a'" in said.stderr) == (1, True)


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "PATIENCE_S", 0.05)
    said = run(monkeypatch, Server(shown(4, "there")))
    assert (said.exit_code, "nothing came of it so far" in said.stderr) == (1, True)
